package viewers

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/viewers/cmcd"
	"github.com/sluice-live/sluice/public/problem"
)

const (
	maxBody  = 64 << 10 // of what is posted at once, bytes
	maxLines = 100      // reports in it
)

// mimeType is that of reports (CTA-5004-B, event mode). What navigator.sendBeacon sends without asking other sites first is text/plain.
const mimeType = "application/cmcd"

// Collect takes POST /collect: reports of CMCD version 2, one in each line. The stream is the argument stream of the query, cid, that of the
// address in url, or the one that the session has been counted for before. The answer is 204, 400 if nothing can be read, 413 for too
// much, 415 for something else, 429 for a client that tells too much.
func (c *Counter) Collect() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		lines, ok := readLines(w, r)
		if !ok {
			return
		}
		from := c.secret.Load().clientOf(r)
		if !c.mayTell(from, len(lines)) {
			problem.WriteRetry(w, http.StatusTooManyRequests, 10, "Too many reports come from your address: send those of 10 seconds together. A proxy that passes on those of many viewers has to be in http.trusted-proxies.")
			return
		}
		var faulty error
		read := 0
		for _, line := range lines {
			report, err := cmcd.Parse(line)
			if err != nil {
				faulty = err
				c.refused.Add(1)
				continue
			}
			read++
			c.collect(r.URL.Query().Get("stream"), report, from)
		}
		if read == 0 && faulty != nil {
			problem.Write(w, http.StatusBadRequest, "This cannot be read: "+faulty.Error()+".")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// readLines reads what is posted, or refuses it.
func readLines(w http.ResponseWriter, r *http.Request) (lines []string, ok bool) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "" && kind != mimeType && kind != "text/plain" {
		w.Header().Set("Accept-Post", mimeType)
		problem.Write(w, http.StatusUnsupportedMediaType, "Send reports as "+mimeType+" or text/plain, one in each line.")
		return nil, false
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		problem.Write(w, http.StatusRequestEntityTooLarge, "Send at most 64 KiB and 100 reports at once.")
		return nil, false
	} else if err != nil {
		problem.Write(w, http.StatusBadRequest, "The body ends too early.")
		return nil, false
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(lines) == maxLines {
			problem.Write(w, http.StatusRequestEntityTooLarge, "Send at most 64 KiB and 100 reports at once.")
			return nil, false
		}
		lines = append(lines, line)
	}
	return lines, true
}

// mayTell reports whether a client may tell so much more.
func (c *Counter) mayTell(from client, lines int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clients.Allow(from.address, lines, time.Now())
}

// collect counts the session of a report.
func (c *Counter) collect(name string, r cmcd.Report, from client) {
	over := overHLS
	if r.Format == 0 && strings.Contains(r.URL, ".mpd") {
		over = overDASH
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streamOf(name, r); s != nil {
		c.count(s, r, from, over)
	} else {
		c.refused.Add(1)
	}
}

// streamOf finds the stream that a report is about, or nil. c.mu is held.
func (c *Counter) streamOf(name string, r cmcd.Report) *stream {
	if name != "" {
		return c.stream(name)
	}
	if s := c.stream(r.Content); s != nil {
		return s
	}
	if _, path, live := strings.Cut(r.URL, "/live/"); live {
		name, _, _ := strings.Cut(path, "/")
		return c.stream(name)
	}
	session := key{id: c.sessions.of(r.Session), tells: true}
	for _, s := range c.streams {
		if s.viewers[session] != nil {
			return s
		}
	}
	return nil
}
