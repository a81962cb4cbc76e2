package depay

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestH264ParameterSets follows the sets to where a decoder needs them.
func TestH264ParameterSets(t *testing.T) {
	sps, pps := testSets(640, 360)
	sps2, _ := testSets(320, 180)
	pps2 := append(slices.Clone(pps[:len(pps)-1]), 0xa0) // constrained_intra_pred_flag
	check := func(t *testing.T, a *h264Assembly, want ...[]byte) {
		t.Helper()
		require.True(t, slices.EqualFunc(want, a.data, bytes.Equal), "%x instead of %x", a.data, want)
	}
	next := func(a *h264Assembly, nal []byte) []byte {
		a.done(nal)
		return nal
	}
	t.Run("from the session description", func(t *testing.T) {
		a := newH264Assembly(t, sps, pps)
		idr := next(a, a.idr())
		a.sends(idr)
		a.restart()
		a.sends(idr)
		check(t, a, stream(sps, pps, idr), stream(sps, pps, idr))
	})
	t.Run("with a loss before", func(t *testing.T) {
		a := newH264Assembly(t, sps, pps)
		idr := next(a, a.idr())
		a.sends(idr)
		a.source.packet(0, true, nil)
		a.sends(idr)
		check(t, a, stream(sps, pps, idr), stream(sps, pps, idr))
	})
	t.Run("others take their place", func(t *testing.T) {
		a := newH264Assembly(t, sps, pps)
		idr := next(a, a.idr())
		a.sends(sps2, idr)
		check(t, a, stream(sps2, pps, idr))
	})
	t.Run("forgotten with the source", func(t *testing.T) {
		a := newH264Assembly(t)
		idr := next(a, a.idr())
		a.sends(sps, pps, idr)
		a.restart()
		a.sends(idr)
		check(t, a, stream(sps, pps, idr))
		require.EqualValues(t, 1, a.stats.Dropped[DropAwaitingKey])
	})
	t.Run("one that changes goes before the next picture", func(t *testing.T) {
		a := newH264Assembly(t)
		idr := next(a, a.idr())
		a.sends(sps, pps, idr)
		second, third := next(a, a.p()), next(a, a.p())
		a.sends(sps, pps2, pps2, second)
		a.sends(sps, pps2, third)
		check(t, a, stream(sps, pps, idr), stream(pps2, second), stream(third))
	})
	t.Run("and before another one if that is dropped", func(t *testing.T) {
		a := newH264Assembly(t)
		idr := next(a, a.idr())
		a.sends(sps, pps, idr)
		lossy := fragments(a.b(), 9)
		a.sends(pps2, lossy[0])
		second := next(a, a.p())
		a.sends(second)
		check(t, a, stream(sps, pps, idr), stream(pps2, second))
	})
	t.Run("too many of them", func(t *testing.T) {
		a := newH264Assembly(t)
		idr := next(a, a.idr())
		a.sends(sps, pps, idr)
		for i := range maxPending / len(pps) {
			a.sends([][]byte{pps, pps2}[(i+1)%2])
		}
		require.True(t, a.waiting)
		require.Less(t, cap(a.sets.pending), 2*maxPending)
		a.sends(a.p())
		a.sends(sps, pps, idr)
		check(t, a, stream(sps, pps, idr), stream(sps, pps, idr))
	})
}

