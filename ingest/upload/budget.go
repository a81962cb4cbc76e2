package upload

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/refusal"
)

const (
	// heldBytes is how many bytes of recordings all uploads together may hold before they are played.
	heldBytes = 256 << 20
	// budgetPoll is the time between two looks whether there is room again.
	budgetPoll = 50 * time.Millisecond
)

// errBudget says that all uploads together hold as much as they may.
var errBudget = errors.New("the server holds as much of uploads as it can")

// budget counts the bytes that uploads hold.
type budget struct {
	limit   int64
	held    atomic.Int64
	refused atomic.Uint64 // requests that were answered with 503
}

// reserve reports whether n more bytes may be held, and counts them if so.
func (b *budget) reserve(n int) bool {
	if b.held.Add(int64(n)) > b.limit {
		b.release(n)
		return false
	}
	return true
}

func (b *budget) release(n int) { b.held.Add(-int64(n)) }

// full reports whether nothing more may be held.
func (b *budget) full() bool { return b.held.Load() >= b.limit }

func (b *budget) refuse() *refusal.Refusal {
	b.refused.Add(1)
	return refusal.New(http.StatusServiceUnavailable, "The server holds as much of uploads as it can (%d MiB): send this again in a few seconds.", b.limit>>20).After(3)
}

// Held is how many bytes of recordings wait to be played, in all uploads.
func (us *Uploads) Held() int64 { return us.budget.held.Load() }

// Refused counts the requests that were refused because all uploads together held too much.
func (us *Uploads) Refused() uint64 { return us.budget.refused.Load() }

// budgetReader reserves what it reads.
type budgetReader struct {
	io.Reader
	budget   *budget
	reserved int
}

func (r *budgetReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if !r.budget.reserve(n) {
		return 0, errBudget
	}
	r.reserved += n
	return n, err
}

// giveBack releases all that was reserved.
func (r *budgetReader) giveBack() {
	r.budget.release(r.reserved)
	r.reserved = 0
}
