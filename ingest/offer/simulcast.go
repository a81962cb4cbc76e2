package offer

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/sluice-live/sluice/ingest/media"
)

// maxLayers bounds the layers of a simulcast that are taken; browsers send three.
const maxLayers = 4

// layerName is the grammar of a=rid as WebRTC has it (RFC 8851 §10, RFC 8852 §3).
var layerName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,16}$`)

// keepLayers leaves in the offer the simulcast of the pictures (RFC 8853), when it can be taken, or else takes all marks of it out:
// then the first source that comes is the picture. Layers are told apart by what each packet says (RFC 8852), so their
// sources are taken out, which some clients declare.
func keepLayers(desc *sdp.SessionDescription, wanted bool) (layers []string) {
	for _, m := range desc.MediaDescriptions {
		if wanted && m.MediaName.Media == string(media.KindVideo) && layersTold(desc, m) {
			layers = layersOf(m)
		}
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
			source := a.Key == "ssrc" || a.Key == "ssrc-group"
			return a.Key == "simulcast" || a.Key == "rid" || source && m.MediaName.Media == string(media.KindVideo) && layers != nil
		})
	}
	if layers == nil {
		return nil
	}
	for _, m := range desc.MediaDescriptions {
		if m.MediaName.Media == string(media.KindVideo) {
			declareLayers(m, layers)
		}
	}
	return layers
}

// TidyLayers leaves in a section the simulcast that its client sends, whose packets tell which layer they are of, if that is wanted and can be taken,
// and else takes all marks of it out: what the client offers to take in layers, above all.
func TidyLayers(m *sdp.MediaDescription, wanted bool) {
	var layers []string
	if wanted && m.MediaName.Media == string(media.KindVideo) {
		layers = layersOf(m)
	}
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
		source := a.Key == "ssrc" || a.Key == "ssrc-group"
		return a.Key == "simulcast" || a.Key == "rid" || source && layers != nil
	})
	if layers != nil {
		declareLayers(m, layers)
	}
}

func declareLayers(m *sdp.MediaDescription, layers []string) {
	for _, name := range layers {
		m.WithValueAttribute("rid", name+" send")
	}
	m.WithValueAttribute("simulcast", "send "+strings.Join(layers, ";"))
}

// layersTold reports whether packets say which layer they are of, and all others come from sources that are declared. Pion wants
// an a=msid as well.
func layersTold(desc *sdp.SessionDescription, picture *sdp.MediaDescription) bool {
	for _, uri := range []string{sdp.SDESMidURI, sdp.SDESRTPStreamIDURI} {
		if !slices.ContainsFunc(picture.Attributes, func(a sdp.Attribute) bool { return a.Key == "extmap" && strings.HasSuffix(a.Value, " "+uri) }) {
			return false
		}
	}
	for _, m := range desc.MediaDescriptions {
		if _, declared := m.Attribute("ssrc"); m != picture && !declared && !IsData(m) {
			return false
		}
	}
	msid, _ := picture.Attribute("msid")
	return len(strings.Split(msid, " ")) == 2
}

// layersOf lists the layers of a=simulcast:send that have an a=rid, paused or not, of alternatives the first (RFC 8853 §5.1). A
// single one is no simulcast.
func layersOf(m *sdp.MediaDescription) []string {
	declared := map[string]bool{}
	for _, a := range m.Attributes {
		if f := strings.Fields(a.Value); a.Key == "rid" && len(f) > 1 && f[1] == "send" {
			declared[f[0]] = true
		}
	}
	var f []string
	for _, a := range m.Attributes {
		if a.Key == "simulcast" && (f == nil || strings.Contains(a.Value, "send ")) {
			f = strings.Fields(a.Value)
		}
	}
	i := slices.Index(f, "send")
	if i < 0 || i+1 == len(f) {
		return nil
	}
	var layers []string
	for alternatives := range strings.SplitSeq(f[i+1], ";") {
		name, _, _ := strings.Cut(strings.ReplaceAll(alternatives, "~", ""), ",")
		if declared[name] && layerName.MatchString(name) && !slices.Contains(layers, name) && len(layers) < maxLayers {
			layers = append(layers, name)
		}
	}
	if len(layers) < 2 {
		return nil
	}
	return layers
}
