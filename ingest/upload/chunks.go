package upload

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/public/prefix"
)

const (
	MaxChunk    = 4 << 20 // of the longest chunk
	ChunkWindow = 16      // chunks that may be under way at once
	chunkShare  = 16      // of them those of one client
	chunkReads  = 64      // chunks of all uploads that are being received
	chunkMost   = 1 << 30 // the highest number
)

// uploadName is the grammar of the name that a client gives to an upload in chunks.
var uploadName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// chunkedUpload is an upload that comes as numbered requests, which may come in any order within the window, and more than once.
type chunkedUpload struct {
	*upload

	mu    sync.Mutex
	next  int            // the number that is waited for
	last  int            // the number of the last; -1: unknown
	early map[int][]byte // those that have come before their turn
	held  int            // bytes of them
	gone  []int          // those that have been given up
	idle  *time.Timer

	gap     *time.Timer // ends the waiting for a chunk; nil while no other is there
	awaited int         // its number
}

// chunkRequest is what a client says of a chunk.
type chunkRequest struct {
	upload string // its name for it
	number int
	last   bool
}

func parseChunk(q url.Values) (c chunkRequest, p *refusal.Refusal) {
	n, err := strconv.ParseUint(q.Get("chunk"), 10, 63)
	if err != nil || n > chunkMost {
		return c, refusal.New(http.StatusBadRequest, "Number the chunks 0, 1, 2 …: ?chunk=N&upload=NAME.")
	}
	if !uploadName.MatchString(q.Get("upload")) {
		return c, refusal.New(http.StatusBadRequest, "Give each upload a name of its own, 1 to 64 letters, digits, _ and -: ?chunk=N&upload=NAME.")
	}
	return chunkRequest{q.Get("upload"), int(n), q.Has("last")}, nil
}

// postChunk takes a numbered chunk.
func (us *Uploads) postChunk(w http.ResponseWriter, r *http.Request, stream string, body io.Reader) *refusal.Refusal {
	c, problem := parseChunk(r.URL.Query())
	if problem != nil {
		return problem
	}
	client := session.ClientOf(r)
	switch err := us.reads.Take(client); {
	case errors.Is(err, quota.ErrShare):
		return refusal.New(http.StatusTooManyRequests, "Your address sends all the chunks it may at once (%d): send this one again in a second.", chunkShare).After(1)
	case err != nil:
		return refusal.New(http.StatusTooManyRequests, "The server receives all the chunks it can at once (%d): send this one again in a second.", chunkReads).After(1)
	}
	defer us.reads.Release(client)
	held := &budgetReader{Reader: io.LimitReader(body, MaxChunk+1), budget: us.budget}
	piece, problem := us.readChunk(held)
	if problem != nil {
		held.giveBack()
		return problem
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	u, problem := us.chunkedUpload(r, stream, c)
	if problem != nil {
		held.giveBack()
		return problem
	}
	kept, duplicate, problem := u.add(c, piece)
	if !kept {
		held.giveBack()
	}
	if problem != nil {
		return problem
	}
	status := http.StatusAccepted
	if duplicate {
		status = http.StatusOK
	}
	w.Header().Set("Location", prefix.Of(r)+u.session.Path())
	writeUpload(w, status, u.answer(duplicate))
	return nil
}

// readChunk reads a chunk to its end.
func (us *Uploads) readChunk(body io.Reader) ([]byte, *refusal.Refusal) {
	piece, err := io.ReadAll(body)
	switch {
	case errors.Is(err, errBudget):
		return nil, us.budget.refuse()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refusal.New(http.StatusRequestTimeout, "The chunk did not come within %v: send it again.", us.config.Body)
	case err != nil:
		return nil, refusal.New(http.StatusBadRequest, "The chunk could not be read: %v: send it again.", err)
	case len(piece) > MaxChunk:
		return nil, refusal.New(http.StatusRequestEntityTooLarge, "The chunk is longer than %d bytes: send shorter ones.", MaxChunk)
	}
	return piece, nil
}

// chunkedUpload finds the upload of that name, or begins it with one of its first chunks.
func (us *Uploads) chunkedUpload(r *http.Request, stream string, c chunkRequest) (*chunkedUpload, *refusal.Refusal) {
	us.mu.Lock()
	defer us.mu.Unlock()
	name := stream + "/" + c.upload
	if u := us.chunked[name]; u != nil {
		return u, nil
	}
	if c.number >= ChunkWindow {
		return nil, refusal.New(http.StatusNotFound, "There is no upload %q: begin it with chunk 0.", c.upload)
	}
	base, problem := us.newUpload(r, stream)
	if problem != nil {
		return nil, problem
	}
	u := &chunkedUpload{upload: base, last: -1, early: map[int][]byte{}}
	u.idle = panics.AfterFunc(us.config.Timers.Idle, nil, "the upload", func() { u.session.Close(ErrUploadSilent) })
	u.play()
	us.chunked[name] = u
	if done, ok := us.config.Sessions.Hold(); ok {
		panics.Go(us.config.Logger, "the upload", func() {
			defer done()
			us.forgetChunked(u, name)
		})
	}
	return u, nil
}

// forgetChunked waits for the end of an upload, and some time more, in which who sends a chunk again is told what has become of it.
func (us *Uploads) forgetChunked(u *chunkedUpload, name string) {
	<-u.session.Done()
	u.stop()
	panics.AfterFunc(us.config.Timers.Idle, nil, "the upload", func() {
		us.mu.Lock()
		defer us.mu.Unlock()
		delete(us.chunked, name)
	})
}

// add puts a chunk, whose bytes are reserved, in its place, and reports whether it is kept.
func (u *chunkedUpload) add(c chunkRequest, piece []byte) (kept, duplicate bool, p *refusal.Refusal) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.complete() && u.session.Err() == nil {
		u.idle.Reset(u.config.Timers.Idle)
	}
	_, early := u.early[c.number]
	switch {
	case c.number < u.next || early:
		return false, true, nil
	case u.session.Err() != nil:
		return false, false, u.refusal(u.session.Err())
	case c.number >= u.next+ChunkWindow || c.number > u.next && u.held+len(piece) > uploadBuffer:
		return false, false, refusal.New(http.StatusTooManyRequests, "Chunk %d has not come: send that before others.", u.next).After(1)
	case c.number == u.next:
		err := u.pipe.write(piece)
		if errors.Is(err, errFull) {
			u.wait() // the chunk has come, if for nothing
			return false, false, refusal.New(http.StatusTooManyRequests, "The recording comes faster than it was recorded: wait a second.").After(1)
		}
		kept = err == nil
		u.next++
	default:
		u.early[c.number], u.held, kept = piece, u.held+len(piece), true
	}
	if c.last {
		u.last = c.number
	}
	u.advance()
	return kept, false, nil
}

