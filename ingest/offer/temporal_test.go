package offer

import (
	"testing"

	"github.com/sluice-live/sluice/ingest/media"
)

// Whatever comes, a layer is one that there can be, and none where the packet does not tell.
func FuzzTemporal(f *testing.F) {
	f.Add([]byte{0x90, 0xe0, 0x80, 1, 254, 0xa0, 1, 2, 3})         // VP8
	f.Add([]byte{0xec, 0x80, 1, 0x50, 7, 0x86, 1, 2})              // VP9
	f.Add([]byte{0x10, 6<<3 | 4, 2 << 5, 1, 2, 3})                 // AV1
	f.Add([]byte{0x20, 2, 1<<3 | 4, 0, 6<<3 | 4, 1 << 5, 1, 2, 3}) // AV1 that begins with a sequence header
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, c := range videoCodecs() {
			if c.Temporal == nil {
				continue
			}
			layer, known := c.Temporal(payload)
			if layer.ID > 7 || !known && layer != (media.TemporalLayer{}) {
				t.Fatal(c.Name, layer, known)
			}
		}
	})
}
