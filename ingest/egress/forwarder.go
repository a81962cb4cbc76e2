package egress

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/sluice-live/sluice/public/panics"
)

// Forwarders send to all viewers, one for each core: a packet that a hundred viewers get wakes no more goroutines than can run.
// That is safe because no write waits for a single viewer's network: UDP has one queue for all, and over TCP each has its own,
// which drops what does not fit.
type Forwarders struct {
	mu  sync.Mutex
	all []*forwarder
}

// forwarder lets its viewers have their turns, one after the other.
type forwarder struct {
	viewers int // under the lock of all forwarders

	mu   sync.Mutex
	due  []*Viewer // each once at most
	wake chan struct{}
}

// NewForwarders makes one forwarder for each core, to be run by Run.
func NewForwarders() *Forwarders {
	fs := &Forwarders{}
	for range runtime.GOMAXPROCS(0) {
		fs.all = append(fs.all, &forwarder{wake: make(chan struct{}, 1)})
	}
	return fs
}

// Run forwards until ctx ends. No viewer gets anything afterwards.
func (fs *Forwarders) Run(ctx context.Context) {
	var running sync.WaitGroup
	for _, f := range fs.all {
		running.Go(func() { panics.Keep(ctx, nil, "the forwarding to viewers", func() { f.run(ctx.Done()) }) })
	}
	running.Wait()
}

// engage returns the forwarder that has the fewest viewers. The caller dismisses it.
func (fs *Forwarders) engage() *forwarder {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := slices.MinFunc(fs.all, func(a, b *forwarder) int { return cmp.Compare(a.viewers, b.viewers) })
	f.viewers++
	return f
}

func (fs *Forwarders) dismiss(f *forwarder) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.viewers--
}

func (f *forwarder) run(stopped <-chan struct{}) {
	var now []*Viewer
	for {
		select {
		case <-stopped:
			return
		case <-f.wake:
		}
		f.mu.Lock()
		now, f.due = f.due, now[:0]
		f.mu.Unlock()
		for i, v := range now {
			f.turn(v)
			now[i] = nil
		}
	}
}

// turn gives one viewer its turn. Others do not fail with it.
func (f *forwarder) turn(v *Viewer) {
	defer v.session.Contain()
	v.turn()
}

// add gives a viewer a turn.
func (f *forwarder) add(v *Viewer) {
	f.mu.Lock()
	f.due = append(f.due, v)
	first := len(f.due) == 1
	f.mu.Unlock()
	if !first {
		return
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}
