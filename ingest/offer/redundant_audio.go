package offer

import (
	"strings"

	"github.com/pion/sdp/v3"
)

// redBefore is the payload type of redundancy for another one that is not only offered but put before it; "" when there is none.
func redBefore(m *sdp.MediaDescription, payload string, mapped, parameters map[string]string) string {
	for _, red := range m.MediaName.Formats {
		if red == payload {
			break
		}
		if isPayload(red) && strings.EqualFold(mapped[red], "red/48000/2") && redCarries(parameters[red], payload) {
			return red
		}
	}
	return ""
}

// redCarries reports whether all blocks are to be of one payload type (RFC 2198 §5), as in 111/111.
func redCarries(parameters, payload string) bool {
	for _, block := range strings.Split(parameters, "/") {
		if block != payload {
			return false
		}
	}
	return true
}
