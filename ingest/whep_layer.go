package ingest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// Extensions of WHEP: server-sent events and layer selection, as draft-ietf-wish-whep-01 §4.8 and §4.9 has them and as its successor, "WebRTC-HTTP
// Egress Protocol Core Extensions", names things.
const (
	relEvents = "urn:ietf:params:whep:ext:core:server-sent-events"
	relLayer  = "urn:ietf:params:whep:ext:core:layer"
)

const (
	typeJSON        = "application/json"
	maxLayerRequest = 1024 // bytes
	anyLayer        = 255  // some clients say so that they do not choose among the layers of a kind
	largestPicture  = 1 << 16
)

const layerMethods = "POST, OPTIONS"

// announceExtensions tells a viewer where these are, beneath the address of its session.
func announceExtensions(h http.Header, session string) {
	h.Add("Link", "<"+session+`/layer>; rel="`+relLayer+`"`)
	h.Add("Link", "<"+session+`/sse>; rel="`+relEvents+`"; events="`+strings.Join(eventNames, ",")+`"`)
}

// WHEPLayer serves /whep/{stream}/{session}/layer: what a viewer asks for of its pictures.
func (s *Server) WHEPLayer() http.Handler { return s.extension(layerMethods, s.postLayer) }

// postLayer has the viewer follow what is asked for. A layer that has stopped may be asked for: it is taken when it comes again.
func (s *Server) postLayer(w http.ResponseWriter, r *http.Request, v *viewing) *refusal.Refusal {
	if r.Method != http.MethodPost {
		return methodNotAllowed(layerMethods)
	}
	body, problem := s.readBody(w, r, typeJSON, maxLayerRequest)
	if problem != nil {
		return problem
	}
	ask, problem := parseLayerRequest(body, v.section)
	if problem != nil {
		return problem
	}
	if layers, known := s.layersFor(v, r.PathValue("stream")); known && ask.Encoding != "" && !slices.Contains(layers, ask.Encoding) {
		if len(layers) == 0 {
			return refusal.New(http.StatusUnprocessableEntity, "The stream has one encoding, without a name: leave out “encodingId”.")
		}
		return refusal.New(http.StatusUnprocessableEntity, "The stream has no encoding %q: “encodingId” is one of %s, or is left out.", ask.Encoding, strings.Join(layers, ", "))
	}
	v.viewer.Ask(ask)
	w.WriteHeader(http.StatusOK)
	return nil
}

// layersFor names the layers that a viewer may ask for. One that is about to get the stream may ask for those that have come, and nobody knows them
// while nobody publishes.
func (s *Server) layersFor(v *viewing, stream string) (layers []string, known bool) {
	if picture := v.viewer.Picture(); picture.Published {
		return picture.Layers, true
	}
	p, live := s.sessions.Publisher(stream)
	if !live {
		return nil, false
	}
	if t := p.Track(media.KindVideo); t != nil {
		layers = t.LayerNames()
	}
	return layers, true
}

// layerRequest is the body of a request. A field that is absent or null bounds nothing.
type layerRequest struct {
	MediaID            any     `json:"mediaId"` // index of the section, as a string or a number
	EncodingID         *string `json:"encodingId"`
	RID                *string `json:"rid"` // the newer name of encodingId
	SpatialLayerID     *int    `json:"spatialLayerId"`
	TemporalLayerID    *int    `json:"temporalLayerId"`
	MaxSpatialLayerID  *int    `json:"maxSpatialLayerId"`
	MaxTemporalLayerID *int    `json:"maxTemporalLayerId"`
	MaxWidth           *int    `json:"maxWidth"`
	MaxHeight          *int    `json:"maxHeight"`
}

// parseLayerRequest reads what a viewer asks for, whose video is in the section of that index.
func parseLayerRequest(body []byte, video int) (egress.Ask, *refusal.Refusal) {
	var req layerRequest
	var ask egress.Ask
	if err := json.Unmarshal(body, &req); err != nil {
		return ask, refusal.New(http.StatusBadRequest, "The body cannot be read (%v): send a JSON object such as {\"encodingId\": \"h\"}, or {} to leave the choice to the server.", err)
	}
	if p := req.checkMedia(video); p != nil {
		return ask, p
	}
	for _, name := range []*string{req.EncodingID, req.RID} {
		if name != nil {
			ask.Encoding = *name
		}
	}
	for _, p := range []*refusal.Refusal{
		lowest("spatial", &ask.Spatial, req.SpatialLayerID), lowest("spatial", &ask.Spatial, req.MaxSpatialLayerID),
		lowest("temporal", &ask.Temporal, req.TemporalLayerID), lowest("temporal", &ask.Temporal, req.MaxTemporalLayerID),
		size(&ask.Width, req.MaxWidth), size(&ask.Height, req.MaxHeight),
	} {
		if p != nil {
			return egress.Ask{}, p
		}
	}
	return ask, nil
}

// lowest makes the number of layers of a kind one that the layer asked for is the highest of.
func lowest(kind string, layers, asked *int) *refusal.Refusal {
	switch {
	case asked == nil || *asked == anyLayer:
	case *asked < 0 || *asked > anyLayer:
		return refusal.New(http.StatusBadRequest, "There is no %s layer %d: send a number from 0.", kind, *asked)
	case *layers == 0 || *asked < *layers:
		*layers = *asked + 1
	}
	return nil
}

// size sets what a side of a picture may have at most.
func size(pixels, asked *int) *refusal.Refusal {
	if asked == nil {
		return nil
	}
	if *asked < 1 || *asked > largestPicture {
		return refusal.New(http.StatusBadRequest, "Pictures are not %d pixels wide or high: send 1 to %d.", *asked, largestPicture)
	}
	*pixels = *asked
	return nil
}

// checkMedia reports whether the request is about the video.
func (r layerRequest) checkMedia(video int) *refusal.Refusal {
	index := -1
	switch id := r.MediaID.(type) {
	case nil:
		return nil
	case string:
		if n, err := strconv.Atoi(id); err == nil {
			index = n
		}
	case float64:
		index = int(id)
	}
	if index != video {
		return refusal.New(http.StatusUnprocessableEntity, "“mediaId” %v is not the video: send \"%d\", the index of its section, or leave it out.", r.MediaID, video)
	}
	return nil
}

// viewing is a viewer's session that has video.
type viewing struct {
	session *session.Session
	viewer  *egress.Viewer
	section int // index of the video among the sections of the client's description

	mu   sync.Mutex
	open int                     // event streams
	made map[string]*eventStream // by POST, and not deleted
}

// extension serves addresses beneath sessions of viewers. Who knows one may use it: nobody can guess it, and it ends with the right to watch.
func (s *Server) extension(methods string, serve func(http.ResponseWriter, *http.Request, *viewing) *refusal.Refusal) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 { // else it would end event streams
			s.limitBody(w)
		}
		if r.Method == http.MethodOptions {
			w.Header().Set("Allow", methods)
			w.WriteHeader(http.StatusOK)
			return
		}
		stream, path := r.PathValue("stream"), session.KindViewer.Path(r.PathValue("stream"), r.PathValue("session"))
		sess := s.sessions.Session(path)
		if sess == nil {
			s.ended(stream, path).Write(w)
			return
		}
		v, ok := sess.Use().(*viewing)
		if !ok {
			refusal.New(http.StatusNotFound, "The session has no video.").Write(w)
			return
		}
		act := func(w http.ResponseWriter, r *http.Request) *refusal.Refusal { return serve(w, r, v) }
		if p := s.limited(r, act, w); p != nil {
			p.Write(w)
		}
	})
}
