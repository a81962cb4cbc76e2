package offer

import (
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
