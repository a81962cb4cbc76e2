package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook/signature"
	"github.com/sluice-live/sluice/public/panics"
)

// lastWithin is for what has not been tried when the service stops, and for what is under way.
const lastWithin = time.Second

// State is how a target stands.
type State struct {
	Target    string // its host, and a number behind it where several have the same
	Queued    int    // messages that it has not taken
	Delivered uint64 // messages that it has taken
	Failures  uint64 // requests that failed
	Full      uint64 // messages given up because too many waited
	Old       uint64 // because they had been tried for too long
	Gone      uint64 // because the target wants no more (410)
	Unkept    bool   // the journal cannot be written
}

// target tells one server.
type target struct {
	Target
	name    string
	key     signature.Key
	client  *http.Client
	log     *slog.Logger
	journal *journal
	wake    chan struct{} // capacity 1: the queue is another

	mu    sync.Mutex // held for no I/O
	queue queue
	state State
	over  bool // the target wants no more
}

// newTarget goes on with what is in the journal of that name.
func newTarget(of Target, name, file string, o Options) (*target, error) {
	key, err := signature.ParseKey(of.Secret)
	if err != nil {
		return nil, err
	}
	t := &target{
		Target: of, name: name, key: key, client: newClient(o.transport), log: o.Logger.With("webhook", name),
		wake: make(chan struct{}, 1), queue: newQueue(),
	}
	left, damaged, err := readJournal(file)
	if err != nil {
		return nil, err
	}
	if damaged > 0 {
		t.log.Warn("lines of the file of events for a webhook are damaged, and left out", "file", file, "lines", damaged)
	}
	for _, m := range left {
		t.queue.add(m, time.Now())
	}
	t.journal = newJournal(o.files, file, t.log, t.messages)
	t.journal.rewrite() // without what is damaged or has been taken
	if len(left) > 0 {
		t.log.Info("events from before are told to a webhook", "events", len(left))
	}
	return t, nil
}

// add puts a message into the queue, and the journal.
func (t *target) add(m *message) {
	t.mu.Lock()
	if t.over {
		t.state.Gone++
		t.mu.Unlock()
		return
	}
	dropped := t.queue.add(m, time.Now())
	t.journal.add(m)
	if dropped != nil {
		t.state.Full++
		t.journal.done(dropped.ID)
	}
	first := dropped != nil && t.state.Full == 1
	t.mu.Unlock()
	if first {
		t.log.Error("too many events wait for a webhook: the oldest are given up for newer ones", "waiting", maxQueued)
	}
	t.rouse()
}

func (t *target) rouse() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *target) messages() []*message {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.queue.messages()
}

// State is how the target stands.
func (t *target) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.state
	s.Target, s.Queued, s.Unkept = t.name, t.queue.n, t.journal.failing.Load()
	return s
}

// run begins requests until ctx ends, and those that have never been tried for a second more.
func (t *target) run(ctx context.Context) {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var under sync.WaitGroup
	defer under.Wait()
	defer cancel()
	under.Go(func() { panics.Keep(requests, t.log, "the file of a webhook", func() { t.journal.run(requests) }) })
	var last <-chan time.Time
	ending := ctx.Done()
	for {
		t.begin(requests, &under)
		again, stop := t.timer(last != nil)
		select {
		case <-t.wake:
		case <-again:
		case <-ending:
			ending, last = nil, time.After(lastWithin)
		case <-last:
			stop()
			return
		}
		stop()
		if last != nil && t.idle() {
			return
		}
	}
}

// close lets go of the files and connections, when Run has ended.
func (t *target) close() {
	t.client.CloseIdleConnections()
	t.journal.close()
}

// idle reports whether there is nothing to be tried for the first time, and nothing under way.
func (t *target) idle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.queue.running == 0 && len(t.queue.fresh) == 0
}

// timer receives when something is to be tried again; in the end nothing is.
func (t *target) timer(ending bool) (again <-chan time.Time, stop func()) {
	t.mu.Lock()
	wait, ok := t.queue.wait(time.Now())
	t.mu.Unlock()
	if !ok || ending {
		return nil, func() {}
	}
	timer := time.NewTimer(wait)
	return timer.C, func() { timer.Stop() }
}

// begin begins the requests that there is room for.
func (t *target) begin(ctx context.Context, under *sync.WaitGroup) {
	for {
		t.mu.Lock()
		e := t.queue.next(time.Now())
		t.mu.Unlock()
		if e == nil {
			return
		}
		under.Go(func() {
			var err error
			if fault := panics.Contain(t.log, "a webhook", func() { err = t.post(ctx, e.message) }); fault != nil {
				err = fault
			}
			t.ended(ctx, e, err)()
			t.rouse()
		})
	}
}

// ended notes what has become of a request. What it returns logs the first failure, the end of all of them, and what is given up.
func (t *target) ended(ctx context.Context, e *entry, err error) (say func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	failing := t.queue.failing > 0
	switch why := (*refusedError)(nil); {
	case t.over:
	case err == nil:
		t.queue.taken(e, time.Now())
		t.state.Delivered++
		t.journal.done(e.ID)
		if failing && t.queue.failing == 0 {
			waiting := t.queue.n
			return func() { t.log.Info("events are taken by a webhook again", "waiting", waiting) }
		}
	case ctx.Err() != nil:
		t.queue.interrupted(e)
	case errors.As(err, &why) && why.status == http.StatusGone:
		return t.giveUp()
	default:
		t.state.Failures++
		return t.refused(e, err, why, failing)
	}
	return func() {}
}

// refused has a message tried again later, or gives it up. The caller holds mu.
func (t *target) refused(e *entry, err error, why *refusedError, failing bool) (say func()) {
	var asked time.Duration
	if why != nil {
		asked = why.after
	}
	log := t.log.With("type", e.Type, "about", e.About, "error", err)
	if t.queue.refused(e, time.Now(), asked) {
		t.state.Old++
		t.journal.done(e.ID)
		if t.state.Old == 1 {
			return func() {
				log.Error("an event is given up that a webhook has not taken for long; so are others", "long", maxAge)
			}
		}
	}
	if failing {
		return func() {}
	}
	return func() { log.Warn("an event is not taken by a webhook; it is told again until it is") }
}

// giveUp stops telling the target, which has answered 410: until the next start. The caller holds mu.
func (t *target) giveUp() (say func()) {
	left := t.queue.n
	t.over, t.queue = true, newQueue()
	t.state.Gone += uint64(left)
	t.journal.rewrite()
	return func() {
		t.log.Error("a webhook wants no more events (410): it is told none until the next start", "given up", left)
	}
}
