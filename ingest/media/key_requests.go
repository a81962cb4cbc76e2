package media

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// keyInterval is the shortest time between two key-frame requests to one track.
	keyInterval = 500 * time.Millisecond
	// keyAnswer is how long a publisher may take to answer one: by then it has been asked three times.
	keyAnswer = 1400 * time.Millisecond
)

// keyRequests merges everybody's wishes for a key frame into few requests: a wish stands until a key frame begins, and is
// repeated with the packets that come meanwhile. It needs no timer: without packets there is nobody to ask.
type keyRequests struct {
	wanted atomic.Bool
	silent atomic.Bool // the publisher has answered no request lately

	mu    sync.Mutex
	send  func()
	last  time.Time
	sent  uint64
	since time.Time // when the first request was sent that has no answer; zero: all have
}

func (k *keyRequests) setSend(send func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.send = send
}

func (k *keyRequests) request(now time.Time) {
	k.wanted.Store(true)
	k.flush(now)
}

// satisfy notes a key frame, whether it is an answer or not.
func (k *keyRequests) satisfy(now time.Time) {
	if !k.wanted.Load() {
		return
	}
	k.wanted.Store(false)
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.since.IsZero() && now.Sub(k.since) < keyAnswer {
		k.silent.Store(false)
	}
	k.since = time.Time{}
}

func (k *keyRequests) flush(now time.Time) {
	if !k.wanted.Load() {
		return
	}
	if send := k.due(now); send != nil {
		send()
	}
}

func (k *keyRequests) due(now time.Time) func() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.send == nil || (k.sent > 0 && now.Sub(k.last) < keyInterval) {
		return nil
	}
	switch {
	case k.since.IsZero():
		k.since = now
	case now.Sub(k.since) >= keyAnswer:
		k.silent.Store(true)
	}
	k.last = now
	k.sent++
	return k.send
}

func (k *keyRequests) count() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sent
}
