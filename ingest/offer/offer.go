package offer

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// What a description or fragment may have at most.
const (
	maxSections   = 4  // m-sections
	MaxCandidates = 64 // candidates
	maxSSRCs      = 16 // a=ssrc sources in one m-section
)

// Offer is a description that has been checked: bounded, complete, with no more than pion needs to see.
type Offer struct {
	Description  *sdp.SessionDescription
	Ufrag, pwd   string
	Video, Audio *media.Format // what has been chosen; nil: not offered
	Layers       []string      // of a simulcast that is taken
	Data         bool          // data channels are offered
	rejected     []rejected    // sections that the client has switched off, in their order
}

// Parse checks a client's offer and takes out what we do not use: codecs but one, a simulcast that cannot be taken (RFC 8853
// §5.3.2), and candidates that cannot be reached from here (RFC 9725 §4.3.2).
func Parse(body []byte, use Purpose) (*Offer, *refusal.Refusal) {
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(TidyLines(string(body))); err != nil {
		return nil, refusal.New(http.StatusBadRequest, "The offer is not SDP that can be read (%v): send what createOffer made, unchanged.", err)
	}
	if n := len(desc.MediaDescriptions); n == 0 || n > maxSections {
		return nil, refusal.New(http.StatusBadRequest, "The offer has %d media sections: offer one audio, one video or both.", n)
	}
	switchedOff := takeRejected(desc)
	if len(desc.MediaDescriptions) == 0 {
		return nil, refusal.New(http.StatusBadRequest, "All media sections of the offer are switched off (port 0): offer one audio, one video or both.")
	}
	if p := use.checkKinds(desc); p != nil {
		return nil, p
	}
	tagged, p := bundle(desc)
	if p != nil {
		return nil, p
	}
	ufrag, pwd, p := unifyTransport(desc, tagged)
	if p != nil {
		return nil, p
	}
	layers := keepLayers(desc, use.simulcast)
	for _, check := range []func(*sdp.SessionDescription) *refusal.Refusal{use.checkDirections, checkStreams, KeepCandidates} {
		if p := check(desc); p != nil {
			return nil, p
		}
	}
	o := &Offer{Description: desc, Ufrag: ufrag, pwd: pwd, Layers: layers, rejected: switchedOff}
	return o, o.choose(use)
}

// choose takes one format for each section. It refuses the whole offer when one section has no codec that we take: never a part of
// it (RFC 9725 §4.4.3).
func (o *Offer) choose(use Purpose) *refusal.Refusal {
	for _, m := range o.Description.MediaDescriptions {
		if IsData(m) {
			o.Data = true
			continue
		}
		offered := formatsOf(m)
		var chosen *media.Format
		if m.MediaName.Media == "video" {
			if chosen = use.video(offered); chosen != nil && !use.correction {
				chosen.FEC = ""
			}
			o.Video = chosen
		} else {
			chosen = use.sound(offered)
			o.Audio = chosen
		}
		if chosen == nil {
			return refusal.New(http.StatusUnprocessableEntity, "The %s section of the offer has no codec in common with the server: %s.", m.MediaName.Media, use.codecs)
		}
		keep(m, *chosen)
	}
	return nil
}

// VideoIndex is that of the video section among those of the client's description; -1: it has none.
func (o *Offer) VideoIndex() int {
	if o.Description == nil {
		return -1 // the offer is ours
	}
	i := slices.IndexFunc(o.Description.MediaDescriptions, func(m *sdp.MediaDescription) bool { return m.MediaName.Media == "video" })
	for _, r := range o.rejected {
		if i >= 0 && r.index <= i {
			i++
		}
	}
	return i
}

// Register makes what has been chosen all that the connection can negotiate.
func (o *Offer) Register(engine *webrtc.MediaEngine) error {
	for _, f := range []*media.Format{o.Video, o.Audio} {
		if f == nil {
			continue
		}
		if err := Register(engine, *f); err != nil {
			return err
		}
	}
	if o.Layers != nil { // packets tell which they are of (RFC 8852)
		return webrtc.ConfigureSimulcastExtensionHeaders(engine)
	}
	return nil
}

// checkStreams wants one MediaStream with one track for each kind (RFC 9725 §4.4.2).
func checkStreams(desc *sdp.SessionDescription) *refusal.Refusal {
	streams := map[string]bool{}
	for _, m := range desc.MediaDescriptions {
		sources, problem := PrimarySources(m)
		if problem != nil {
			return problem
		}
		if len(sources) > 1 {
			return refusal.New(http.StatusUnprocessableEntity, "The %s section of the offer has more than one track: send one.", m.MediaName.Media)
		}
		for _, a := range m.Attributes {
			if id, _, _ := strings.Cut(a.Value, " "); a.Key == "msid" && id != "-" {
				streams[id] = true
			}
		}
	}
	if len(streams) > 1 {
		return refusal.New(http.StatusUnprocessableEntity, "The offer has more than one MediaStream: put audio and video into the same.")
	}
	return nil
}

