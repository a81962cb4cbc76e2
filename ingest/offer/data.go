package offer

import (
	"net/http"
	"slices"

	"github.com/pion/sdp/v3"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// What offers may have to have.
const (
	needsMedia = "offer one audio, one video or both; data channels may come beside them"
	needsData  = "offer a data channel and no media"
)

// kindData is that of the section of all data channels (RFC 8841 §4).
const kindData = "application"

// IsData reports whether a section is that of data channels.
func IsData(m *sdp.MediaDescription) bool { return m.MediaName.Media == kindData }

// CheckData refuses a section of data channels that is none of WebRTC's (RFC 8841 §4.1).
func CheckData(m *sdp.MediaDescription) *refusal.Refusal {
	protocol := m.MediaName.Protos
	if len(protocol) == 3 && protocol[1] == "DTLS" && protocol[2] == "SCTP" && slices.Equal(m.MediaName.Formats, []string{"webrtc-datachannel"}) {
		return nil
	}
	return refusal.New(http.StatusUnprocessableEntity, "The application section of the offer is none of data channels: offer m=application 9 UDP/DTLS/SCTP webrtc-datachannel (RFC 8841).")
}

// checkKinds refuses more than one section of a kind, kinds that are of no use (RFC 9725 §4.4.2), and offers without what is needed.
func (use Purpose) checkKinds(desc *sdp.SessionDescription) *refusal.Refusal {
	seen := map[string]bool{}
	for _, m := range desc.MediaDescriptions {
		kind := m.MediaName.Media
		switch {
		case kind != "audio" && kind != "video" && kind != kindData:
			return refusal.New(http.StatusUnprocessableEntity, "The offer has a section of kind %q: offer audio, video and data channels only.", kind)
		case seen[kind]:
			return refusal.New(http.StatusUnprocessableEntity, "The offer has more than one %s section: offer at most one audio and one video track.", kind)
		case kind == kindData:
			if p := CheckData(m); p != nil {
				return p
			}
		}
		seen[kind] = true
	}
	media := seen["audio"] || seen["video"]
	if use.needs == needsMedia && !media || use.needs == needsData && (media || !seen[kindData]) {
		return refusal.New(http.StatusUnprocessableEntity, "The offer is not for this address: %s.", use.needs)
	}
	return nil
}
