package packager

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/internal/name"
	"github.com/sluice-live/sluice/internal/problem"
)

const (
	// startWait is how long a manifest may wait for its stream to become playable; hls.js gives up after 10 s.
	startWait = 9 * time.Second
	// edgeWait is how long a segment just ahead of the live edge may wait: a player's clock is a little ahead, or ffmpeg late.
	edgeWait = 2 * time.Second

	immutable = "public, max-age=31536000, immutable"
)

// Header values that are the same for all answers; they are never changed.
var (
	corsOrigin   = []string{"*"}
	corsExpose   = []string{"Location, ETag, Link, Accept-Post, Retry-After, Date, Age, Content-Length, Content-Range"}
	varyCoding   = []string{"Accept-Encoding"}
	codingGzip   = []string{"gzip"}
	immutableCC  = []string{immutable}
	thumbnailCC  = []string{"public, max-age=2"}
	acceptRanges = []string{"bytes"}
	mimeSegment  = []string{"video/iso.segment"}
	mimeMP4      = []string{"video/mp4"}
	mimeJPEG     = []string{"image/jpeg"}
)

// ServeLive answers GET and HEAD on /live/{stream}/{file...}; it reads the path values "stream" and "file".
func (p *Packager) ServeLive(w http.ResponseWriter, r *http.Request) {
	cors(w)
	stream, file := r.PathValue("stream"), r.PathValue("file")
	if !name.Valid(stream) {
		problem.Write(w, http.StatusBadRequest, "A stream's "+ErrName.Error()+".")
		return
	}
	t := p.Timeline(stream)
	if t == nil {
		notFound(w, "Nobody publishes "+stream+" at the moment.")
		return
	}
	epoch, name, nested := strings.Cut(file, "/")
	switch {
	case nested:
		t.serveMedia(w, r, epoch, name)
	case file == thumbnail:
		t.serveThumbnail(w, r)
	default:
		t.serveManifest(w, r, file)
	}
}

// serveManifest answers with a playlist or the MPD, once there is something to play.
func (t *Timeline) serveManifest(w http.ResponseWriter, r *http.Request, name string) {
	s := t.await(r, startWait, func(s *snapshot) bool { return s.ready || s.ended })
	if !s.ready && !s.ended {
		unavailable(w, "The stream "+t.stream+" is starting; ask again.")
		return
	}
	if id, ok := strings.CutSuffix(name, ".m3u8"); ok && s.views[id] != nil {
		t.servePlaylist(w, r, id)
		return
	}
	d := s.documents[name]
	if d == nil {
		notFound(w, "The stream "+t.stream+" has no such file.")
		return
	}
	d.serve(w, r, t.p.manifestCC)
}

// await returns the first snapshot that satisfies the condition, or the newest after limit or at the end of the request.
func (t *Timeline) await(r *http.Request, limit time.Duration, condition func(*snapshot) bool) *snapshot {
	return t.awaitOn(r, limit, func(s *snapshot) <-chan struct{} { return s.changed }, condition)
}

// awaitView is await for one rendition: it is woken by nothing else. The view is nil while, or when, there is none.
func (t *Timeline) awaitView(r *http.Request, id string, limit time.Duration, condition func(*snapshot, *view) bool) (*snapshot, *view) {
	wake := func(s *snapshot) <-chan struct{} {
		if v := s.views[id]; v != nil {
			return v.changed
		}
		return s.changed
	}
	s := t.awaitOn(r, limit, wake, func(s *snapshot) bool { return condition(s, s.views[id]) })
	return s, s.views[id]
}

// awaitOn waits without a goroutine of its own: wake is closed when the snapshot is no longer the newest to say so.
func (t *Timeline) awaitOn(r *http.Request, limit time.Duration, wake func(*snapshot) <-chan struct{}, condition func(*snapshot) bool) *snapshot {
	s := t.snap.Load()
	if condition(s) {
		return s
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-wake(s):
		case <-timer.C:
			return t.snap.Load()
		case <-r.Context().Done():
			return t.snap.Load()
		}
		if s = t.snap.Load(); condition(s) {
			return s
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
		w.Write(v.body) // an error means that the client has gone
	}
}

// serveThumbnail answers with the newest picture, of the newest epoch that has one.
func (t *Timeline) serveThumbnail(w http.ResponseWriter, r *http.Request) {
	for _, dir := range t.epochDirs() {
		f, err := os.Open(filepath.Join(dir, thumbnail))
		if err != nil {
			continue
		}
		defer f.Close()
		w.Header()["Cache-Control"], w.Header()["Content-Type"] = thumbnailCC, mimeJPEG
		http.ServeContent(w, r, thumbnail, modTime(f), f)
		return
	}
	notFound(w, "The stream "+t.stream+" has no picture yet.")
}

// epochDirs lists the epochs' directories, newest first.
func (t *Timeline) epochDirs() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	dirs := make([]string, 0, len(t.epochs))
	for i := len(t.epochs) - 1; i >= 0; i-- {
		dirs = append(dirs, t.epochs[i].dir)
	}
	return dirs
}

// manifestCacheControl lets caches keep a manifest for half a target duration (rfc8216bis appendix B.1), at least a second.
func (o Options) manifestCacheControl() []string {
	return []string{"public, max-age=" + strconv.Itoa(max(1, o.targetDuration(0)/2))}
}

// blockedCacheControl is for playlists that were asked for by what they contain (rfc8216bis appendix B.1).
func (o Options) blockedCacheControl() []string {
	return []string{"public, max-age=" + strconv.Itoa(6*o.targetDuration(0))}
}
