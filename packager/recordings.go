package packager

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-live/sluice/internal/name"
)

// maxListed bounds the list of recordings; the newest are on it.
const maxListed = 500

// maxFileName bounds a recorded file's name, bytes.
const maxFileName = 64

// Recordings lists the newest recordings, newest first, at most 500.
func (p *Packager) Recordings() []RecordingInfo {
	list := []RecordingInfo{}
	for _, dir := range p.recordingDirs() {
		p.mu.Lock()
		r := p.recordings[dir]
		p.mu.Unlock()
		if r != nil {
			list = append(list, r.Info())
		} else if info, err := readInfo(dir); err == nil {
			list = append(list, info)
		}
		if len(list) == maxListed {
			break
		}
	}
	return list
}

// ServeRecordingsList answers /recordings with JSON: {"recordings": [RecordingInfo…]}, newest first.
func (p *Packager) ServeRecordingsList(w http.ResponseWriter, r *http.Request) {
	cors(w)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	if r.Method == http.MethodHead {
		return
	}
	json.NewEncoder(w).Encode(struct {
		Recordings []RecordingInfo `json:"recordings"`
	}{p.Recordings()}) // an error means that the client has gone
}

// ServeRecordings answers GET and HEAD on /recordings/{stream}/{recording}/{file}, with ranges; it reads those path values.
func (p *Packager) ServeRecordings(w http.ResponseWriter, r *http.Request) {
	cors(w)
	stream, recording, file := r.PathValue("stream"), r.PathValue("recording"), r.PathValue("file")
	mime := recordedType(file)
	if p.opts.RecordingsDir == "" || !name.Valid(stream) || !name.Valid(recording) || mime == "" {
		notFound(w, "There is no such recording.")
		return
	}
	f, err := os.Open(filepath.Join(p.opts.RecordingsDir, stream, recording, file))
	if err != nil {
		notFound(w, "There is no such recording, or it has no such file.")
		return
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", mime)
	h.Set("Cache-Control", recordedCaching(file))
	if (mime == mimeHLS || mime == mimeDASH) && acceptsGzip(r.Header) && r.Method == http.MethodGet {
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
		return mimeHLS
	case "mpd":
		return mimeDASH
	case "mp4":
		return "video/mp4"
	case "m4s":
		return "video/iso.segment"
	case "webm":
		return "video/webm"
	case "mkv":
		return "video/matroska"
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
