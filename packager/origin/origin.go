package origin

import (
	"compress/flate"
	"compress/gzip"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/problem"
)

const (
	// startWait is how long a manifest may wait for its stream to become playable; hls.js gives up after 10 s.
	startWait = 9 * time.Second
	// edgeWait is how long a segment just ahead of the live edge may wait: a player's clock is a little ahead, or ffmpeg late.
	edgeWait = 2 * time.Second

	thumbnail = "thumbnail.jpg"
	immutable = "public, max-age=31536000, immutable"
)

// Header values that are the same for all answers; they are never changed.
var (
	varyCoding   = []string{"Accept-Encoding"}
	codingGzip   = []string{"gzip"}
	immutableCC  = []string{immutable}
	thumbnailCC  = []string{"public, max-age=2"}
	mpdCC        = []string{"public, max-age=1"} // updatePeriod
	mpdPrivateCC = []string{"private, max-age=1"}
	acceptRanges = []string{"bytes"}
	mimeSegment  = []string{"video/iso.segment"}
	mimeMP4      = []string{"video/mp4"}
	mimeJPEG     = []string{"image/jpeg"}
)

// Origin is what the streams of a service have in common.
type Origin struct {
	timing     timeline.Timing
	dir        string
	find       func(name string) *Stream // nil where there is none
	manifestCC []string                  // Cache-Control of playlists
	privateCC  []string                  // of those that are for one viewer
	blockedCC  []string                  // of playlists that contain what was asked for
	packers    sync.Pool                 // of *gzip.Writer
	deflaters  sync.Pool                 // of *flate.Writer
}

// New serves the streams below dir that find knows; it gives nil for another name.
func New(timing timeline.Timing, dir string, find func(name string) *Stream) *Origin {
	timing.Distance = timing.Distance.WithDefaults()
	o := &Origin{
		timing: timing, dir: dir, find: find,
		manifestCC: manifestCacheControl("public", timing), privateCC: manifestCacheControl("private", timing), blockedCC: blockedCacheControl(timing),
	}
	o.packers.New = func() any { return gzip.NewWriter(nil) }
	o.deflaters.New = func() any {
		w, _ := flate.NewWriter(nil, flate.DefaultCompression) // the level is valid
		return w
	}
	return o
}

// Stream is a broadcast as viewers get it.
type Stream struct {
	origin   *Origin
	name     string
	dir      string
	snapshot atomic.Pointer[snapshot]
	editions editions
	chains   chains
	renders  atomic.Uint64 // playlists and MPDs made

	histories sync.Map // of *history by rendition
}

// Stream begins a broadcast of which nothing is published yet.
func (o *Origin) Stream(name string) *Stream {
	s := &Stream{origin: o, name: name, dir: filepath.Join(o.dir, name)}
	s.snapshot.Store(&snapshot{Snapshot: &timeline.Snapshot{}, changed: make(chan struct{}), represented: make(chan struct{})})
	return s
}

// Renders counts the playlists and MPDs that were made, each once however many ask for it.
func (s *Stream) Renders() uint64 { return s.renders.Load() }

// Snapshot is what was published last.
func (s *Stream) Snapshot() *timeline.Snapshot { return s.snapshot.Load().Snapshot }

// ServeLive answers GET and HEAD on /live/{stream}/{file...}; it reads the path values "stream" and "file".
func (o *Origin) ServeLive(w http.ResponseWriter, r *http.Request) {
	stream, file := r.PathValue("stream"), r.PathValue("file")
	if !name.Valid(stream) {
		problem.Write(w, http.StatusBadRequest, "A stream's name is not "+name.Rule+".")
		return
	}
	s := o.find(stream)
	if s == nil {
		notFound(w, "Nobody publishes "+stream+" at the moment.")
		return
	}
	epoch, media, nested := strings.Cut(file, "/")
	switch {
	case nested:
		s.serveMedia(w, r, epoch, media)
	case file == thumbnail:
		s.serveThumbnail(w, r)
	default:
		s.serveManifest(w, r, file)
	}
}

// serveManifest answers with a playlist or the MPD, once there is something to play.
func (s *Stream) serveManifest(w http.ResponseWriter, r *http.Request, name string) {
	now := s.await(r, startWait, func(now *snapshot) bool { return now.Ready || now.Ended })
	if !now.Ready && !now.Ended {
		unavailable(w, "The stream "+s.name+" is starting; ask again.")
		return
	}
	if id, ok := strings.CutSuffix(name, ".m3u8"); ok && now.playlist(id) != nil {
		s.servePlaylist(w, r, id)
		return
	}
	switch {
	case name == manifest.MultivariantName && now.multivariant != nil:
		v := viewerOf(r)
		s.multivariantFor(now, v).serve(w, r, v.caching(s.origin, s.origin.manifestCC))
	case name == manifest.MPDName:
		s.serveMPD(w, r, now)
	case name == plainName && now.plain != nil:
		s.servePlain(w, r, now)
	default:
		notFound(w, "The stream "+s.name+" has no such file.")
	}
}

