package relay

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// answer is what the origin answers to one name, as it comes: it is read by many while it grows, and kept when it is whole.
type answer struct {
	key   string
	began time.Time

	// Of these the cache's lock is held.
	waiting int           // clients that want it
	counted int64         // bytes of it that count
	place   *list.Element // in the order of use; nil while it is not kept
	used    time.Time
	cancel  context.CancelFunc // ends the request to the origin

	mu      sync.Mutex
	head    *head  // nil until it comes
	body    []byte // only appended to: what has been read stays as it is
	ended   bool
	err     error         // why it is not whole
	changed chan struct{} // closed at the next change
}

func newAnswer(key string, cancel context.CancelFunc) *answer {
	now := time.Now()
	return &answer{key: key, began: now, used: now, cancel: cancel, changed: make(chan struct{})}
}

// change changes the answer, and wakes who waits for that.
func (a *answer) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	close(a.changed)
	a.changed = make(chan struct{})
}

// state is what there is of an answer.
type state struct {
	head  *head
	body  []byte
	ended bool
	err   error
}

// now is the state, and what is closed when there is another one.
func (a *answer) now() (state, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return state{a.head, a.body, a.ended, a.err}, a.changed
}

// await waits for a state that satisfies the condition, or has no other after it. ok is false when the client has gone.
func (a *answer) await(ctx context.Context, condition func(state) bool) (s state, ok bool) {
	for {
		s, changed := a.now()
		if s.ended || condition(s) {
			return s, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s, false
		}
	}
}

// joinable reports whether somebody who asks now may have it: it is still to come, or fresh.
func (a *answer) joinable(now time.Time) bool {
	s, _ := a.now()
	if s.head == nil {
		return !s.ended
	}
	return s.err == nil && s.head.fresh(now)
}