// PrimarySources lists the SSRCs of a section less those that repair others (RFC 5576 §4.2, RFC 4588 §8.5).
func PrimarySources(m *sdp.MediaDescription) (map[string]bool, *refusal.Refusal) {
	sources := map[string]bool{}
	for _, a := range m.Attributes {
		if a.Key == "ssrc" {
			id, _, _ := strings.Cut(a.Value, " ")
			sources[id] = true
		}
		if len(sources) > maxSSRCs {
			return nil, refusal.New(http.StatusBadRequest, "The offer has more than %d sources in one section.", maxSSRCs)
		}
	}
	for _, a := range m.Attributes {
		if f := strings.Fields(a.Value); a.Key == "ssrc-group" && len(f) > 2 && (f[0] == "FID" || f[0] == "FEC-FR") {
			for _, repair := range f[2:] {
				delete(sources, repair)
			}
		}
	}
	return sources, nil
}

// KeepCandidates moves the candidates that can be used to the first section: all sections share one transport.
func KeepCandidates(desc *sdp.SessionDescription) *refusal.Refusal {
	var kept []string
	lines := 0
	isCandidate := func(a sdp.Attribute) bool { return a.Key == "candidate" }
	for _, m := range desc.MediaDescriptions {
		for _, a := range m.Attributes {
			if !isCandidate(a) {
				continue
			}
			if lines++; lines > MaxCandidates*maxSections {
				return refusal.New(http.StatusBadRequest, "The offer has too many candidates: send at most %d.", MaxCandidates)
			}
			c, err := ParseCandidate(a.Value)
			if err != nil {
				return refusal.New(http.StatusBadRequest, "The offer has a candidate that cannot be read: %v.", err)
			}
			if c != "" && !slices.Contains(kept, c) {
				kept = append(kept, c)
			}
		}
		m.Attributes = slices.DeleteFunc(m.Attributes, isCandidate)
	}
	if len(kept) > MaxCandidates {
		return refusal.New(http.StatusBadRequest, "The offer has %d candidates: send at most %d.", len(kept), MaxCandidates)
	}
	for _, c := range kept {
		desc.MediaDescriptions[0].WithValueAttribute("candidate", c)
	}
	return nil
}

// Attribute reads what may stand in a section or for all of them.
func Attribute(desc *sdp.SessionDescription, m *sdp.MediaDescription, key string) string {
	if v, ok := m.Attribute(key); ok {
		return v
	}
	v, _ := desc.Attribute(key)
	return v
}

func validCredentials(ufrag, pwd string) bool {
	return len(ufrag) >= 4 && len(ufrag) <= 256 && len(pwd) >= 22 && len(pwd) <= 256
}

// Candidates are those of the client, without "candidate:".
func (o *Offer) Candidates() []string {
	var all []string
	for _, a := range o.Description.MediaDescriptions[0].Attributes {
		if a.Key == "candidate" {
			all = append(all, a.Value)
		}
	}
	return all
}

// Text is the offer as pion reads it.
func (o *Offer) Text() (string, error) {
	b, err := o.Description.Marshal()
	return string(b), err
}

// Restarted is the offer with new ICE credentials and candidates instead of the old ones (RFC 8839 §4.4.1.1.1).
func (o *Offer) Restarted(f Fragment) (*Offer, error) {
	text, err := o.Text()
	if err != nil {
		return nil, err
	}
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(text); err != nil {
		return nil, err
	}
	desc.Attributes = withoutICE(desc.Attributes)
	for _, m := range desc.MediaDescriptions {
		m.Attributes = withoutICE(m.Attributes)
		m.WithICECredentials(f.Ufrag, f.pwd)
	}
	for _, c := range f.Candidates {
		desc.MediaDescriptions[0].WithValueAttribute("candidate", c)
	}
	return &Offer{Description: desc, Ufrag: f.Ufrag, pwd: f.pwd, Video: o.Video, Audio: o.Audio, Layers: o.Layers, Data: o.Data, rejected: o.rejected}, nil
}

func withoutICE(attributes []sdp.Attribute) []sdp.Attribute {
	return slices.DeleteFunc(attributes, func(a sdp.Attribute) bool {
		switch a.Key {
		case "ice-ufrag", "ice-pwd", "candidate", "end-of-candidates":
			return true
		}
		return false
	})
}
