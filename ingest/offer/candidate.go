package offer

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// minCandidateFields: foundation, component, transport, priority, address, port, "typ", type (RFC 8839 §5.1).
const (
	minCandidateFields = 8
	maxCandidate       = 512 // bytes
)

var errCandidate = errors.New("a candidate is foundation, component, transport, priority, address, port, typ and type")

// ParseCandidate returns the candidate as pion takes it, or "" for one that is of no use here: not UDP (peers reach our TCP
// port by themselves), for RTCP, or with a name instead of an address, which is never looked up. Some clients number the
// component 0.
func ParseCandidate(value string) (string, error) {
	f := strings.Fields(strings.TrimPrefix(value, "candidate:"))
	if len(f) < minCandidateFields || f[6] != "typ" || len(value) > maxCandidate || len(f[0]) > 32 {
		return "", fmt.Errorf("%w: got %.60q", errCandidate, value)
	}
	component, err1 := strconv.ParseUint(f[1], 10, 16)
	_, err2 := strconv.ParseUint(f[3], 10, 32)
	port, err3 := strconv.ParseUint(f[5], 10, 16)
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", fmt.Errorf("%w: %w", errCandidate, err)
	}
	address, err := netip.ParseAddr(f[4])
	if component > 1 || !strings.EqualFold(f[2], "udp") || err != nil || port == 0 || !reachable(address) {
		return "", nil
	}
	switch f[7] {
	case "host", "srflx", "prflx", "relay":
		// Related addresses and extensions matter to the peer only.
		return fmt.Sprintf("%s 1 udp %s %s %d typ %s", f[0], f[3], address.WithZone(""), port, f[7]), nil
	}
	return "", nil
}

func reachable(a netip.Addr) bool { return !a.IsUnspecified() && !a.IsMulticast() }
