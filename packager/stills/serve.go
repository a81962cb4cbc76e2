package stills

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/public/problem"
)

// types are the media types of what is served, by the suffix of the name.
var types = map[string]string{"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}

const (
	// A series has a picture at most and at least so often.
	minEvery, maxEvery = time.Second, time.Minute
	// farthest back that may be asked for, whatever the window is.
	farthest = 24 * time.Hour
	// ahead is how far the clock of a client may be ahead of ours.
	ahead = 5 * time.Second
	// timeLayout is RFC 3339 with milliseconds.
	timeLayout = "2006-01-02T15:04:05.000Z07:00"
)

// request is what is asked for.
type request struct {
	at    time.Time
	fixed bool          // at is an instant of the clock, and not so long before now
	every time.Duration // of a series; 0: one picture
}

// refusal is a status and what to do.
type refusal struct {
	status int
	detail string
	retry  int // seconds; 0: not as it is
}

// ServeHTTP answers GET and HEAD on /live/{stream}/snapshot.{jpg,png,webp}; it reads the path value "stream".
func (m *Maker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := strings.TrimPrefix(path.Ext(r.URL.Path), ".")
	mime := types[format]
	asked, refused := parse(r.URL.Query(), m.opts.Wall())
	s := m.source(r.PathValue("stream"))
	switch {
	case m.opts.Decode == nil:
		refused = &refusal{http.StatusNotFound, "This server makes no snapshots.", 0}
	case mime == "":
		refused = &refusal{http.StatusNotFound, "There are snapshot.jpg, snapshot.png and snapshot.webp.", 0}
	case refused != nil:
	case s.now == nil:
		refused = &refusal{http.StatusNotFound, "Nobody publishes " + s.stream + " at the moment.", 2}
	case asked.every > 0:
		m.serveSeries(w, r, s.stream, format, asked.every)
		return
	}
	if refused != nil {
		refused.write(w)
		return
	}
	f, err := m.find(s, asked)
	var image []byte
	if err == nil {
		image, err = m.image(r.Context(), s, f, format, clientOf(r.RemoteAddr))
	}
	if err != nil {
		refusalOf(err, s).write(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime)
	h.Set("Cache-Control", "public, max-age=1")
	if asked.fixed && s.reaches(f.id, asked.at) {
		h.Set("Cache-Control", "public, max-age=86400, immutable") // nothing is listed any more that was shown at that instant instead
	}
	h.Set("Etag", fmt.Sprintf(`"%s-%s-%d-%d.%s"`, f.epoch, f.id, f.msn, f.number, format))
	h.Set("Sluice-Time", f.wall.UTC().Format(timeLayout))
	h.Set("Content-Disposition", fmt.Sprintf(`inline; filename="%s-%s.%s"`, s.stream, f.wall.UTC().Format("20060102T150405.000Z"), format))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(image))
}

// source is the stream as it is now.
func (m *Maker) source(stream string) source {
	return source{stream, m.opts.Find(stream), func(epoch, name string) (*os.File, error) { return m.opts.Open(stream, epoch, name) }}
}

// find is the picture that is asked for.
func (m *Maker) find(s source, asked request) (frame, error) {
	if asked.at.Equal(newest) {
		return m.newestOf(s)
	}
	return s.at(asked.at)
}

// reaches reports whether what a rendition shows at the instant is settled.
func (s source) reaches(id string, instant time.Time) bool {
	p := s.now.Playlist(id)
	return p != nil && len(p.Segments) > 0 && p.Segments[len(p.Segments)-1].Wall().After(instant)
}

func (f *refusal) write(w http.ResponseWriter) {
	if f.retry > 0 {
		problem.WriteRetry(w, f.status, f.retry, f.detail)
		return
	}
	problem.Write(w, f.status, f.detail)
}

// refusalOf tells a client of an error.
func refusalOf(err error, s source) *refusal {
	switch {
	case errors.Is(err, errStarting):
		return &refusal{http.StatusServiceUnavailable, "The stream " + s.stream + " is starting; ask again.", 1}
	case errors.Is(err, errNoVideo):
		return &refusal{http.StatusNotFound, "The stream " + s.stream + " has no video.", 0}
	case errors.Is(err, errBefore):
		return &refusal{http.StatusNotFound, "There is no picture of that time" + s.window() + ": ask for a later one.", 0}
	case errors.Is(err, errOften):
		return &refusal{http.StatusTooManyRequests, fmt.Sprintf("Your address has more than %d pictures a second made: ask less often, or for a series (?every=2s).", each), 1}
	case errors.Is(err, errBusy):
		return &refusal{http.StatusServiceUnavailable, "The server makes as many pictures as it can at once: ask again.", 2}
	case errors.Is(err, context.Canceled):
		return &refusal{http.StatusServiceUnavailable, "The request has ended.", 1} // which nobody reads
	}
	return &refusal{http.StatusServiceUnavailable, "The picture could not be made; the log says why. Ask again, or for another time.", 2}
}

// window says how far back one may ask.
func (s source) window() string {
	ids, _ := s.renditions()
	for _, id := range ids {
		if p := s.now.Playlist(id); p != nil && len(p.Segments) > 0 {
			return ", the window begins at " + p.Segments[0].Wall().UTC().Format(timeLayout)
		}
	}
	return ""
}

// parse reads the query.
func parse(query url.Values, now time.Time) (asked request, refused *refusal) {
	at, every := strings.ReplaceAll(query.Get("at"), " ", "+"), query.Get("every") // a + that was not written as %2B
	bad := func(detail string) *refusal { return &refusal{http.StatusBadRequest, detail, 0} }
	if at != "" && every != "" {
		return asked, bad("A series has the newest pictures: leave out “at”, or “every”.")
	}
	if every != "" {
		d, ok := parseEvery(every)
		if !ok {
			return asked, bad(fmt.Sprintf("Write “every” as a duration from %v to %v, such as every=2s.", minEvery, maxEvery))
		}
		asked.every = d
	}
	if at == "" {
		asked.at = newest
		return asked, nil
	}
	if seconds, err := strconv.ParseFloat(at, 64); err == nil {
		if !(seconds >= 0 && seconds <= farthest.Seconds()) {
			return asked, bad("Write “at” as seconds before now, from 0 to 86400, or as a time such as 2026-01-31T12:00:00Z.")
		}
		asked.at = now.Add(-time.Duration(seconds * float64(time.Second))).Truncate(time.Second / 4) // so that several may share it
		return asked, nil
	}
	instant, err := time.Parse(time.RFC3339, at)
	switch {
	case err != nil:
		return asked, bad("Write “at” as seconds before now, such as at=10, or as a time such as 2026-01-31T12:00:00Z.")
	case instant.After(now.Add(ahead)):
		return asked, bad("“at” is in the future: it is " + now.UTC().Format(timeLayout) + " here.")
	}
	asked.at, asked.fixed = instant, true
	return asked, nil
}

// parseEvery reads a duration, with or without its unit.
func parseEvery(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	if seconds, errFloat := strconv.ParseFloat(text, 64); errFloat == nil && math.Abs(seconds) < 1e6 {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	return d, err == nil && minEvery <= d && d <= maxEvery
}
