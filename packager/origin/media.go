package origin

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/name"
)

// unbuffered tells a reverse proxy to pass on what comes as it comes.
var unbuffered = []string{"no"}

// serveMedia answers with an initialization segment, a segment or a part. What is announced, or just ahead, is waited for.
func (s *Stream) serveMedia(w http.ResponseWriter, r *http.Request, epoch, file string) {
	m, ok := timeline.ParseMediaFile(file)
	if !ok || !name.Valid(epoch) {
		notFound(w, "There is no such segment.")
		return
	}
	if first, ok := strings.CutSuffix(epoch, chainMark); ok {
		if epoch = s.epochOfChain(r, first, m); epoch == "" {
			notFound(w, "There is no such segment, or not any more.")
			return
		}
	}
	switch {
	case m.Part >= 0:
		s.servePart(w, r, epoch, m)
	case m.MSN < 0:
		s.awaitInit(r, epoch, m)
		s.serveFile(w, r, epoch, file, mimeMP4)
	default:
		s.serveSegment(w, r, epoch, m)
	}
}

// serveSegment answers with a whole segment, or with one in progress.
func (s *Stream) serveSegment(w http.ResponseWriter, r *http.Request, epoch string, m timeline.MediaFile) {
	now := s.snapshot.Load()
	if !now.Ready && !now.Ended && timeline.IsEpochName(epoch) { // of the service from which the stream has come
		if f, err := s.open(epoch, timeline.SegmentName(m.Rendition, m.MSN)); err == nil {
			f.Close()
		} else {
			now = s.await(r, startWait, func(now *snapshot) bool { return now.Ready || now.Ended })
		}
	}
	lacked, lacks := now.lacks(epoch, m, s.origin.timing.Segment)
	switch {
	case lacks:
		s.serveAbsent(w, r, now, epoch, m, lacked)
	case m.MSN > now.NewestOf(epoch, m.Rendition):
		s.serveGrowing(w, r, epoch, m)
	case now.playlist(m.Rendition).endsBefore(epoch, m.MSN):
		s.holdBeyondEnd(w, r)
	default:
		s.serveFile(w, r, epoch, timeline.SegmentName(m.Rendition, m.MSN), mimeSegment)
	}
}

func (s *Stream) open(epoch, name string) (*os.File, error) {
	return os.Open(filepath.Join(s.dir, epoch, timeline.PublicDir, name))
}

// serveFile answers with a file that is whole.
func (s *Stream) serveFile(w http.ResponseWriter, r *http.Request, epoch, name string, mime []string) {
	f, err := s.open(epoch, name)
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
func (s *Stream) awaitInit(r *http.Request, epoch string, m timeline.MediaFile) {
	s.awaitPlaylist(r, m.Rendition, s.origin.blockWait(), func(_ *snapshot, p *playlist) bool {
		return p == nil || p.Hint.Epoch != epoch || p.Written.Epoch == epoch
	})
}

// servePart answers with a part: at once when it is there, as soon as it is whole when it is the one that the playlist hints at
// (rfc8216bis §6.2.6). One that is listed as a gap stays one, whatever ffmpeg writes late: who asks for it all the same gets a part with
// nothing in it. One that was given up while it was waited for is refused, as the specification asks.
func (s *Stream) servePart(w http.ResponseWriter, r *http.Request, epoch string, m timeline.MediaFile) {
	asked := timeline.PartID{Epoch: epoch, MSN: m.MSN, Part: m.Part}
	before := s.snapshot.Load().playlist(m.Rendition)
	now, p := s.awaitPlaylist(r, m.Rendition, s.origin.blockWait(), func(_ *snapshot, p *playlist) bool { return p == nil || p.Hint != asked })
	if p == nil {
		notFound(w, "There is no such part.")
		return
	}
	segment, ok := p.segment(epoch, m.MSN)
	switch {
	case p.Hint == asked:
		unavailable(w, "The part did not come in time; ask again.")
		return
	case !ok || m.Part >= len(segment.Parts) || segment.Parts[m.Part].Gap && before != nil && before.Hint == asked:
		notFound(w, "There is no such part, or not any more.")
		return
	case segment.Parts[m.Part].Gap:
		s.serveEmpty(w, r, now.empty(absent{m.Rendition, segment.Offset() + timeline.FromTicks(segment.Parts[m.Part].Start, segment.Timescale)}))
		return
	}
	name, open := timeline.PartName(m.Rendition, m.MSN, m.Part), func() (*os.File, error) { return s.open(epoch, timeline.SegmentName(m.Rendition, m.MSN)) }
	if p.fresh != nil && p.fresh.name == asked {
		if body := p.fresh.read(open); body != nil {
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
	part := segment.Parts[m.Part]
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(f, part.Offset, part.Size))
}

// serveGrowing answers with a segment in progress: what there is at once, the rest chunk by chunk as it is written, with an end the
// moment it is whole. One that is up to one ahead is waited for; of an epoch that has ended, until players can know the next.
func (s *Stream) serveGrowing(w http.ResponseWriter, r *http.Request, epoch string, m timeline.MediaFile) {
	name := timeline.SegmentName(m.Rendition, m.MSN)
	now := s.snapshot.Load()
	ahead := now.NewestOf(epoch, m.Rendition) + 1
	if now.playlist(m.Rendition).written(epoch, ahead) > 0 {
		ahead++
	}
	if m.MSN > ahead {
		notFound(w, "There is no such segment yet.")
		return
	}
	now, p := s.awaitPlaylist(r, m.Rendition, edgeWait, func(now *snapshot, p *playlist) bool {
		return now.NewestOf(epoch, m.Rendition) >= m.MSN || p.written(epoch, m.MSN) > 0
	})
	switch {
	case now.NewestOf(epoch, m.Rendition) >= m.MSN:
		s.serveFile(w, r, epoch, name, mimeSegment)
		return
	case p.written(epoch, m.MSN) <= 0:
		notFound(w, "There is no such segment yet.")
		return
	}
	f, err := s.open(epoch, name)
	if err != nil {
		notFound(w, "There is no such segment, or not any more.")
		return
	}
	defer f.Close()
	mediaHeader(w, epoch, name, mimeSegment)
	w.Header()["X-Accel-Buffering"] = unbuffered
	if r.Method != http.MethodHead && !s.copyGrowing(w, r, f, epoch, m) {
		panic(http.ErrAbortHandler) // the client must see that this is not all
	}
}

// copyGrowing copies the segment while it grows and reports whether it is whole.
func (s *Stream) copyGrowing(w http.ResponseWriter, r *http.Request, f *os.File, epoch string, m timeline.MediaFile) bool {
	flush := http.NewResponseController(w)
	for sent := int64(0); ; {
		now, p := s.awaitPlaylist(r, m.Rendition, s.origin.blockWait(), func(now *snapshot, p *playlist) bool {
			return p.written(epoch, m.MSN) != sent || now.NewestOf(epoch, m.Rendition) >= m.MSN
		})
		if r.Context().Err() != nil {
			return false
		}
		if now.NewestOf(epoch, m.Rendition) >= m.MSN {
			_, err := io.Copy(w, io.NewSectionReader(f, sent, timeline.MaxSegmentSize))
			return err == nil
		}
		size := p.written(epoch, m.MSN)
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

// written is how many bytes of the segment in progress are there; 0 of any other.
func (p *playlist) written(epoch string, msn int64) int64 {
	if p != nil && p.Written.Epoch == epoch && p.Written.MSN == msn {
		return p.Written.Size
	}
	return 0
}
