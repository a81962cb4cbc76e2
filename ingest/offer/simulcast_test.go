package offer

import (
	"slices"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/stretchr/testify/require"
)

func FuzzKeepLayers(f *testing.F) {
	f.Add("h send", "send ~h,m;l recv x")
	f.Add("", "send")
	f.Fuzz(func(t *testing.T, rid, simulcast string) {
		m := &sdp.MediaDescription{MediaName: sdp.MediaName{Media: "video"}}
		for _, line := range []string{rid, "m send", "l send"} {
			m.WithValueAttribute("rid", line)
		}
		m.WithValueAttribute("simulcast", simulcast).WithValueAttribute("msid", "a b")
		m.WithValueAttribute("extmap", "1 "+sdp.SDESMidURI).WithValueAttribute("extmap", "2 "+sdp.SDESRTPStreamIDURI)
		names := keepLayers(&sdp.SessionDescription{MediaDescriptions: []*sdp.MediaDescription{m}}, true)
		require.LessOrEqual(t, len(names), maxLayers)
		require.NotEqual(t, 1, len(names))
		for _, name := range names {
			require.Regexp(t, layerName, name)
		}
	})
}

// What a client sends in layers stays in a description of a room, and nothing else that is said of layers.
func TestTidyLayers(t *testing.T) {
	lines := []sdp.Attribute{
		{Key: "rid", Value: "l recv"}, {Key: "simulcast", Value: "recv l"}, {Key: "ssrc", Value: "1 cname:x"},
		{Key: "rid", Value: "l send"}, {Key: "rid", Value: "h send"}, {Key: "simulcast", Value: "send l;h"}, {Key: "mid", Value: "1"},
	}
	for _, tt := range []struct {
		kind   string
		wanted bool
		lines  []sdp.Attribute
		want   []string
	}{
		{"video", true, lines, []string{"mid:1", "rid:l send", "rid:h send", "simulcast:send l;h"}},
		{"video", false, lines, []string{"ssrc:1 cname:x", "mid:1"}},
		{"audio", true, lines, []string{"ssrc:1 cname:x", "mid:1"}},
		{"video", true, lines[:3], []string{"ssrc:1 cname:x"}},
	} {
		m := &sdp.MediaDescription{MediaName: sdp.MediaName{Media: tt.kind}, Attributes: slices.Clone(tt.lines)}
		TidyLayers(m, tt.wanted)
		var got []string
		for _, a := range m.Attributes {
			got = append(got, a.Key+":"+a.Value)
		}
		require.Equal(t, tt.want, got)
	}
}
