package media

import (
	"sync"
	"time"
)

// Tap is a bounded queue between a Track and one reader that may be slow. When it is full, a video tap drops all it holds
// and everything up to the next key frame, which it asks for; an audio tap drops its oldest packet.
//
//	for range tap.Ready() {
//		for p, ok := tap.Next(); ok; p, ok = tap.Next() {
//			…
//			p.Release()
//		}
//		if tap.Ended() {
//			return
//		}
//	}
type Tap struct {
	track  *Track
	ready  chan struct{} // never closed: Ended tells the end
	signal func()        // makes ready receive, or does what it is there for

	mu      sync.Mutex
	ring    []*Packet
	head, n int
	waiting bool // for a key frame
	ended   bool
	closed  bool
	dropped uint64
}

func newTap(t *Track, capacity int) *Tap {
	tap := &Tap{track: t, ring: make([]*Packet, max(capacity, 1)), ready: make(chan struct{}, 1)}
	tap.signal = tap.makeReady
	return tap
}

// Ready receives when packets have come since Next last found none, and at the end; once for any number of them.
func (t *Tap) Ready() <-chan struct{} { return t.ready }

// Next takes the oldest packet, or returns false at once when there is none. The caller releases it.
func (t *Tap) Next() (*Packet, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == 0 {
		return nil, false
	}
	return t.pop(), true
}

// Oldest is when the oldest packet that the tap holds came; the zero time when it holds none.
func (t *Tap) Oldest() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == 0 {
		return time.Time{}
	}
	return t.ring[t.head].Arrival
}

// Ended reports whether the track has ended (or the tap was closed) and every packet has been taken.
func (t *Tap) Ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended && t.n == 0
}

// Dropped counts the packets that the reader was too slow for.
func (t *Tap) Dropped() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped
}

// Close detaches the tap and releases what it holds. It may be called more than once.
func (t *Tap) Close() {
	t.track.Unsubscribe(t)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	t.closed = true
	t.end()
}

// Deliver implements Subscriber.
func (t *Tap) Deliver(p *Packet) {
	if t.push(p) {
		t.track.RequestKeyFrame()
	}
}

// End implements Subscriber.
func (t *Tap) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end()
}

func (t *Tap) end() {
	t.ended = true
	t.signal()
}

// push queues the packet or drops it, and reports whether a key frame is needed to go on.
func (t *Tap) push(p *Packet) (needKey bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return false
	case t.n == len(t.ring):
		t.overflow()
	}
	if p.Report == nil && t.waiting {
		if !p.KeyFrame {
			t.dropped++
			return true
		}
		t.waiting = false
	}
	t.append(p)
	return false
}

// overflow makes room: for sound by its oldest packet, for pictures by all of them, since one missing spoils the rest.
func (t *Tap) overflow() {
	if t.track.kind == KindAudio {
		t.drop()
		return
	}
	t.clear()
	t.waiting = true
}

func (t *Tap) append(p *Packet) {
	p.Retain()
	t.ring[(t.head+t.n)%len(t.ring)] = p
	t.n++
	if t.n == 1 {
		t.signal()
	}
}

func (t *Tap) pop() *Packet {
	p := t.ring[t.head]
	t.ring[t.head] = nil
	t.head = (t.head + 1) % len(t.ring)
	t.n--
	return p
}

func (t *Tap) drop() {
	p := t.pop()
	if p.Report == nil {
		t.dropped++
	}
	p.Release()
}

func (t *Tap) clear() {
	for t.n > 0 {
		t.drop()
	}
}

func (t *Tap) makeReady() {
	select {
	case t.ready <- struct{}{}:
	default:
	}
}
