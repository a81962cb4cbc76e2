package stills

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// boundary is between two pictures of a series.
	boundary = "sluice-snapshot"
	// readWithin is how long a client may take to read one picture.
	readWithin = 30 * time.Second
)

// serveSeries answers with the newest picture, and then with another one each time, as multipart/x-mixed-replace, until the stream or the
// request ends. A picture that is still the newest is not sent again, and one that cannot be made is left out.
func (m *Maker) serveSeries(w http.ResponseWriter, r *http.Request, stream, format string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last key
	for opened := false; ; {
		s := m.source(stream)
		if s.now == nil {
			return
		}
		f, err := m.newestOf(s)
		if errors.Is(err, errNoVideo) && !opened {
			refusalOf(err, s).write(w)
			return
		}
		if !opened {
			openSeries(w)
			opened = true
		}
		if r.Method == http.MethodHead {
			return
		}
		var image []byte
		if err == nil && f.key != last {
			image, err = m.image(r.Context(), s, f, format, clientOf(r.RemoteAddr))
		}
		if err == nil && image != nil {
			if sendPart(w, types[format], f.wall, image) != nil {
				return
			}
			last = f.key
		}
		if s.now.Ended {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// openSeries begins an answer that lasts.
func openSeries(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "multipart/x-mixed-replace; boundary="+boundary)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	fmt.Fprintf(w, "--%s\r\n", boundary)
}

// sendPart sends a picture, and the boundary behind it, with which browsers show it. An error means that the client has gone.
func sendPart(w http.ResponseWriter, mime string, wall time.Time, image []byte) error {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(readWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	fmt.Fprintf(w, "Content-Type: %s\r\nContent-Length: %d\r\nSluice-Time: %s\r\n\r\n", mime, len(image), wall.UTC().Format(timeLayout))
	w.Write(image)
	fmt.Fprintf(w, "\r\n--%s\r\n", boundary)
	return control.Flush()
}
