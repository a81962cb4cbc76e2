package offer

import (
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// redOf is the payload type of redundancy for another one, or "", and whether it comes before that: then the client sends it.
func redOf(m *sdp.MediaDescription, payload string, mapped, parameters map[string]string) (red string, first bool) {
	formats := m.MediaName.Formats
	i := slices.IndexFunc(formats, func(red string) bool {
		return isPayload(red) && strings.EqualFold(mapped[red], "red/48000/2") && redCarries(parameters[red], payload)
	})
	if i < 0 {
		return "", false
	}
	return formats[i], i < slices.Index(formats, payload)
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

// redundancy is whose sound may come or go with redundancy.
type redundancy uint8

const (
	redNever redundancy = iota
	redFirst            // of who prefers to send it so
	redTaken            // of who takes it
)

// allows reports whether redundancy that is offered is of use.
func (r redundancy) allows(first bool) bool { return r == redTaken || r == redFirst && first }