// TestH264Refused names what cannot be passed on.
func TestH264Refused(t *testing.T) {
	sps, pps := testSets(640, 360)
	bSlice := func(a *h264Assembly, header byte) []byte {
		return numbered([]byte{header, 0x9e | byte(a.source.frameNum)>>3, byte(a.source.frameNum)<<5 | 3}, 7, 20)
	}
	t.Run("B-frames that nothing references", func(t *testing.T) {
		a := newH264Assembly(t)
		a.feed(a.make(key, ref)...)
		a.feed(a.make(inter, ref)...)
		a.at -= 4500
		a.sends(bSlice(a, 0x01))
		a.feed(a.make(inter, ref)...)
		require.Equal(t, []int{0, 1, 2}, a.out)
		require.EqualValues(t, 1, a.stats.Dropped[DropBFrames])
	})
	t.Run("B-frames that others reference", func(t *testing.T) {
		a := newH264Assembly(t)
		a.feed(a.make(key, ref)...)
		a.at -= 4500
		a.sends(bSlice(a, 0x21))
		a.feed(a.make(inter, ref)...)
		require.Equal(t, []int{0}, a.out)
		require.EqualValues(t, 1, a.stats.Dropped[DropBFrames])
		require.EqualValues(t, 1, a.stats.Dropped[DropAwaitingKey])
	})
	t.Run("B-frames at the times of decoding, which are kept", func(t *testing.T) {
		a := newH264Assembly(t)
		a.feed(a.make(key, ref)...)
		a.feed(a.make(inter, ref)...)
		a.sends(bSlice(a, 0x01))
		require.Len(t, a.out, 3)
		require.Zero(t, a.stats.Dropped[DropBFrames])
		require.EqualValues(t, 1, a.stats.BFrames)
	})
	t.Run("a B slice after another", func(t *testing.T) {
		a := newH264Assembly(t)
		a.feed(a.make(key, ref)...)
		second := bSlice(a, 0x41)
		second[1], second[2] = 0x47, 0x80|byte(a.source.frameNum)<<3 // first_mb 1
		a.at -= 4500
		a.sends(a.p(), second)
		require.Equal(t, []int{0}, a.out)
		require.EqualValues(t, 1, a.stats.Dropped[DropBFrames])
	})
	t.Run("fields", func(t *testing.T) {
		a := newH264Assembly(t)
		a.sends(oddSPS("011", "00"), pps, a.idr())
		require.Empty(t, a.out)
		require.EqualValues(t, 1, a.stats.Dropped[DropInterlaced])
		a.sends(sps, pps, a.idr())
		require.Len(t, a.out, 1)
	})
	t.Run("order counts that go back", func(t *testing.T) {
		a := newH264Assembly(t)
		a.sends(oddSPS("11", "1"), pps, numbered([]byte{0x65, 0x88, 0x84, 0x0f}, 0, 20)) // pic_order_cnt_lsb 0
		p := func(frameNum, order byte) []byte {
			return numbered([]byte{0x41, 0x9a | frameNum>>3, frameNum<<5 | order<<1, 0x0f}, int(frameNum), 20)
		}
		a.sends(p(1, 4))
		a.at -= 4500
		a.sends(p(2, 2))
		require.Equal(t, []int{0, 1}, a.out)
		require.EqualValues(t, 1, a.stats.Dropped[DropBFrames])
	})
}

func TestH264Fillers(t *testing.T) {
	a := newH264Assembly(t)
	require.Nil(t, a.repeat())
	data, width, height := a.black()
	require.Equal(t, [2]uint16{blackWidth, blackHeight}, [2]uint16{width, height})
	require.NotEmpty(t, data)
	black := a.repeat()
	require.NotEmpty(t, black)
	a.feed(a.make(key, ref)...)
	first := a.repeat()
	require.Equal(t, first, a.repeat())
	first[0]++
	require.NotEqual(t, first, a.repeat(), "it belongs to the caller")
	a.feed(a.make(inter, ref)...)
	second := a.repeat()
	require.NotEqual(t, black, second)
	a.feed(a.make(inter, ref)[1:]...)
	a.restart()
	require.Equal(t, second, a.repeat(), "of the picture that was passed on last")
}

func TestH264AssemblerBoundsPicture(t *testing.T) {
	a := newH264Assembly(t)
	a.feed(a.source.frame(0, true, false, maxFrameSize+mtu)...)
	require.Empty(t, a.out)
	require.EqualValues(t, 1, a.stats.Dropped[DropTooLarge])
	require.LessOrEqual(t, cap(a.buf), 2*maxFrameSize)
	a.feed(a.source.frame(3000, true, false, 100)...)
	require.Equal(t, []int{1}, a.out)
}

func TestH264AssemblerRestart(t *testing.T) {
	a := newH264Assembly(t)
	a.feed(a.make(key, ref)...)
	a.feed(a.make(inter, ref)[:1]...)
	a.restart()
	require.EqualValues(t, 1, a.stats.Dropped[DropIncomplete])
	require.True(t, a.waiting)
	require.False(t, a.wanted, "nobody is there to ask")
	sps, _ := testSets(640, 360)
	a.push(packet{payload: sps})
	a.restart()
	require.EqualValues(t, 1, a.counted.FramesDropped(), "a parameter set is no picture")
}
