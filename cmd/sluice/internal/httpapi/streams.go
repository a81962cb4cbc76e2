package httpapi

import (
	"net/http"
	"slices"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

// serveStreams lists the streams that have not ended, and that the client may be told of.
func (h *handlers) serveStreams(w http.ResponseWriter, r *http.Request) {
	sees, _, err := h.sight(r)
	if err != nil {
		refuse(w, err)
		return
	}
	all := h.all(r.Context())
	streams := slices.DeleteFunc(all.Streams, func(s api.Stream) bool { return !sees(s.Name) })
	streams, next, ok := paged(w, r, streams, func(s api.Stream) string { return s.Name })
	if !ok {
		return
	}
	for i := range streams {
		streams[i] = streams[i].Below(prefix.Of(r))
	}
	writeJSON(w, api.StreamList{Streams: streams, Missing: all.Missing, Page: api.Page{Next: next}})
}

// serveStream tells of one stream; for a while also of one that has ended, so that its page can say why.
func (h *handlers) serveStream(w http.ResponseWriter, r *http.Request) {
	if stream, ok := h.state.Stream(r.PathValue("stream")); ok {
		writeJSON(w, stream.Below(prefix.Of(r)))
		return
	}
	refuseUnknown(w, r.PathValue("stream"))
}

// serveKick ends the publisher's session; the stream goes on to wait for another as after any departure.
func (h *handlers) serveKick(w http.ResponseWriter, r *http.Request) {
	b := h.service.Find(r.PathValue("stream"))
	if b == nil {
		refuseUnknown(w, r.PathValue("stream"))
		return
	}
	if p := b.Status().Publisher; p != nil {
		p.Dismiss("ended by the operator")
	}
	w.WriteHeader(http.StatusNoContent)
}

func refuseUnknown(w http.ResponseWriter, stream string) {
	problem.WriteRetry(w, http.StatusNotFound, 2, "No stream of this name is live: publish to /whip/"+stream+" first.")
}

// serveServer tells pages what they need to know before they publish.
func (h *handlers) serveServer(w http.ResponseWriter, r *http.Request) {
	urls := []string{}
	for _, server := range h.service.Ingest().ICEServers() {
		urls = append(urls, server.URLs...)
	}
	writeTagged(w, r, api.Server{
		Version: h.version, AuthPublish: h.cfg.Auth.PublishNeedsKey(), AuthWatch: !h.service.Access().Open(access.Watch), AuthAdmin: !h.service.Access().Open(access.Admin) || !h.cfg.Loopback(), ICEServers: urls,
		Transforms: h.service.Transforms(), Processors: h.service.Processors(), LadderReason: h.service.LadderReason(), Linger: h.cfg.Linger.Seconds(),
		EmbedOrigins: append([]string{}, h.cfg.HTTP.EmbedOrigins...),
	})
}
