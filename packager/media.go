package packager

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/internal/name"
)

// unbuffered tells a reverse proxy to pass on what comes as it comes.
var unbuffered = []string{"no"}

// serveMedia answers with an initialization segment, a segment or a part. What is announced, or just ahead, is waited for.
func (t *Timeline) serveMedia(w http.ResponseWriter, r *http.Request, epoch, file string) {
	m, ok := parseMediaFile(file)
	if !ok || !name.Valid(epoch) {
		notFound(w, "There is no such segment.")
		return
	}
	switch s := t.snap.Load(); {
	case m.part >= 0:
		t.servePart(w, r, epoch, m)
	case m.msn < 0:
		t.awaitInit(r, epoch, m)
		t.serveFile(w, r, epoch, file, mimeMP4)
	case m.msn > s.newestOf(epoch, m.rendition):
		t.serveGrowing(w, r, epoch, m)
	case s.views[m.rendition].endsBefore(epoch, m.msn):
		t.holdBeyondEnd(w, r)
	default:
		t.serveFile(w, r, epoch, file, mimeSegment)
	}
}

// newestOf is the number of the rendition's newest whole segment in an epoch that may have more; otherwise the end of all.
func (s *snapshot) newestOf(epoch, id string) int64 {
	n, ok := s.newest[source{epoch, id}]
	if !ok || epoch != s.epoch && epoch != s.presented {
		return 1<<63 - 1
	}
	return n
}

// endsBefore reports whether the segment would be the next one of an epoch that has ended with the one before it.
func (v *view) endsBefore(epoch string, msn int64) bool {
	if v == nil {
		return false
	}
	last, ok := findSegment(v.segments, msn-1)
	next, follows := findSegment(v.segments, msn)
	return ok && last.epoch.name == epoch && !(follows && next.epoch.name == epoch)
}

// holdBeyondEnd answers to who asks for one more segment than an epoch has, because the MPD that it has read does not know of the
// next Period: not before it has had the time to read another. dash.js gives the request up then. Where it is refused as
// often as it asks again (16 times in 1.5 s), it drops the whole Period, asks for nothing any more and stands still.
func (t *Timeline) holdBeyondEnd(w http.ResponseWriter, r *http.Request) {
	timer := time.NewTimer(edgeWait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
	notFound(w, "There is no such segment: the media goes on in the next Period.")
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
		return v == nil || v.hint.epoch != epoch || v.written.epoch == epoch
	})
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
	case !ok || m.part >= len(s.Parts) || s.Parts[m.part].Gap:
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
// moment it is whole. One that is up to one ahead is waited for; of an epoch that has ended, until players can know the next.
func (t *Timeline) serveGrowing(w http.ResponseWriter, r *http.Request, epoch string, m mediaFile) {
	name := segmentName(m.rendition, m.msn)
	s := t.snap.Load()
	ahead := s.newestOf(epoch, m.rendition) + 1
	if v := s.views[m.rendition]; v.size(epoch, ahead) > 0 {
		ahead++
	}
	if m.msn > ahead {
		notFound(w, "There is no such segment yet.")
		return
	}
	s, v := t.awaitView(r, m.rendition, edgeWait, func(s *snapshot, v *view) bool {
		return s.newestOf(epoch, m.rendition) >= m.msn || v.size(epoch, m.msn) > 0
	})
	switch {
	case s.newestOf(epoch, m.rendition) >= m.msn:
		t.serveFile(w, r, epoch, name, mimeSegment)
		return
	case v.size(epoch, m.msn) <= 0:
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

// follow copies the segment while it grows and reports whether it is whole.
func (t *Timeline) follow(w http.ResponseWriter, r *http.Request, f *os.File, epoch string, m mediaFile) bool {
	flush := http.NewResponseController(w)
	for sent := int64(0); ; {
		s, v := t.awaitView(r, m.rendition, t.p.opts.blockWait(), func(s *snapshot, v *view) bool {
			return v.size(epoch, m.msn) != sent || s.newestOf(epoch, m.rendition) >= m.msn
		})
		if r.Context().Err() != nil {
			return false
		}
		if s.newestOf(epoch, m.rendition) >= m.msn {
			_, err := io.Copy(w, io.NewSectionReader(f, sent, maxSegmentSize))
			return err == nil
		}
		size := v.size(epoch, m.msn)
		if size <= sent {
			return false // ffmpeg stands still
		}
		if _, err := io.Copy(w, io.NewSectionReader(f, sent, size-sent)); err != nil {
			return false
		}
		if err := flush.Flush(); err != nil {
			return false
		}
		sent = size
	}
}

// size is how many bytes of the segment in progress are there; 0 of any other.
func (v *view) size(epoch string, msn int64) int64 {
	if v != nil && v.written.epoch == epoch && v.written.msn == msn {
		return v.written.size
	}
	return 0
}
