package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

const (
	maxClipBody  = 2 << 10         // bytes
	maxRecording = 365 * 24 * 3600 // seconds, of the times in one
)

// span is the part of a live stream, or of a recording, that is to be cut out.
type span struct {
	api.ClipRequest
	from, until time.Time     // of the live stream
	start, end  time.Duration // of the recording
}

const howToClip = `Send {"last": 30}, {"from": "2026-01-31T20:00:00Z", "to": "2026-01-31T20:00:30Z"} or {"recording": NAME, "start": 10, "end": 40} as JSON, with a "title" if you like.`

// spanOf says what is meant, or in a sentence what is wrong with it.
func spanOf(wanted api.ClipRequest, now time.Time) (s span, fault string) {
	s.ClipRequest = wanted
	seconds := func(of float64) time.Duration { return time.Duration(of * float64(time.Second)) }
	for _, number := range [...]float64{wanted.Last, wanted.Start, wanted.End} {
		if number < 0 || number > maxRecording {
			return s, howToClip
		}
	}
	length := time.Duration(0)
	kinds := 0
	for _, is := range [...]bool{wanted.Last > 0, !wanted.From.IsZero(), wanted.Recording != ""} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1 || wanted.Recording == "" && (wanted.Start > 0 || wanted.End > 0) || wanted.From.IsZero() && !wanted.To.IsZero():
		return s, howToClip
	case wanted.Recording != "":
		s.start, s.end = seconds(wanted.Start), seconds(wanted.End)
		length = s.end - s.start
	case wanted.Last > 0:
		s.from, s.until = now.Add(-seconds(wanted.Last)), now
		length = seconds(wanted.Last)
	default:
		if s.from, s.until = wanted.From, wanted.To; s.until.IsZero() || s.until.After(now) {
			s.until = now
		}
		length = s.until.Sub(s.from)
	}
	switch {
	case length <= 0:
		return s, "A clip ends after it begins, and begins in the past."
	case length > recording.MaxClip:
		return s, fmt.Sprintf("A clip is %.0f minutes long at most.", recording.MaxClip.Minutes())
	case !recording.ValidTitle(wanted.Title):
		return s, fmt.Sprintf("A title is one line of %d bytes at most.", recording.MaxTitle)
	}
	return s, ""
}

// serveClip cuts a clip.
func (h *handlers) serveClip(w http.ResponseWriter, r *http.Request) {
	var wanted api.ClipRequest
	stream := r.PathValue("stream")
	if readJSON(w, r, maxClipBody, &wanted) != nil {
		problem.Write(w, http.StatusBadRequest, howToClip)
		return
	}
	of, fault := spanOf(wanted, h.service.Clock().Now())
	if fault != "" {
		problem.Write(w, http.StatusBadRequest, fault)
		return
	}
	var info recording.Info
	var err error
	if of.Recording != "" {
		info, err = h.service.Packager().ClipRecording(r.Context(), stream, of.Recording, of.Title, of.start, of.end)
	} else {
		info, err = h.service.Packager().Clip(stream, of.Title, of.from, of.until)
	}
	if err != nil {
		refuseClip(w, stream, err)
		return
	}
	w.Header().Set("Location", prefix.Of(r)+"/api/v1/streams/"+stream+"/clips/"+info.Name)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(info)
}

func refuseClip(w http.ResponseWriter, stream string, err error) {
	switch {
	case errors.Is(err, packager.ErrNotLive):
		refuseUnknown(w, stream)
	case errors.Is(err, recording.ErrNotFound):
		problem.Write(w, http.StatusNotFound, "This stream has no recording or clip of this name.")
	case errors.Is(err, recording.ErrNoMedia):
		problem.Write(w, http.StatusNotFound, "Nothing of that time is there: the playlists of a live stream reach back as far as “window” says, and a recording has what it says.")
	case errors.Is(err, recording.ErrTooMany):
		problem.WriteRetry(w, http.StatusServiceUnavailable, 10, "As many clips are being cut as this server cuts at once: try again in a moment.")
	default:
		problem.WriteRetry(w, http.StatusServiceUnavailable, 60, "It cannot be cut now: "+err.Error()+".")
	}
}

// serveClips lists the clips of a stream, the newest first.
func (h *handlers) serveClips(w http.ResponseWriter, r *http.Request) {
	after, limit, ok := readPage(w, r, defaultRecordings)
	if !ok {
		return
	}
	stream, list := r.PathValue("stream"), api.ClipList{Clips: []recording.Info{}}
	for info := range h.service.Packager().ClipsBehind(stream, after) {
		if len(list.Clips) == limit {
			list.Next = pageToken(list.Clips[limit-1].Name)
			break
		}
		list.Clips = append(list.Clips, info)
	}
	writeTagged(w, r, list)
}

// serveOneClip tells of a clip: once its mp4 is there it is whole.
func (h *handlers) serveOneClip(w http.ResponseWriter, r *http.Request) {
	info, err := h.service.Packager().FindClip(r.PathValue("stream"), r.PathValue("clip"))
	if err != nil {
		refuseClip(w, r.PathValue("stream"), err)
		return
	}
	writeTagged(w, r, info)
}

// serveDeleteClip deletes a clip.
func (h *handlers) serveDeleteClip(w http.ResponseWriter, r *http.Request) {
	switch err := h.service.Packager().DeleteClip(r.PathValue("stream"), r.PathValue("clip")); {
	case errors.Is(err, recording.ErrNotFound):
		refuseClip(w, r.PathValue("stream"), err)
		return
	case err != nil:
		problem.WriteRetry(w, http.StatusServiceUnavailable, 60, "It cannot be deleted now: "+err.Error()+".")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
