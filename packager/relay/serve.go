package relay

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/sluice-live/sluice/public/problem"
)

// ServeHTTP answers GET and HEAD.
func (c *Cache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := nameOf(r)
	if n.apart {
		c.passed.Add(1)
		c.options.Pass.ServeHTTP(w, r)
		return
	}
	c.requests.Add(1)
	a, leads, err := c.join(n, r)
	if err != nil {
		c.refused.Add(1)
		problem.WriteRetry(w, http.StatusServiceUnavailable, 1, "This relay has all the requests to its origin under way that it may have: ask again in a second.")
		return
	}
	defer c.leave(a)
	s, ok := a.await(r.Context(), func(s state) bool { return s.head != nil })
	switch {
	case !ok:
		breakOff(w)
	case s.head == nil:
		problem.WriteRetry(w, http.StatusServiceUnavailable, 1, "The server that has this stream does not answer: ask again in a second.")
	case s.head.private && !leads:
		c.passed.Add(1)
		c.options.Pass.ServeHTTP(w, r)
	default:
		if !leads {
			c.hits.Add(1)
		}
		c.write(w, r, a, s)
	}
}

// breakOff answers where nothing has been said and the request has been given up: the client has gone, or this server goes, whose client must not take
// nothing for the answer.
func breakOff(w http.ResponseWriter) {
	problem.WriteRetry(w, http.StatusServiceUnavailable, 1, "This relay stops: ask again in a second.")
}

// write answers with what there is, and with the rest as it comes.
func (c *Cache) write(w http.ResponseWriter, r *http.Request, a *answer, s state) {
	header, now := w.Header(), time.Now()
	for name, values := range s.head.header {
		header[name] = values
	}
	if age := s.head.ageAt(now); age >= time.Second {
		header["Age"] = []string{strconv.Itoa(int(age / time.Second))}
	}
	if s.head.matches(r.Header.Get("If-None-Match")) {
		header.Del("Content-Type")
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	whole := s.head.length
	if s.ended && s.err == nil { // of what has broken off nobody knows how much there would have been
		whole = int64(len(s.body))
	}
	if ranged := r.Header["Range"] != nil || r.Header["If-Match"] != nil; ranged && s.head.status == http.StatusOK && whole >= 0 && header["Content-Encoding"] == nil {
		c.writeRange(w, r, a)
		return
	}
	if whole >= 0 {
		header["Content-Length"] = []string{strconv.FormatInt(whole, 10)}
	}
	w.WriteHeader(s.head.status)
	if r.Method != http.MethodHead {
		c.copyTo(w, r, a)
	}
}

// copyTo writes the body as it grows.
func (c *Cache) copyTo(w http.ResponseWriter, r *http.Request, a *answer) {
	flush := http.NewResponseController(w)
	for sent := 0; ; {
		s, ok := a.await(r.Context(), func(s state) bool { return len(s.body) > sent })
		if !ok {
			panic(http.ErrAbortHandler)
		}
		n, err := w.Write(s.body[sent:])
		c.out.Add(uint64(n))
		if err != nil {
			return // the client has gone
		}
		if s.ended {
			if s.err != nil {
				panic(http.ErrAbortHandler) // the client must see that this is not all
			}
			return
		}
		sent = len(s.body)
		_ = flush.Flush() // an error means that the client has gone; the next write says the same
	}
}

// writeRange answers with a part of an answer of known length, once that is whole.
func (c *Cache) writeRange(w http.ResponseWriter, r *http.Request, a *answer) {
	s, ok := a.await(r.Context(), func(state) bool { return false })
	switch {
	case !ok:
		breakOff(w)
	case s.err != nil:
		problem.WriteRetry(w, http.StatusServiceUnavailable, 1, "The server that has this stream has broken off: ask again in a second.")
	default:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.body))
	}
}
