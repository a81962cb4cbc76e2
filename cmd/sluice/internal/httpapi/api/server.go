package api

import (
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/transcode"
)

// Server is the answer of GET /api/v1/server: what clients need to know before they publish.
type Server struct {
	Version      string                `json:"version"`
	AuthPublish  bool                  `json:"authPublish"`       // publishing needs a key
	AuthWatch    bool                  `json:"authWatch"`         // watching needs a key
	AuthAdmin    bool                  `json:"authAdmin"`         // steering does
	ICEServers   []string              `json:"iceServers"`        // URLs of STUN and TURN servers; their credentials are in the Link headers of WHIP answers
	Transforms   []transcode.Transform `json:"transforms"`        // that can be made of live video
	Processors   []string              `json:"processors"`        // that still pictures can be changed by
	LadderReason string                `json:"ladderReason"`      // which renditions are encoded, and why
	Linger       float64               `json:"linger"`            // seconds that a stream waits for its publisher
	EmbedOrigins []string              `json:"embedOrigins"`      // whose pages may frame the player beside our own; * is everybody
	RelayOf      string                `json:"relayOf,omitempty"` // URL of the service whose streams these are, where this one is a relay
}

// Status is the answer of /healthz and /readyz.
type Status struct {
	Status string `json:"status"`
}

// TransformRequest is the body of PUT /api/v1/streams/{stream}/transform.
type TransformRequest struct {
	Transform *transcode.Transform `json:"transform"` // one of transforms of /api/v1/server, or "" for none
}

// AirRequest is the body of PUT /api/v1/rooms/{room}/air.
type AirRequest struct {
	Stream      string `json:"stream"`                // that is made of what is sent
	Participant string `json:"participant,omitempty"` // whose video and audio it is; "" for whoever speaks
}

// LinkRequest is the body of POST /api/v1/links: what may be done by a link.
type LinkRequest struct {
	Action access.Action `json:"action" jsonschema:"enum=watch,enum=publish,enum=record"`
	Stream string        `json:"stream"`
	Who    string        `json:"who,omitempty"` // for whom it is, at most 100 bytes: in the token, as its subject
	Until  time.Time     `json:"until"`         // in the future, and within a year
}

// Link is the answer of POST /api/v1/links.
type Link struct {
	LinkRequest
	Token string   `json:"token"`
	URLs  LinkURLs `json:"urls"`
	Open  bool     `json:"open"` // everybody may do that here, without a token too
}

// LinkURLs are paths that take no more than the right of the link; which there are depends on its action.
type LinkURLs struct {
	Watch      string `json:"watch,omitempty"`      // page
	Embed      string `json:"embed,omitempty"`      // the player alone
	HLS        string `json:"hls,omitempty"`        // playlist
	DASH       string `json:"dash,omitempty"`       // manifest
	WHEP       string `json:"whep,omitempty"`       // endpoint
	Recordings string `json:"recordings,omitempty"` // page and list
	Publish    string `json:"publish,omitempty"`    // page
}
