package origin

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/public/name"
)

// maxFileName bounds a recorded file's name, bytes.
const maxFileName = 64

// Recordings answers for the recordings.
type Recordings struct {
	Dir  string                  // of all of them; empty where there are none
	List func() []recording.Info // the newest, newest first
}

// ServeList answers with JSON: {"recordings": [recording.Info…]}, newest first.
func (l *Recordings) ServeList(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	if r.Method == http.MethodHead {
		return
	}
	json.NewEncoder(w).Encode(struct {
		Recordings []recording.Info `json:"recordings"`
	}{l.List()}) // an error means that the client has gone
}

// ServeFile answers GET and HEAD with a recording's file, and ranges of it; it reads the path values "stream", "recording" and "file".
func (l *Recordings) ServeFile(w http.ResponseWriter, r *http.Request) {
	stream, recorded, file := r.PathValue("stream"), r.PathValue("recording"), r.PathValue("file")
	mime := recordedType(file)
	if l.Dir == "" || !name.Valid(stream) || !name.Valid(recorded) || mime == "" {
		notFound(w, "There is no such recording.")
		return
	}
	f, err := os.Open(filepath.Join(l.Dir, stream, recorded, file))
	if err != nil {
		notFound(w, "There is no such recording, or it has no such file.")
		return
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", mime)
	h.Set("Cache-Control", recordedCaching(file))
	v, isManifest := viewerOf(r), mime == manifest.MIMEHLS || mime == manifest.MIMEDASH
	if v.private {
		h.Set("Cache-Control", "private, no-cache")
	}
	if isManifest && v.base != "" {
		serveBelow(w, r, f, mime, v.base)
		return
	}
	if isManifest && acceptsGzip(r.Header) && r.Method == http.MethodGet {
		serveCompressed(w, f)
		return
	}
	http.ServeContent(w, r, file, modTime(f), f)
}

// recordedType is the media type of a file that recordings have; empty for every other name.
func recordedType(file string) string {
	stem, ext, _ := strings.Cut(file, ".")
	if len(file) > maxFileName || !name.Valid(stem) {
		return ""
	}
	switch ext {
	case "m3u8":
		return manifest.MIMEHLS
	case "mpd":
		return manifest.MIMEDASH
	case "mp4":
		return "video/mp4"
	case "m4s":
		return "video/iso.segment"
	case "webm":
		return "video/webm"
	case "mkv":
		return "video/matroska"
	case "ivf":
		return "video/x-ivf"
	case "ogg":
		return "audio/ogg"
	case "json":
		return "application/json"
	}
	return ""
}

// recordedCaching: segments never change; the rest grows or is made later.
func recordedCaching(file string) string {
	if strings.HasSuffix(file, ".m4s") || strings.HasSuffix(file, "-init.mp4") {
		return immutable
	}
	return "no-cache"
}

// serveCompressed sends a manifest of any length as gzip.
func serveCompressed(w http.ResponseWriter, f *os.File) {
	w.Header()["Content-Encoding"], w.Header()["Vary"] = codingGzip, varyCoding
	z := gzip.NewWriter(w)
	if _, err := io.Copy(z, f); err == nil { // errors mean that the client has gone
		z.Close()
	}
}
