package vp8

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// plain is a descriptor without optional fields.
var plain = Descriptor{PictureID: -1, TL0PicIdx: -1, TID: -1, KeyIdx: -1}

func with(change func(*Descriptor)) Descriptor {
	d := plain
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
		{"middle of a frame", []byte{0x00, 0xaa}, 1, plain},
		{"start of a frame", []byte{0x10, 0xaa}, 1, with(func(d *Descriptor) { d.Start = true })},
		{"nothing but the descriptor", []byte{0x10}, 1, with(func(d *Descriptor) { d.Start = true })},
		{"not referenced", []byte{0x20}, 1, with(func(d *Descriptor) { d.NonReference = true })},
		{"partition 5", []byte{0x05}, 1, with(func(d *Descriptor) { d.PartitionID = 5 })},
		{"reserved bits are ignored", []byte{0x48}, 1, plain},
		{"extension without fields", []byte{0x80, 0x00}, 2, plain},
		{"reserved extension bits are ignored", []byte{0x80, 0x0f}, 2, plain},
		{"PictureID of 7 bits", []byte{0x80, 0x80, 0x7f}, 3, with(func(d *Descriptor) { d.PictureID, d.PictureIDBits = 127, 7 })},
		{"PictureID of 15 bits", []byte{0x90, 0x80, 0xff, 0xfe, 0xaa}, 4, with(func(d *Descriptor) {
			d.Start, d.PictureID, d.PictureIDBits = true, 0x7ffe, 15
		})},
		{"TL0PICIDX", []byte{0x80, 0x40, 0xff}, 3, with(func(d *Descriptor) { d.TL0PicIdx = 255 })},
		{"TID, its KEYIDX half ignored", []byte{0x80, 0x20, 0xff}, 3, with(func(d *Descriptor) { d.TID, d.LayerSync = 3, true })},
		{"KEYIDX, its TID half ignored", []byte{0x80, 0x10, 0xff}, 3, with(func(d *Descriptor) { d.KeyIdx = 31 })},
		{"all fields", []byte{0xb1, 0xf0, 0x92, 0x34, 0x07, 0x62, 0xaa}, 6, Descriptor{
			Start: true, NonReference: true, PartitionID: 1, PictureID: 0x1234, PictureIDBits: 15, TL0PicIdx: 7,
			TID: 1, LayerSync: true, KeyIdx: 2,
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := Descriptor{PictureID: 99, KeyIdx: 9} // left from the packet before
			n, err := d.Unmarshal(c.payload)
			require.NoError(t, err)
			require.Equal(t, c.n, n)
			require.Equal(t, c.want, d)
		})
	}
}

func TestDescriptorTruncated(t *testing.T) {
	for _, whole := range [][]byte{
		{0xb1, 0xf0, 0x92, 0x34, 0x07, 0x62}, {0x80, 0x80, 0x7f}, {0x80, 0x40, 0xff}, {0x80, 0x30, 0xff},
	} {
		for n := range whole {
			var d Descriptor
			_, err := d.Unmarshal(whole[:n])
			require.ErrorIs(t, err, ErrTruncated, "% x", whole[:n])
		}
	}
}

func FuzzDescriptor(f *testing.F) {
	f.Add([]byte{0xb1, 0xf0, 0x92, 0x34, 0x07, 0x62, 0xaa})
	f.Add([]byte{0x10})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var d Descriptor
		n, err := d.Unmarshal(payload)
		if err != nil {
			require.ErrorIs(t, err, ErrTruncated)
			return
		}
		require.True(t, 0 < n && n <= min(6, len(payload)), "%d of %d bytes", n, len(payload))
		require.Less(t, d.PictureID, int32(1)<<d.PictureIDBits)
		require.Less(t, d.PartitionID, uint8(8))
		require.Less(t, d.TID, int8(4))
	})
}

func BenchmarkDescriptorUnmarshal(b *testing.B) {
	b.ReportAllocs()
	payload := []byte{0x90, 0xf0, 0x92, 0x34, 0x07, 0x62, 0xaa}
	for b.Loop() {
		var d Descriptor
		if _, err := d.Unmarshal(payload); err != nil {
			b.Fatal(err)
		}
	}
}
