package offer

import (
	"slices"
	"testing"

	"github.com/sluice-live/sluice/ingest/media"
)

// Whatever comes, a layer is one that there can be, and none where the packet does not tell.
func FuzzLayers(f *testing.F) {
	f.Add([]byte{0x90, 0xe0, 0x80, 1, 254, 0xa0, 1, 2, 3}) // VP8
	f.Add([]byte{0xec, 0x80, 1, 0x50, 7, 0x86, 1, 2})      // VP9
	f.Add([]byte{0xaa, 1, 3, 7, 0x30, 1, 64, 0, 240, 2, 128, 1, 224, 0x82, 0x49, 0x83, 0x42})
	f.Add([]byte{0x10, 6<<3 | 4, 2 << 5, 1, 2, 3})                 // AV1
	f.Add([]byte{0x20, 2, 1<<3 | 4, 0, 6<<3 | 4, 1 << 5, 1, 2, 3}) // AV1 that begins with a sequence header
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, c := range videoCodecs() {
			if c.Layers == nil {
				continue
			}
			layer, known := c.Layers(payload)
			if layer.Temporal.ID > 7 || layer.Spatial.ID >= media.MaxSpatial || !known && layer != (media.PictureLayer{}) {
				t.Fatal(c.Name, layer, known)
			}
			if c.SpatialSizes == nil {
				continue
			}
			var sizes [media.MaxSpatial]media.Size
			c.SpatialSizes(payload, &sizes)
			width, height := c.Size(payload)
			if size := (media.Size{Width: width, Height: height}); size != (media.Size{}) && !slices.Contains(sizes[:], size) {
				t.Fatal(sizes, size)
			}
		}
	})
}
