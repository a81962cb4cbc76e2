package origin

import (
	"bytes"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
)

// maxFresh bounds the bytes of a part that are kept in memory: a larger one is read by everybody.
const maxFresh = 1 << 20

// freshPart is the newest part of a rendition: what all who wait at the live edge want at the same moment. The first of them
// reads it for all, and it goes with its snapshot.
type freshPart struct {
	name timeline.PartID
	timeline.Part
	once sync.Once
	body []byte
}

// newFreshPart is for the last part that the playlist lists, nil where it lists none.
func newFreshPart(p *timeline.Playlist) *freshPart {
	s := p.Growing
	if n := len(p.Segments); s == nil && n > 0 {
		s = &p.Segments[n-1]
	}
	if s == nil || len(s.Parts) == 0 {
		return nil
	}
	last := len(s.Parts) - 1
	return &freshPart{name: timeline.PartID{Epoch: s.EpochName(), MSN: s.MSN, Part: last}, Part: s.Parts[last]}
}

// read gives the part's bytes; nil where they are not kept, or could not be read.
func (p *freshPart) read(open func() (*os.File, error)) []byte {
	p.once.Do(func() {
		if p.Size > maxFresh {
			return
		}
		f, err := open()
		if err != nil {
			return // who asks opens it again, and says what is wrong
		}
		defer f.Close()
		body := make([]byte, p.Size)
		if _, err := f.ReadAt(body, p.Offset); err == nil {
			p.body = body
		}
	})
	return p.body
}

// serveBytes answers with what is in memory. The usual request is answered without the copy that http.ServeContent makes.
func serveBytes(w http.ResponseWriter, r *http.Request, body []byte) {
	special := r.Method != http.MethodGet || r.Header["Range"] != nil || r.Header["If-Match"] != nil || r.Header["If-None-Match"] != nil
	if special {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		return
	}
	h := w.Header()
	h["Accept-Ranges"], h["Content-Length"] = acceptRanges, []string{strconv.Itoa(len(body))}
	w.Write(body) // an error means that the client has gone
}
