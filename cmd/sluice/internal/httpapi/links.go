package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

const (
	maxLinkBody = 2 << 10 // bytes
	maxWho      = 100     // bytes of a name
)

// link is what may be done by a link, and what is made of that.
type link struct {
	Action access.Action `json:"action"` // watch, publish or record
	Stream string        `json:"stream"`
	Who    string        `json:"who"` // for whom it is: in the token, as its subject
	Until  time.Time     `json:"until"`

	Token string            `json:"token"`
	URLs  map[string]string `json:"urls,omitempty"` // paths that take no more than that
	Open  bool              `json:"open"`           // everybody may do that here, without a token too
}

// serveLink makes a token, and the addresses with it. Who does that needs the right to steer the stream.
func (h *handlers) serveLink(w http.ResponseWriter, r *http.Request) {
	var l link
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLinkBody)).Decode(&l)
	if err != nil || !name.Valid(l.Stream) || len(l.Who) > maxWho {
		problem.Write(w, http.StatusBadRequest, `Send {"action": "watch", "stream": NAME, "who": TEXT, "until": "2027-01-31T20:00:00Z"} as JSON. A stream's name is `+name.Rule+".")
		return
	}
	if _, err := h.may(r, access.Admin, l.Stream, access.Token(r)); err != nil {
		refuse(w, err)
		return
	}
	if l.Token, err = h.service.Access().Link(l.Action, l.Stream, l.Who, l.Until); err != nil {
		problem.Write(w, http.StatusBadRequest, "It cannot be made: "+err.Error()+".")
		return
	}
	l.URLs, l.Open = addresses(l, prefix.Of(r)), h.service.Access().Open(l.Action)
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, l)
}

// addresses are those that take the token of a link alone. That to publish is behind a #, which browsers keep to themselves.
func addresses(l link, below string) map[string]string {
	if l.Action == access.Publish {
		return map[string]string{"publish": below + "/publish?stream=" + l.Stream + "#token=" + url.QueryEscape(l.Token)}
	}
	urls := map[string]string{}
	for kind, path := range map[string]string{
		"watch": "/watch/" + l.Stream, "hls": "/live/" + l.Stream + "/index.m3u8", "dash": "/live/" + l.Stream + "/manifest.mpd", "whep": "/whep/" + l.Stream,
	} {
		urls[kind] = below + path + "?token=" + url.QueryEscape(l.Token)
	}
	if l.Action == access.Record {
		urls["recordings"] = below + "/recordings?token=" + url.QueryEscape(l.Token)
	}
	return urls
}
