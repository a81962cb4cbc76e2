package webhook

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// maxQueued is how many messages wait for one target; the oldest go for newer ones.
	maxQueued = 10_000
	// atOnce is how many requests to a target are under way at once, and againAtOnce how many of them may be repeated ones: those of what
	// fails never take the places of what has not failed.
	atOnce, againAtOnce = 4, 2
	// leastPause and mostPause are between two tries of a message; each pause is twice the one before, less a random part of a half.
	leastPause, mostPause = 2 * time.Second, 5 * time.Minute
	// mostAsked is the longest pause that a target may ask for (Retry-After).
	mostAsked = time.Hour
	// maxAge is for how long a message is tried.
	maxAge = 72 * time.Hour
)

// queue holds what a target has not taken. Its methods are called under the target's lock, and wait for nothing.
type queue struct {
	lanes  map[string]*lane
	fresh  []*lane // whose first message has not been tried, in the order of these messages
	failed waiting // whose first message has failed
	order  []*entry
	n      int

	running, again int // requests under way, and how many of them are repeated ones
	failing        int // lanes whose first message has failed
}

// entry is a message in the queue.
type entry struct {
	*message
	lane  *lane
	since time.Time // that it has waited here
	gone  bool
}

// lane is what a stream, say, has in the queue: its messages are told one after the other.
type lane struct {
	about    string
	entries  []*entry // oldest first
	busy     bool     // the first one is under way
	repeated bool     // and was before
	failures int      // of the first one, in a row with those before it
	due      time.Time
	woken    bool // since it has begun to fail it was tried early, because another lane's message was taken
	index    int  // in waiting, or -1
}

func newQueue() queue { return queue{lanes: map[string]*lane{}} }

// add puts a message at the end. It returns the one that had to go for it, or nil.
func (q *queue) add(m *message, now time.Time) (dropped *message) {
	if q.n == maxQueued {
		dropped = q.dropOldest()
	}
	l := q.lanes[m.About]
	if l == nil {
		l = &lane{about: m.About, index: -1}
		q.lanes[m.About] = l
	}
	e := &entry{message: m, lane: l, since: now}
	l.entries = append(l.entries, e)
	q.order = append(q.order, e)
	q.n++
	if len(l.entries) == 1 {
		q.fresh = append(q.fresh, l)
	}
	return dropped
}

// dropOldest gives up the oldest message that is not under way.
func (q *queue) dropOldest() *message {
	for q.order[0].gone {
		q.order = q.order[1:]
	}
	for _, e := range q.order {
		if e.gone || e.lane.busy && e.lane.entries[0] == e {
			continue
		}
		q.remove(e)
		return e.message
	}
	return nil
}

// remove takes out an entry that is not under way.
func (q *queue) remove(e *entry) {
	l := e.lane
	i := slices.Index(l.entries, e)
	l.entries = slices.Delete(l.entries, i, i+1)
	e.gone = true
	q.n--
	if len(l.entries) == 0 {
		q.discard(l)
	}
	if len(q.order) > 2*q.n+64 {
		q.order = slices.DeleteFunc(q.order, func(e *entry) bool { return e.gone })
	}
}

// discard forgets a lane in which nothing is left.
func (q *queue) discard(l *lane) {
	delete(q.lanes, l.about)
	q.recover(l)
	q.fresh = slices.DeleteFunc(q.fresh, func(other *lane) bool { return other == l })
	if l.index >= 0 {
		heap.Remove(&q.failed, l.index)
	}
}

// recover notes that a lane fails no more.
func (q *queue) recover(l *lane) {
	if l.failures > 0 {
		q.failing--
	}
	l.failures, l.woken = 0, false
}

// next is the message to be tried now, and nil where there is none or no room.
func (q *queue) next(now time.Time) *entry {
	var l *lane
	switch {
	case q.running >= atOnce:
		return nil
	case len(q.fresh) > 0:
		l, q.fresh = q.fresh[0], q.fresh[1:]
	case len(q.failed) > 0 && q.again < againAtOnce && !now.Before(q.failed[0].due):
		l = heap.Pop(&q.failed).(*lane)
	default:
		return nil
	}
	if l.busy, l.repeated = true, l.failures > 0; l.repeated {
		q.again++
	}
	q.running++
	return l.entries[0]
}

// wait is how long there is nothing to be tried, if nothing changes; false: for ever.
func (q *queue) wait(now time.Time) (time.Duration, bool) {
	if len(q.failed) == 0 || q.running >= atOnce || q.again >= againAtOnce {
		return 0, false
	}
	return max(q.failed[0].due.Sub(now), 0), true
}

// returned notes that the request of a message is over.
func (q *queue) returned(e *entry) {
	q.running--
	if e.lane.repeated {
		q.again--
	}
	e.lane.busy = false
}

// taken removes a message that the target has, and has what else failed tried early, once: the target may have been away as a whole.
func (q *queue) taken(e *entry, now time.Time) {
	q.returned(e)
	l := e.lane
	q.recover(l)
	q.remove(e)
	if len(l.entries) > 0 {
		q.fresh = append(q.fresh, l)
	}
	for _, l := range slices.Clone(q.failed) {
		if !l.woken {
			l.woken, l.due = true, now
			heap.Fix(&q.failed, l.index)
		}
	}
}

// refused has a message tried again after a pause, or gives it up when it is too old, and reports that. asked is the pause that the target
// wants at least.
func (q *queue) refused(e *entry, now time.Time, asked time.Duration) (old bool) {
	q.returned(e)
	l := e.lane
	if l.failures++; l.failures == 1 {
		q.failing++
	}
	l.due = now.Add(max(pauseAfter(l.failures), min(asked, mostAsked)))
	heap.Push(&q.failed, l)
	if old = now.Sub(e.since) >= maxAge; old {
		q.remove(e)
	}
	return old
}

// interrupted puts a message back whose request was given up here.
func (q *queue) interrupted(e *entry) {
	q.returned(e)
	q.fresh = append(q.fresh, e.lane)
}

// pauseAfter is the pause after so many failures in a row. It has a random part, so that what has failed together is not tried together.
func pauseAfter(failures int) time.Duration {
	pause := min(leastPause<<min(failures-1, 16), mostPause)
	return pause/2 + rand.N(pause/2+1)
}

// messages are those in the queue, oldest first.
func (q *queue) messages() []*message {
	all := make([]*message, 0, q.n)
	for _, e := range q.order {
		if !e.gone {
			all = append(all, e.message)
		}
	}
	return all
}

// waiting are lanes by the time at which they are due: a heap.
type waiting []*lane

// Len implements heap.Interface.
func (w waiting) Len() int { return len(w) }

// Less implements heap.Interface.
func (w waiting) Less(i, j int) bool { return w[i].due.Before(w[j].due) }

// Swap implements heap.Interface.
func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

// Push implements heap.Interface.
func (w *waiting) Push(x any) {
	l := x.(*lane)
	l.index = len(*w)
	*w = append(*w, l)
}

// Pop implements heap.Interface.
func (w *waiting) Pop() any {
	last := len(*w) - 1
	l := (*w)[last]
	l.index = -1
	*w = (*w)[:last]
	return l
}