// await returns the first snapshot that satisfies the condition, or the newest after limit or at the end of the request.
func (s *Stream) await(r *http.Request, limit time.Duration, condition func(*snapshot) bool) *snapshot {
	return s.awaitOn(r, limit, func(now *snapshot) <-chan struct{} { return now.changed }, condition)
}

// awaitPlaylist is await for one rendition: it is woken by nothing else. The playlist is nil while, or when, there is none.
func (s *Stream) awaitPlaylist(r *http.Request, id string, limit time.Duration, condition func(*snapshot, *playlist) bool) (*snapshot, *playlist) {
	wake := func(now *snapshot) <-chan struct{} {
		if p := now.playlist(id); p != nil {
			return p.changed
		}
		return now.changed
	}
	now := s.awaitOn(r, limit, wake, func(now *snapshot) bool { return condition(now, now.playlist(id)) })
	return now, now.playlist(id)
}

// awaitOn waits without a goroutine of its own: wake is closed when the snapshot is no longer the newest to say so.
func (s *Stream) awaitOn(r *http.Request, limit time.Duration, wake func(*snapshot) <-chan struct{}, condition func(*snapshot) bool) *snapshot {
	now := s.snapshot.Load()
	if condition(now) {
		return now
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-wake(now):
		case <-timer.C:
			return s.snapshot.Load()
		case <-r.Context().Done():
			return s.snapshot.Load()
		}
		if now = s.snapshot.Load(); condition(now) {
			return now
		}
	}
}

// serve answers with the document in the coding that the client prefers.
func (d *document) serve(w http.ResponseWriter, r *http.Request, cacheControl []string) {
	h := w.Header()
	v := d.identity()
	if acceptsGzip(r.Header) {
		v = d.gzip()
		h["Content-Encoding"] = codingGzip
	}
	h["Cache-Control"], h["Vary"], h["Etag"] = cacheControl, varyCoding, v.etag
	if matches(r.Header.Get("If-None-Match"), v.etag[0]) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"], h["Content-Length"] = d.mime, v.length
	if r.Method != http.MethodHead {
		if len(v.head) > 0 {
			w.Write(v.head) // an error means that the client has gone; the next one says the same
		}
		w.Write(v.body) // an error means that the client has gone
	}
}

// serveThumbnail answers with the newest picture, of the newest epoch that has one.
func (s *Stream) serveThumbnail(w http.ResponseWriter, r *http.Request) {
	f := s.openThumbnail()
	if f == nil {
		notFound(w, "The stream "+s.name+" has no picture yet.")
		return
	}
	defer f.Close()
	w.Header()["Cache-Control"], w.Header()["Content-Type"] = viewerOf(r).caching(s.origin, thumbnailCC), mimeJPEG
	http.ServeContent(w, r, thumbnail, modTime(f), f)
}

// openThumbnail returns nil where there is none.
func (s *Stream) openThumbnail() *os.File {
	epochs := s.snapshot.Load().Epochs
	for i := len(epochs) - 1; i >= 0; i-- {
		if f, err := os.Open(filepath.Join(s.dir, epochs[i], thumbnail)); err == nil {
			return f
		}
	}
	return nil
}

// ThumbnailSize is the size of a stream's newest picture in pixels; 0, 0 where there is none.
func (o *Origin) ThumbnailSize(stream string) (width, height int) {
	s := o.find(stream)
	if s == nil {
		return 0, 0
	}
	f := s.openThumbnail()
	if f == nil {
		return 0, 0
	}
	defer f.Close()
	picture, err := jpeg.DecodeConfig(f)
	if err != nil {
		return 0, 0 // it is being replaced, or none of ours
	}
	return picture.Width, picture.Height
}

// manifestCacheControl lets caches, or with "private" browsers alone, keep a manifest for half a target duration (rfc8216bis appendix
// B.1), at least a second.
func manifestCacheControl(who string, timing timeline.Timing) []string {
	return []string{who + ", max-age=" + strconv.Itoa(max(1, timing.TargetDuration(0)/2))}
}

// blockedCacheControl is for playlists that were asked for by what they contain. Shared caches keep them (rfc8216bis appendix B.1): the
// viewers behind one ask for the same within a moment. A browser asks again, which costs a 304 (RFC 9111 §4.3): video.js repeats its
// last request at the end of a segment, and from the browser's own cache it would get the playlist that it has until that is stale.
func blockedCacheControl(timing timeline.Timing) []string {
	return []string{"public, max-age=0, s-maxage=" + strconv.Itoa(6*timing.TargetDuration(0))}
}

// blockWait is the most that a blocked request waits: rfc8216bis §6.2.5.2 has three target durations, hls.js gives up after 10 s.
func (o *Origin) blockWait() time.Duration {
	return min(3*time.Duration(o.timing.TargetDuration(0))*time.Second, startWait)
}
