package vp9

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func with(change func(*Descriptor)) Descriptor {
	d := Descriptor{PictureID: -1, TL0PicIdx: -1}
	change(&d)
	return d
}

func TestDescriptorUnmarshal(t *testing.T) {
	cases := []struct {
		name    string
		payload []byte
		n       int
		want    Descriptor
	}{
		{"middle of a frame", []byte{0x00, 0xaa}, 1, with(func(*Descriptor) {})},
		{"a frame in one packet", []byte{0x0c, 0xaa}, 1, with(func(d *Descriptor) { d.Begin, d.End = true, true })},
		{"nothing but the descriptor", []byte{0x08}, 1, with(func(d *Descriptor) { d.Begin = true })},
		{"predicted, needed by no higher layer", []byte{0x41}, 1, with(func(d *Descriptor) { d.Predicted, d.NotForward = true, true })},
		{"PictureID of 7 bits", []byte{0x80, 0x7f}, 2, with(func(d *Descriptor) { d.PictureID, d.PictureIDBits = 127, 7 })},
		{"PictureID of 15 bits", []byte{0x80, 0xff, 0xfe}, 3, with(func(d *Descriptor) { d.PictureID, d.PictureIDBits = 0x7ffe, 15 })},
		{"layers, non-flexible", []byte{0x20, 0xf5, 0xff}, 3, with(func(d *Descriptor) {
			d.Layered, d.TID, d.SwitchingUp, d.SID, d.InterLayer, d.TL0PicIdx = true, 7, true, 2, true, 255
		})},
		{"layers, flexible: no TL0PICIDX", []byte{0x30, 0x22, 0xff}, 2, with(func(d *Descriptor) {
			d.Flexible, d.Layered, d.TID, d.SID = true, true, 1, 1
		})},
		{"references", []byte{0x50, 0x03, 0xff, 0x08, 0xaa}, 4, with(func(d *Descriptor) {
			d.Flexible, d.Predicted, d.References, d.PDiff = true, true, 3, [3]uint8{1, 127, 4}
		})},
		{"no references in a key picture", []byte{0x10, 0x03}, 1, with(func(d *Descriptor) { d.Flexible = true })},
		{"structure of one layer without sizes", []byte{0x02, 0x00}, 2, with(func(d *Descriptor) { d.Structure.Layers = 1 })},
		{"structure as Chrome sends it for two layers of three temporal ones", []byte{
			0x8a, 0x81, 0x01, 0x38, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68,
			4, 0x14, 4, 0x54, 1, 0x34, 2, 0x58, 1, 2, 0xaa,
		}, 22, with(func(d *Descriptor) {
			d.Begin, d.PictureID, d.PictureIDBits = true, 0x101, 15
			d.Structure = Structure{Layers: 2, Sized: true, Width: [8]uint16{320, 640}, Height: [8]uint16{180, 360}, Group: 4}
		})},
		{"everything, flexible", []byte{0xfe, 0x05, 0x45, 0x02, 0x20, 0xaa}, 5, with(func(d *Descriptor) {
			d.Predicted, d.Flexible, d.Begin, d.End = true, true, true, true
			d.PictureID, d.PictureIDBits = 5, 7
			d.Layered, d.TID, d.SID, d.InterLayer = true, 2, 2, true
			d.References, d.PDiff[0] = 1, 1
			d.Structure.Layers = 2
		})},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := Descriptor{PictureID: 99, TID: 9} // left from the packet before
			n, err := d.Unmarshal(c.payload)
			require.NoError(t, err)
			require.Equal(t, c.n, n)
			require.Equal(t, c.want, d)
		})
	}
}

func TestDescriptorErrors(t *testing.T) {
	for _, whole := range [][]byte{
		{0x80, 0xff, 0xfe}, {0x20, 0xf5, 0xff}, {0x50, 0x03, 0xff, 0x08},
		{0x02, 0x38, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 2, 0x08, 4, 0x00},
	} {
		for n := range whole {
			var d Descriptor
			_, err := d.Unmarshal(whole[:n])
			require.ErrorIs(t, err, ErrTruncated, "% x", whole[:n])
		}
	}
	var d Descriptor
	_, err := d.Unmarshal([]byte{0x50, 3, 3, 3, 2})
	require.ErrorIs(t, err, ErrInvalid, "four references")
}

func FuzzDescriptor(f *testing.F) {
	f.Add([]byte{0xfe, 0x05, 0x45, 0x02, 0x20, 0xaa})
	f.Add([]byte{0x8a, 0x81, 0x01, 0x38, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 2, 0x14, 4, 0x54, 1, 0xaa})
	f.Add([]byte{0x0c})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var d Descriptor
		n, err := d.Unmarshal(payload)
		if err != nil {
			return
		}
		require.True(t, 0 < n && n <= len(payload), "%d of %d bytes", n, len(payload))
		require.Less(t, d.PictureID, int32(1)<<d.PictureIDBits)
		require.LessOrEqual(t, d.References, uint8(3))
		require.LessOrEqual(t, d.Structure.Layers, uint8(8))
		require.Equal(t, d.Layered && !d.Flexible, d.TL0PicIdx >= 0)
	})
}

func BenchmarkDescriptorUnmarshal(b *testing.B) {
	for _, c := range []struct {
		name    string
		payload []byte
	}{
		{"flexible", []byte{0xf0, 0x85, 0x12, 0x45, 0x02, 0xaa}},
		{"non-flexible with structure", []byte{0xaa, 0x81, 0x01, 0x10, 7, 0x38, 1, 0x40, 0, 0xb4, 2, 0x80, 1, 0x68, 2, 0x14, 4, 0x54, 1, 0xaa}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var d Descriptor
				if _, err := d.Unmarshal(c.payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
