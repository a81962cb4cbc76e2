package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

const (
	// holdFor is how long an origin that does not answer is asked again, while players wait: hls.js gives up after 10 s.
	holdFor = 9 * time.Second
	// answerWithin is how long the first byte may take: a request waits for up to 9 s at the origin.
	answerWithin = 12 * time.Second
	// goesOnWithin is how long an answer may stand still.
	goesOnWithin = 12 * time.Second
	firstPause   = 50 * time.Millisecond
	longPause    = time.Second
	pieceBytes   = 64 << 10
	// smallBody is what an answer of known length may have to be passed on once it is whole, bytes.
	smallBody = 256 << 10
)

var (
	errFault  = errors.New("a fault of this relay")
	errLong   = errors.New("the answer is too long")
	errNoRoom = errors.New("what is under way takes all memory that it may have (relay.cache)")
	pieces    = sync.Pool{New: func() any { return new([pieceBytes]byte) }}
)

// fetch asks the origin, and has the answer grow as it comes.
func (c *Cache) fetch(ctx context.Context, a *answer, n wanted, via []string) {
	err := errFault
	defer func() {
		if err != nil {
			c.hide(a)
		}
		a.change(func() { a.ended, a.err = true, err })
		c.end(a)
		a.cancel()
	}()
	if err = c.read(ctx, a, n, via); err != nil && ctx.Err() == nil {
		c.failures.Add(1)
		c.options.Logger.Debug("the origin has not answered", "request", n.target, "error", err)
	}
}

func (c *Cache) read(ctx context.Context, a *answer, n wanted, via []string) error {
	response, err := c.ask(ctx, n, via)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	h := newHead(response, time.Now())
	if h.length > maxBody {
		return errLong
	}
	if h.private || h.status == http.StatusOK && !h.fresh(h.came) {
		c.hide(a) // whoever asks from now on does so by itself
	}
	if !c.grow(a, overhead) {
		return errNoRoom
	}
	stalled := panics.AfterFunc(goesOnWithin, c.options.Logger, "a request to the origin", a.cancel)
	defer stalled.Stop()
	if 0 <= h.length && h.length <= smallBody {
		return c.copySmall(a, h, response.Body)
	}
	a.change(func() {
		a.head = h
		a.body = make([]byte, 0, max(h.length, 0))
	})
	return c.copyBody(a, response.Body, func() { stalled.Reset(goesOnWithin) })
}

// copySmall has the answer come at once, which costs each who waits a single write: of a part or a playlist a piece is of no use to players.
func (c *Cache) copySmall(a *answer, h *head, body io.Reader) error {
	if !c.grow(a, int(h.length)) {
		return errNoRoom
	}
	whole := make([]byte, h.length)
	n, err := io.ReadFull(body, whole)
	c.in.Add(uint64(n))
	if err != nil {
		return err
	}
	a.change(func() { a.head, a.body = h, whole })
	return nil
}

// copyBody has the answer grow by what comes.
func (c *Cache) copyBody(a *answer, body io.Reader, alive func()) error {
	piece := pieces.Get().(*[pieceBytes]byte)
	defer pieces.Put(piece)
	for total := 0; ; {
		n, err := body.Read(piece[:])
		if n > 0 {
			alive()
			c.in.Add(uint64(n))
			if total += n; total > maxBody {
				return errLong
			}
			if !c.grow(a, n) {
				return errNoRoom
			}
			a.change(func() { a.body = append(a.body, piece[:n]...) })
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// ask asks the origin until it answers, for as long as players wait. What a proxy in front of the origin says while that is away is no answer.
func (c *Cache) ask(ctx context.Context, n wanted, via []string) (*http.Response, error) {
	late := time.Now().Add(holdFor)
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		response, err := c.askOnce(ctx, n, via)
		if err == nil && response.StatusCode != http.StatusBadGateway && response.StatusCode != http.StatusGatewayTimeout {
			return response, nil
		}
		if err == nil {
			response.Body.Close()
			err = fmt.Errorf("the origin is away, its proxy says: %s", response.Status)
		}
		if time.Now().Add(pause).After(late) {
			return nil, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// askOnce sends one request. What follows a redirect is the client's matter.
func (c *Cache) askOnce(ctx context.Context, n wanted, via []string) (*http.Response, error) {
	c.upstream.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.options.Origin.String()+n.target, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	if len(via) > 0 {
		request.Header["Via"] = via
	}
	request.Header.Set("Accept-Encoding", "identity")
	if n.gzip {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	if c.options.Prepare != nil {
		c.options.Prepare(request)
	}
	silent := panics.AfterFunc(answerWithin, c.options.Logger, "a request to the origin", cancel)
	response, err := c.options.Transport.RoundTrip(request)
	silent.Stop()
	if err != nil {
		cancel()
		return nil, err
	}
	response.Body = released{response.Body, cancel}
	return response, nil
}

// released is a body with which the context of its request ends.
type released struct {
	io.ReadCloser
	release context.CancelFunc
}

// Close ends the request.
func (b released) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
