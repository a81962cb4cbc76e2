package media

import (
	"sync"
	"sync/atomic"
	"time"
)

// keyInterval is the shortest time between two key-frame requests to one track.
const keyInterval = 500 * time.Millisecond

// keyRequests merges everybody's wishes for a key frame into few requests: a wish stands until a key frame begins, and is
// repeated with the packets that come meanwhile. It needs no timer: without packets there is nobody to ask.
type keyRequests struct {
	wanted atomic.Bool

	mu   sync.Mutex
	send func()
	last time.Time
	sent uint64
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

func (k *keyRequests) satisfy() {
	if k.wanted.Load() {
		k.wanted.Store(false)
	}
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
	k.last = now
	k.sent++
	return k.send
}

func (k *keyRequests) count() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sent
}
