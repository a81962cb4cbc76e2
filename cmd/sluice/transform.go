package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/transcode"
)

const (
	maxTransformBody = 1 << 10         // bytes
	transformWithin  = 5 * time.Second // for the broadcast to take it
)

// serveTransform changes what the pictures of a stream are transformed to. That takes another ffmpeg, which viewers see as a
// discontinuity.
func (s *service) serveTransform(w http.ResponseWriter, r *http.Request) {
	var wanted struct{ Transform *transcode.Transform }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTransformBody)).Decode(&wanted)
	switch {
	case err != nil || wanted.Transform == nil:
		writeProblem(w, http.StatusBadRequest, `Send {"transform": NAME} as JSON, with "" for none.`)
		return
	case *wanted.Transform == transcode.TransformLogo && s.cfg.Logo == "":
		writeProblem(w, http.StatusBadRequest, "This server has no logo: start it with --logo IMAGE.")
		return
	case !wanted.Transform.Known():
		writeProblem(w, http.StatusBadRequest, fmt.Sprintf("There is no such transform: choose one of %q, or \"\" for none.", s.transforms()))
		return
	}
	b := s.find(r.PathValue("stream"))
	if b == nil || b.over() {
		refuseUnknown(w, r.PathValue("stream"))
		return
	}
	select {
	case b.transforms <- *wanted.Transform:
		w.WriteHeader(http.StatusNoContent)
	case <-b.done:
		refuseUnknown(w, b.name)
	case <-time.After(transformWithin):
		w.Header().Set("Retry-After", "5")
		writeProblem(w, http.StatusServiceUnavailable, "The stream is busy: try again in a few seconds.")
	}
}

// transforming is what the pictures of a broadcast are transformed to, and why not.
type transforming struct {
	to     transcode.Transform
	reason string // why it was given up, else ""
}

// change has the pictures transformed in another way from now on: by another ffmpeg, if one runs.
func (b *broadcast) change(to transcode.Transform) {
	before := b.transforming.to
	b.transforming = transforming{to: to}
	if to == before {
		return
	}
	b.log.Info("pictures are transformed", "to", to, "before", before)
	if b.encoding != nil && b.videoIn != 0 {
		b.endEncoding()
		b.encode()
		b.requestKeyFrame()
	}
	b.publishStatus(b.state(), nil)
}

// giveUpTransform goes on without a transform with which ffmpeg has not lasted: it may lack the filter, or the machine be too slow
// for it.
func (b *broadcast) giveUpTransform(cause error) bool {
	to := b.transforming.to
	if to == transcode.TransformNone || b.encoding == nil || time.Since(b.encoding.began) > steadyAfter || b.service.packager.Disk().Fault != "" {
		return false
	}
	b.transforming = transforming{reason: fmt.Sprintf("The pictures are not transformed to %q: ffmpeg failed with that.", to)}
	b.log.Warn("transform is given up", "transform", to, "error", cause)
	return true
}
