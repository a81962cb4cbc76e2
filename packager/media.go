package packager

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// unbuffered tells a reverse proxy to pass on what comes as it comes.
var unbuffered = []string{"no"}

// serveMedia answers with an initialization segment, a segment or a part. What is announced, or just ahead, is waited for.
func (t *Timeline) serveMedia(w http.ResponseWriter, r *http.Request, epoch, name string) {
	m, ok := parseMediaFile(name)
	if !ok || !validName(epoch) {
		notFound(w, "There is no such segment.")
		return
	}
	switch s := t.snap.Load(); {
	case m.part >= 0:
		t.servePart(w, r, epoch, m)
	case m.msn < 0:
		t.awaitInit(r, epoch, m)
		t.serveFile(w, r, epoch, name, mimeMP4)
	case s.epoch == epoch && m.msn > s.newestOf(m.rendition):
		t.serveGrowing(w, r, epoch, m)
	default:
		t.serveFile(w, r, epoch, name, mimeSegment)
	}
}

// newestOf is the number of the rendition's newest whole segment; a rendition that is not there has endlessly many.
func (s *snapshot) newestOf(id string) int64 {
	if n, ok := s.newest[id]; ok {
		return n
	}
	return 1<<63 - 1
}

func (t *Timeline) open(epoch, name string) (*os.File, error) {
	return os.Open(filepath.Join(t.dir, epoch, outDir, name))
}

// serveFile answers with a file that is whole.
func (t *Timeline) serveFile(w http.ResponseWriter, r *http.Request, epoch, name string, mime []string) {
	f, err := t.open(epoch, name)
	if err != nil {
		notFound(w, "There is no such segment, or not any more.")
		return
	}
	defer f.Close()
	mediaHeader(w, epoch, name, mime)
	http.ServeContent(w, r, name, modTime(f), f)
}

func mediaHeader(w http.ResponseWriter, epoch, name string, mime []string) {
	h := w.Header()
	h["Cache-Control"], h["Content-Type"] = immutableCC, mime
	h["Etag"] = []string{`"` + epoch + "/" + name + `"`} // names are never given to other bytes
}

// awaitInit waits for an initialization segment that a playlist announces: it is there with the epoch's first part.
func (t *Timeline) awaitInit(r *http.Request, epoch string, m mediaFile) {
	t.awaitView(r, m.rendition, t.p.opts.blockWait(), func(_ *snapshot, v *view) bool {
		return v == nil || v.hint.epoch != epoch || v.growing != nil || v.began(epoch)
	})
}

// began tells whether anything of the epoch is listed.
func (v *view) began(epoch string) bool {
	n := len(v.segments)
	return n > 0 && v.segments[n-1].epoch.name == epoch
}

// servePart answers with a part: at once when it is there, as soon as it is whole when it is the one that the playlist hints at
// (rfc8216bis §6.2.6).
func (t *Timeline) servePart(w http.ResponseWriter, r *http.Request, epoch string, m mediaFile) {
	asked := hint{epoch, m.msn, m.part}
	_, v := t.awaitView(r, m.rendition, t.p.opts.blockWait(), func(_ *snapshot, v *view) bool { return v == nil || v.hint != asked })
	if v == nil {
		notFound(w, "There is no such part.")
		return
	}
	s, ok := v.segment(epoch, m.msn)
	switch {
	case v.hint == asked:
		unavailable(w, "The part did not come in time; ask again.")
		return
	case !ok || m.part >= len(s.Parts):
		notFound(w, "There is no such part, or not any more.")
		return
	}
	name, open := partName(m.rendition, m.msn, m.part), func() (*os.File, error) { return t.open(epoch, segmentName(m.rendition, m.msn)) }
	if v.fresh != nil && v.fresh.name == asked {
		if body := v.fresh.read(open); body != nil {
			mediaHeader(w, epoch, name, mimeSegment)
			serveBytes(w, r, body)
			return
		}
	}
	f, err := open()
	if err != nil {
		notFound(w, "There is no such part, or not any more.")
		return
	}
	defer f.Close()
	mediaHeader(w, epoch, name, mimeSegment)
	part := s.Parts[m.part]
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(f, part.Offset, part.Size))
}

// serveGrowing answers with a segment in progress: what there is at once, the rest chunk by chunk as it is written, with an end the
// moment it is whole. One that is up to one ahead is waited for.
func (t *Timeline) serveGrowing(w http.ResponseWriter, r *http.Request, epoch string, m mediaFile) {
	name := segmentName(m.rendition, m.msn)
	s := t.snap.Load()
	ahead := s.newestOf(m.rendition) + 1
	if v := s.views[m.rendition]; v != nil && v.growing != nil {
		ahead = v.growing.MSN + 1
	}
	if m.msn > ahead {
		notFound(w, "There is no such segment yet.")
		return
	}
	s, v := t.awaitView(r, m.rendition, edgeWait, func(s *snapshot, v *view) bool {
		return s.epoch != epoch || s.newestOf(m.rendition) >= m.msn || v != nil && v.growing != nil && v.growing.MSN >= m.msn
	})
	switch {
	case s.epoch != epoch || s.newestOf(m.rendition) >= m.msn:
		t.serveFile(w, r, epoch, name, mimeSegment)
		return
	case v == nil || v.growing == nil || v.growing.MSN != m.msn:
		notFound(w, "There is no such segment yet.")
		return
	}
	f, err := t.open(epoch, name)
	if err != nil {
		notFound(w, "There is no such segment, or not any more.")
		return
	}
	defer f.Close()
	mediaHeader(w, epoch, name, mimeSegment)
	w.Header()["X-Accel-Buffering"] = unbuffered
	if r.Method != http.MethodHead && !t.follow(w, r, f, epoch, m) {
		panic(http.ErrAbortHandler) // the client must see that this is not all
	}
}

// follow copies the segment while it grows and tells whether it is whole.
func (t *Timeline) follow(w http.ResponseWriter, r *http.Request, f *os.File, epoch string, m mediaFile) bool {
	flush := http.NewResponseController(w)
	for sent := int64(0); ; {
		_, v := t.awaitView(r, m.rendition, t.p.opts.blockWait(), func(_ *snapshot, v *view) bool {
			return v == nil || v.size(epoch, m.msn) != sent || v.last() >= m.msn
		})
		if v == nil || r.Context().Err() != nil {
			return false
		}
		size, whole := v.size(epoch, m.msn), v.last() >= m.msn
		if size < sent || size == sent && !whole {
			return false // ffmpeg stands still
		}
		if _, err := io.Copy(w, io.NewSectionReader(f, sent, size-sent)); err != nil {
			return false
		}
		if whole {
			return true
		}
		if err := flush.Flush(); err != nil {
			return false
		}
		sent = size
	}
}

// size is how many bytes of a segment are there; -1 when it is not.
func (v *view) size(epoch string, msn int64) int64 {
	if s, ok := v.segment(epoch, msn); ok {
		return s.Size
	}
	return -1
}
