package api

import (
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/forward"
)

// Forward is how a target stands that a stream is forwarded to (forward).
type Forward struct {
	Target  string    `json:"target"` // its name, or protocol and host
	State   string    `json:"state" jsonschema:"enum=waiting,enum=connecting,enum=forwarding,enum=retrying,enum=ended"`
	Since   time.Time `json:"since,omitzero"` // that the stream has been forwarded there; absent while it is not
	Bytes   uint64    `json:"bytes"`          // of media that were sent
	Dropped uint64    `json:"dropped"`        // parts that the target was too slow for
	Retries uint64    `json:"retries"`        // tries after the first
	Error   string    `json:"error"`          // why the newest try has failed, else ""
}

func describeForwards(states []forward.State) (all []Forward) {
	for _, s := range states {
		all = append(all, Forward{s.Target, s.State, s.Since.UTC(), s.Bytes, s.Dropped, s.Retries, s.Error})
	}
	return all
}
