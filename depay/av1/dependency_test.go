package av1

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

// describe writes a descriptor with a structure of two spatial and two temporal layers (L2T2), as AV1 RTP payload format §A.8 has it.
func describe(template, number int, sized bool) []byte {
	w := bitfield.Writer{}
	w.Flag(true) // start_of_frame
	w.Flag(false)
	w.Bits(uint32(template), 6)
	w.Bits(uint32(number), 16)
	w.Bits(1<<4, 5) // a structure
	w.Bits(60, 6)   // template_id_offset
	w.Bits(3, 5)    // four decode targets
	for _, next := range []uint32{0, 1, 2, 1, 3} {
		w.Bits(next, 2)
	}
	const templates, targets = 5, 4
	for range templates * targets {
		w.Bits(2, 2) // template_dtis
	}
	for i := range templates { // template_fdiffs
		for range i {
			w.Bits(1<<4|3, 5)
		}
		w.Flag(false)
	}
	w.Bits(2, 2) // two chains of four at most
	for range targets {
		w.Bits(1, 1)
	}
	for range templates * 2 {
		w.Bits(5, 4)
	}
	w.Flag(sized)
	if sized {
		for _, size := range []uint32{320, 180, 640, 360} {
			w.Bits(size-1, 16)
		}
	}
	return w.Out
}

// AV1 RTP payload format §A: what a packet tells of its frame, and which layers that is of by the last structure.
func TestDependency(t *testing.T) {
	var d Dependency
	var s Structure
	require.NoError(t, d.Unmarshal(describe(60, 0x1234, true), &s))
	require.Equal(t, Dependency{Begins: true, Template: 60, Number: 0x1234, Structured: true}, d)
	require.Equal(t, 2, s.Spatial())
	require.True(t, s.Sized)
	require.Equal(t, []Size{{320, 180}, {640, 360}}, s.Sizes[:2])
	for template, want := range map[uint8][2]uint8{60: {0, 0}, 61: {0, 0}, 62: {0, 1}, 63: {1, 0}, 0: {1, 1}} {
		spatial, temporal, known := s.Layer(template)
		require.True(t, known)
		require.Equal(t, want, [2]uint8{spatial, temporal}, template)
	}
	_, _, known := s.Layer(1)
	require.False(t, known)

	require.NoError(t, d.Unmarshal([]byte{0x40 | 62, 0, 7}, &s))
	require.Equal(t, Dependency{Ends: true, Template: 62, Number: 7}, d)
	require.NoError(t, d.Unmarshal([]byte{0xc0, 0, 8, 0x40, 1}, &s), "decode targets")
	require.Equal(t, Dependency{Begins: true, Ends: true, Number: 8}, d)
	before := s
	for _, wrong := range [][]byte{nil, {0x80, 1}, describe(60, 1, true)[:20], {0x80, 0, 0, 0x80, 0, 0x55, 0x55, 0x55}} {
		require.Error(t, d.Unmarshal(wrong, &s), wrong)
		require.Zero(t, d)
		require.Equal(t, before, s)
	}
	require.NoError(t, d.Unmarshal(describe(1, 1, false), &s))
	require.False(t, s.Sized)
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = d.Unmarshal(describeOnce, &s) }))
}

var describeOnce = describe(60, 1, true)

func FuzzDependency(f *testing.F) {
	f.Add(describe(60, 1, true), []byte{0x40 | 62, 0, 7})
	f.Add(describe(0, 1, false)[:12], []byte{0x80, 0, 0, 0x80, 0, 0x55, 0x55, 0x55})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var d Dependency
		var s Structure
		for _, b := range [][]byte{first, second} {
			before := s
			if err := d.Unmarshal(b, &s); err != nil {
				require.Zero(t, d)
				require.Equal(t, before, s)
			}
			require.True(t, s.Spatial() <= maxSpatial && s.count <= maxTemplates)
			if spatial, temporal, known := s.Layer(d.Template); known {
				require.True(t, int(spatial) < s.Spatial() && temporal < 8, "%d %d", spatial, temporal)
			}
		}
	})
}
