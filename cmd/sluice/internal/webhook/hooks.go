package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/public/panics"
)

// maxOffered is how many events wait to be put into the queues.
const maxOffered = 1024

// Hooks are all targets.
type Hooks struct {
	targets []*target
	offered chan Event
	lost    atomic.Uint64
	told    bool // that events are lost; of distribute
	log     *slog.Logger
}

// New reads what earlier processes have left to tell. What was for a target that is configured no more is deleted. Nothing is told before Run.
func New(o Options) (*Hooks, error) {
	h := &Hooks{offered: make(chan Event, maxOffered), log: o.Logger}
	if o.files == nil {
		o.files = disk.OS{}
	}
	if err := Validate(o.Targets); err != nil {
		return nil, err
	}
	if len(o.Targets) > 0 {
		if err := o.files.MkdirAll(o.Dir); err != nil {
			return nil, fmt.Errorf("make the directory of webhooks: %w", err)
		}
	}
	disk.RemoveTemporary(o.Dir)
	kept := map[string]bool{}
	names := map[string]int{}
	for _, of := range o.Targets {
		file := filepath.Join(o.Dir, fileName(of.URL))
		kept[file] = true
		name := of.host()
		if names[name]++; names[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, names[name])
		}
		t, err := newTarget(of, name, file, o)
		if err != nil {
			return nil, err
		}
		h.targets = append(h.targets, t)
	}
	h.forget(o, kept)
	return h, nil
}

// fileName is that of a target's journal.
func fileName(url string) string {
	digest := sha256.Sum256([]byte(url))
	return hex.EncodeToString(digest[:8]) + journalSuffix
}

// forget deletes the journals of targets that are configured no more.
func (h *Hooks) forget(o Options, kept map[string]bool) {
	files, err := filepath.Glob(filepath.Join(o.Dir, strings.Repeat("[0-9a-f]", 16)+journalSuffix))
	if err != nil {
		return // a directory with a bracket in its name
	}
	for _, file := range files {
		if !kept[file] {
			h.log.Info("events for a webhook are deleted: it is configured no more", "file", file)
			_ = o.files.Remove(file) // the next start tries again
		}
	}
}

// Tell has the targets told of an event. It never waits: where too many events have come at once, it is counted as lost.
func (h *Hooks) Tell(e Event) {
	if len(h.targets) == 0 {
		return
	}
	select {
	case h.offered <- e:
	default:
		h.lost.Add(1)
	}
}

// Run tells events until ctx ends, and then for a second at most what has never been tried. What is left is told after the next start.
func (h *Hooks) Run(ctx context.Context) {
	var targets sync.WaitGroup
	telling, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	for _, t := range h.targets {
		targets.Go(func() { panics.Keep(telling, h.log, "a webhook", func() { t.run(telling) }) })
	}
	panics.Keep(ctx, h.log, "the webhooks", func() { h.distribute(ctx) })
	stop() // what distribute has queued last is tried once
	targets.Wait()
	for _, t := range h.targets {
		t.close()
	}
}

// distribute puts events into the queues until ctx ends and there are none.
func (h *Hooks) distribute(ctx context.Context) {
	for {
		select {
		case e := <-h.offered:
			h.queue(e)
			continue
		case <-ctx.Done():
		}
		select {
		case e := <-h.offered:
			h.queue(e)
		default:
			return
		}
	}
}

func (h *Hooks) queue(e Event) {
	if !h.told && h.Lost() > 0 {
		h.told = true
		h.log.Error("events are lost for webhooks: too many came at once")
	}
	m, err := newMessage(e)
	if err == nil && !m.valid() {
		err = fmt.Errorf("%d bytes are too many", len(m.Body))
	}
	if err != nil {
		h.lost.Add(1)
		h.log.Error("an event cannot be told", "type", e.Type, "error", err)
		return
	}
	for _, t := range h.targets {
		if t.wants(e.Type) {
			t.add(m)
		}
	}
}

// Lost is how many events came too fast, or were too long, to be told.
func (h *Hooks) Lost() uint64 { return h.lost.Load() }

// States are those of the targets, in the order of the configuration.
func (h *Hooks) States() []State {
	states := make([]State, 0, len(h.targets))
	for _, t := range h.targets {
		states = append(states, t.State())
	}
	return states
}
