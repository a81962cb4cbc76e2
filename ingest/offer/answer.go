package offer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/sluice-live/sluice/ingest/media"
)

// startBitrate is what a browser sends of a picture at first, in kbit/s. Chromium begins with 300 otherwise, in pictures of a quarter of the
// camera's size, and enlarges them twice in the first seconds.
const startBitrate = 1500

// TidyAnswer has video sent in its whole size from the beginning. It leaves out candidates for RTCP, which is multiplexed, says so (RFC 9725 §4.4.1), and puts the candidate that
// reaches most clients first, since some try no other.
func TidyAnswer(desc *sdp.SessionDescription, public []string) {
	for _, m := range desc.MediaDescriptions {
		withoutParameterSets(m)
		withStartBitrate(m)
		var candidates []sdp.Attribute
		rest := make([]sdp.Attribute, 0, len(m.Attributes)+1)
		for _, a := range m.Attributes {
			switch f := strings.Fields(a.Value); {
			case a.Key == "candidate" && f[1] == "1":
				candidates = append(candidates, a)
			case a.Key == "candidate", a.Key == "end-of-candidates":
			case a.Key == "rtcp-mux":
				rest = append(rest, a, sdp.NewPropertyAttribute("rtcp-mux-only"))
			default:
				rest = append(rest, a)
			}
		}
		slices.SortStableFunc(candidates, func(a, b sdp.Attribute) int {
			return CandidateRank(a.Value, public) - CandidateRank(b.Value, public)
		})
		m.Attributes = append(rest, candidates...)
	}
	desc.MediaDescriptions[0].WithPropertyAttribute("end-of-candidates")
}

// withoutParameterSets leaves out what the offer has told of the sender's own stream: of ours there is none, or it is another one's
// (RFC 6184 §8.2.2).
func withoutParameterSets(m *sdp.MediaDescription) {
	for i, a := range m.Attributes {
		payload, line, _ := strings.Cut(a.Value, " ")
		if a.Key != "fmtp" || !strings.Contains(line, "sprop-parameter-sets") {
			continue
		}
		kept := slices.DeleteFunc(strings.Split(line, ";"), func(p string) bool { return Parameter(p, "sprop-parameter-sets", "") != "" })
		m.Attributes[i].Value = payload + " " + strings.Join(kept, ";")
	}
}

// withStartBitrate asks whoever sends video to us in a codec to begin with startBitrate, as libwebrtc understands it.
func withStartBitrate(m *sdp.MediaDescription) {
	if direction := Direction(m.Attributes); m.MediaName.Media != string(media.KindVideo) || direction != "recvonly" && direction != "sendrecv" {
		return
	}
	payload := m.MediaName.Formats[0]
	parameter := "x-google-start-bitrate=" + strconv.Itoa(startBitrate)
	for i, a := range m.Attributes {
		if of, line, _ := strings.Cut(a.Value, " "); a.Key == "fmtp" && of == payload {
			if Parameter(line, "x-google-start-bitrate", "") == "" {
				m.Attributes[i].Value += ";" + parameter
			}
			return
		}
	}
	m.WithValueAttribute("fmtp", payload+" "+parameter)
}

// CandidateRank: UDP before TCP; public addresses, then IPv4, then IPv6, then loopback.
func CandidateRank(value string, public []string) int {
	f := strings.Fields(value)
	rank := 0
	if !strings.EqualFold(f[2], "udp") {
		rank = 10
	}
	switch address := f[4]; {
	case slices.Contains(public, address):
		return rank
	case strings.HasPrefix(address, "127."), address == "::1":
		return rank + 3
	case strings.Contains(address, ":"):
		return rank + 2
	}
	return rank + 1
}

// AnswerFragment is the part of an answer that a restart returns (RFC 9725 §4.3.3).
func AnswerFragment(desc *sdp.SessionDescription) []byte {
	var b strings.Builder
	for _, a := range desc.Attributes {
		if a.Key == "ice-options" || a.Key == "group" {
			fmt.Fprintf(&b, "a=%s:%s\r\n", a.Key, a.Value)
		}
	}
	first := desc.MediaDescriptions[max(0, slices.IndexFunc(desc.MediaDescriptions, func(m *sdp.MediaDescription) bool { return m.MediaName.Port.Value != 0 }))]
	fmt.Fprintf(&b, "m=%s\r\n", first.MediaName.String())
	for _, key := range []string{"mid", "ice-ufrag", "ice-pwd"} {
		fmt.Fprintf(&b, "a=%s:%s\r\n", key, Attribute(desc, first, key))
	}
	for _, a := range first.Attributes {
		if a.Key == "candidate" {
			fmt.Fprintf(&b, "a=candidate:%s\r\n", a.Value)
		}
	}
	b.WriteString("a=end-of-candidates\r\n")
	return []byte(b.String())
}
