package ingest

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// Types of H.264's NAL units and of the packets that hold several of them or one part (RFC 6184 §5.2, ITU-T H.264 table 7-1).
const (
	nalTypeMask = 0x1f
	nalIDR      = 5
	nalSPS      = 7
	nalSTAPA    = 24
	nalFUA      = 28
)

// h264KeyFrameStarts tells whether the packet holds the beginning of a picture that needs no other, or the parameters that come
// before one (RFC 6184 §5.6 to §5.8). Several packets of one picture may.
func h264KeyFrameStarts(payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	switch kind := payload[0] & nalTypeMask; kind {
	case nalSTAPA:
		return stapStartsKeyFrame(payload[1:])
	case nalFUA:
		return payload[1]&0x80 != 0 && nalStartsKeyFrame(payload[1]) // S
	default:
		return nalStartsKeyFrame(kind)
	}
}

func nalStartsKeyFrame(header byte) bool {
	kind := header & nalTypeMask
	return kind == nalIDR || kind == nalSPS
}

// stapStartsKeyFrame looks at each unit of an aggregation packet (RFC 6184 §5.7.1) that is there as a whole.
func stapStartsKeyFrame(units []byte) bool {
	for len(units) > 2 {
		size := int(binary.BigEndian.Uint16(units))
		units = units[2:]
		if size == 0 || size > len(units) {
			return false
		}
		if nalStartsKeyFrame(units[0]) {
			return true
		}
		units = units[size:]
	}
	return false
}

// h264Format is what negotiation needs to know of H.264's parameters (RFC 6184 §8.1).
type h264Format struct {
	mode    string // of packetization: 0, 1 or 2
	profile byte   // profile_idc
}

// readH264Format gives absent and unreadable parameters their default values: mode 0, Baseline profile.
func readH264Format(parameters string) h264Format {
	f := h264Format{mode: parameter(parameters, "packetization-mode", "0"), profile: profileBaseline}
	if b, err := hex.DecodeString(parameter(parameters, "profile-level-id", "")); err == nil && len(b) > 0 {
		f.profile = b[0]
	}
	return f
}

// Values of profile_idc (ITU-T H.264 §A.2) with 8 bits and 4:2:0, which is what players take.
const (
	profileBaseline = 66
	profileMain     = 77
	profileExtended = 88
	profileHigh     = 100
)

func (f h264Format) common() bool {
	return f.profile == profileBaseline || f.profile == profileMain || f.profile == profileExtended || f.profile == profileHigh
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

// h264Plays tells whether who has offered these parameters can take a stream that was offered with those: the packets must be
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

// parameter reads one of a format's parameters: name=value, separated by semicolons (RFC 6838 §4.3), names in any case.
func parameter(parameters, name, otherwise string) string {
	for p := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return otherwise
}
