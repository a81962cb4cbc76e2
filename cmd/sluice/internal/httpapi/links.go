package httpapi

import (
	"net/http"
	"net/url"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

const (
	maxLinkBody = 2 << 10 // bytes
	maxWho      = 100     // bytes of a name
)

// serveLink makes a token, and the addresses with it. Who does that needs the right to steer the stream.
func (h *handlers) serveLink(w http.ResponseWriter, r *http.Request) {
	var wanted api.LinkRequest
	err := readJSON(w, r, maxLinkBody, &wanted)
	if err != nil || !name.Valid(wanted.Stream) || len(wanted.Who) > maxWho {
		problem.Write(w, http.StatusBadRequest, `Send {"action": "watch", "stream": NAME, "who": TEXT, "until": "2027-01-31T20:00:00Z"} as JSON. A stream's name is `+name.Rule+".")
		return
	}
	grant, err := h.may(r, access.Admin, wanted.Stream, access.Token(r))
	if err != nil {
		refuse(w, err)
		return
	}
	if !endsBy(wanted.Until, grant.Until) {
		refuseLonger(w, grant.Until)
		return
	}
	gate := h.rights()
	token, err := gate.Link(wanted.Action, wanted.Stream, wanted.Who, wanted.Until)
	if err != nil {
		problem.Write(w, http.StatusBadRequest, "It cannot be made: "+err.Error()+".")
		return
	}
	writeJSON(w, api.Link{LinkRequest: wanted, Token: token, URLs: addresses(wanted, token, prefix.Of(r)), Open: gate.Open(wanted.Action)})
}

// addresses are those that take the token of a link alone. That to publish is behind a #, which browsers keep to themselves.
func addresses(l api.LinkRequest, token, below string) (urls api.LinkURLs) {
	at := func(path, before string) string { return below + path + before + "token=" + url.QueryEscape(token) }
	if l.Action == access.Publish {
		urls.Publish = at("/publish?stream="+l.Stream, "#")
		return urls
	}
	urls.Watch, urls.Embed, urls.WHEP = at("/watch/"+l.Stream, "?"), at("/embed/"+l.Stream, "?"), at("/whep/"+l.Stream, "?")
	urls.HLS, urls.DASH = at("/live/"+l.Stream+"/index.m3u8", "?"), at("/live/"+l.Stream+"/manifest.mpd", "?")
	if l.Action == access.Record {
		urls.Recordings = at("/recordings", "?")
	}
	return urls
}
