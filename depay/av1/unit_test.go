package av1

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// blackUnit is the temporal unit of the black key frame, with more OBUs behind it.
func blackUnit(more ...OBU) []byte {
	unit := AppendBlack(nil)
	for _, o := range more {
		unit = AppendOBU(unit, o)
	}
	return unit
}

func TestUnit(t *testing.T) {
	show := OBU{Type: FrameHeaderType, Payload: []byte{0x88}} // show_existing_frame of slot 0
	header := []byte(black[blackSequence:blackSequenceEnd])
	frame := AppendBlack(nil)[blackSequenceEnd:]
	reordered := append(AppendOBU(AppendTemporalDelimiter(nil), OBU{Type: MetadataType, Payload: []byte{1}}), AppendBlack(nil)[2:]...)
	hidden := append([]byte(nil), black...)
	hidden[blackSequenceEnd+2] = 0 // show_frame of the frame OBU's payload
	for _, c := range []struct {
		name       string
		data       []byte
		key, shows bool
		frames     int
		err        error
	}{
		{"key frame", blackUnit(), true, true, 1, nil},
		{"key frame, metadata first", reordered, false, true, 1, nil},
		{"key frame that is not shown", hidden, false, false, 1, nil},
		{"delimiter only", AppendTemporalDelimiter(nil), false, false, 0, nil},
		{"no sequence header", frame, false, false, 0, ErrNoSequence},
		{"two frames", blackUnit(show), true, true, 2, nil},
		{"too many frames", blackUnit(show, show, show, show, show, show, show, show, show, show, show, show, show, show, show, show), true, true, MaxUnitFrames, ErrInvalid},
		{"cut off", blackUnit()[:20], false, false, 0, ErrTruncated},
	} {
		t.Run(c.name, func(t *testing.T) {
			var u Unit
			var s Sequence
			require.ErrorIs(t, u.Read(c.data, &s), c.err)
			require.Equal(t, c.key, u.Key())
			require.Equal(t, c.shows, u.Shows())
			require.Equal(t, c.frames, u.Frames())
			if c.key {
				require.Equal(t, header, u.SequenceHeader)
				width, height := u.Size(&s)
				require.Equal(t, []uint32{BlackWidth, BlackHeight}, []uint32{width, height})
			}
			u.Reset()
			require.True(t, u.Empty())
		})
	}
}

func FuzzUnit(f *testing.F) {
	f.Add(blackUnit())
	f.Add(blackUnit(OBU{Type: FrameHeaderType, Payload: []byte{0x88}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var u Unit
		var s Sequence
		var refs References
		err := u.Read(data, &s)
		require.LessOrEqual(t, u.Frames(), MaxUnitFrames)
		if err != nil {
			return
		}
		if u.Key() {
			require.True(t, u.Shows())
		}
		refs.FollowUnit(&s, &u)
		refs.AppendRepeat(nil)
	})
}

func BenchmarkUnit(b *testing.B) {
	unit := blackUnit()
	var u Unit
	var s Sequence
	b.ReportAllocs()
	for b.Loop() {
		u.Reset()
		if err := u.Read(unit, &s); err != nil {
			b.Fatal(err)
		}
	}
}
