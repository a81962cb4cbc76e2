package api

import (
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
)

// KeyRequest is what POST /api/v1/keys takes.
type KeyRequest struct {
	Stream  string          `json:"stream"` // *, or the beginning of names with * behind
	Actions []access.Action `json:"actions"`
	Note    string          `json:"note,omitempty"`
	Expires time.Time       `json:"expires,omitzero"` // absent: never
}

// NewKey is its answer: the key, and its token, which is told this once.
type NewKey struct {
	access.Key
	Token string          `json:"token"`
	Open  []access.Action `json:"open"` // what everybody may do on this server, without a key
}

// KeyList is the answer of GET /api/v1/keys: the oldest first.
type KeyList struct {
	Keys []access.Key `json:"keys"`
	Page
}
