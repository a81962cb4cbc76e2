package offer

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/depay/h264"
)

// h264Parameters is what negotiation needs to know of H.264's parameters (RFC 6184 §8.1).
type h264Parameters struct {
	mode    string // of packetization: 0, 1 or 2
	profile byte   // profile_idc
}

// readH264Format gives absent and unreadable parameters their default values: mode 0, Baseline profile.
func readH264Format(parameters string) h264Parameters {
	f := h264Parameters{mode: Parameter(parameters, "packetization-mode", "0"), profile: h264.ProfileBaseline}
	if b, err := hex.DecodeString(Parameter(parameters, "profile-level-id", "")); err == nil && len(b) > 0 {
		f.profile = b[0]
	}
	return f
}

func (f h264Parameters) common() bool {
	return f.profile == h264.ProfileBaseline || f.profile == h264.ProfileMain || f.profile == h264.ProfileExtended || f.profile == h264.ProfileHigh
}

// rankH264 puts first what is of most use: mode 1, in which a picture is not bound to the size of packets, and profiles that
// players take. Interleaved units (mode 2) are not taken.
func rankH264(parameters string) (rank int, taken bool) {
	f := readH264Format(parameters)
	if f.mode != "1" {
		rank++
	}
	if !f.common() {
		rank += 2
	}
	return rank, f.mode == "0" || f.mode == "1"
}

// h264Plays reports whether who has offered these parameters can take a stream that was offered with those: the packets must be
// as agreed, mode 0 being a part of mode 1 (RFC 6184 §6.3). Players decode all common profiles, whichever they name.
func h264Plays(stream, player string) (rank int, plays bool) {
	s, p := readH264Format(stream), readH264Format(player)
	if p.mode != s.mode {
		rank++
	}
	if p.profile != s.profile {
		rank += 2
	}
	return rank, (p.mode == s.mode || p.mode == "1" && s.mode == "0") && (p.profile == s.profile || p.common() && s.common())
}

// Parameter reads one of a format's parameters: name=value, separated by semicolons (RFC 6838 §4.3), names in any case.
func Parameter(parameters, name, otherwise string) string {
	for p := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return otherwise
}

// H264Format describes a recording's H.264 as an offer would.
func H264Format(c *h264.Config) string {
	var sets []string
	for _, unit := range slices.Concat(c.SPS, c.PPS) {
		sets = append(sets, base64.StdEncoding.EncodeToString(unit))
	}
	return fmt.Sprintf("packetization-mode=1;profile-level-id=%02x%02x%02x;sprop-parameter-sets=%s", c.Profile, c.Constraints, c.Level, strings.Join(sets, ","))
}