// advance hands on what is in order, and waits for what is missing. The caller holds mu.
func (u *chunkedUpload) advance() {
	for piece, ok := u.early[u.next]; ok; piece, ok = u.early[u.next] {
		u.pipe.append(piece)
		delete(u.early, u.next)
		u.held -= len(piece)
		u.next++
	}
	if u.complete() {
		u.idle.Stop()
		u.pipe.close(io.EOF)
	}
	if u.gap == nil || u.awaited != u.next {
		u.wait()
	}
}

// complete reports whether all has come. The caller holds mu.
func (u *chunkedUpload) complete() bool { return u.last >= 0 && u.next > u.last }

// wait begins to wait for the next chunk, if others have come after it. The caller holds mu.
func (u *chunkedUpload) wait() {
	if u.gap != nil {
		u.gap.Stop()
		u.gap = nil
	}
	if len(u.early) > 0 {
		missing := u.next
		u.awaited = missing
		u.gap = panics.AfterFunc(u.config.Timers.Chunk, nil, "the upload", func() { u.giveUp(missing) })
	}
}

// giveUp goes on behind chunks that have not come in time.
func (u *chunkedUpload) giveUp(missing int) {
	defer u.session.Contain()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.next != missing || len(u.early) == 0 {
		return
	}
	u.pipe.skip()
	for first := slices.Min(slices.Collect(maps.Keys(u.early))); u.next < first; u.next++ {
		u.gone = append(u.gone[max(0, len(u.gone)-ChunkWindow):], u.next)
		u.session.LostChunks.Add(1)
	}
	u.advance()
}

// stop forgets what has come, and what was waited for.
func (u *chunkedUpload) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.idle.Stop()
	if u.gap != nil {
		u.gap.Stop()
	}
	u.budget.release(u.held)
	u.early, u.held = nil, 0
}

func (u *chunkedUpload) answer(duplicate bool) Answer {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.counts()
	a.Buffered, a.Next, a.Lost, a.Duplicate = u.pipe.buffered()+u.held, u.next, slices.Clone(u.gone), duplicate
	if len(u.early) > 0 {
		for n := u.next; n < slices.Max(slices.Collect(maps.Keys(u.early))); n++ {
			if _, come := u.early[n]; !come {
				a.Missing = append(a.Missing, n)
			}
		}
	}
	return a
}
