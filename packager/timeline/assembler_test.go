package timeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// TestNoPartAbovePartTarget makes parts of fragments of sound that are longer than the encoder should make them.
func TestNoPartAbovePartTarget(t *testing.T) {
	a := &Assembler{timing: Timing{Segment: 2 * time.Second, Part: 200 * time.Millisecond}, timescale: 1000, longest: 214 * time.Millisecond, number: 1}
	at := int64(0)
	for _, length := range []int64{107, 107, 60, 180, 214, 100, 115, 100} {
		f := cmaf.Fragment{Offset: at, Size: length, DecodeTime: uint64(at), Duration: uint64(length)}
		a.Precede(f)
		require.NoError(t, a.Fault(f))
		a.Add(f)
		at += length
	}
	a.EndPart()
	end := int64(0)
	for _, p := range a.Parts() {
		require.Equal(t, end, p.Start)
		require.LessOrEqual(t, p.Duration, int64(214))
		end += p.Duration
	}
	require.Equal(t, at, end)
	require.ErrorContains(t, a.Fault(cmaf.Fragment{DecodeTime: uint64(at), Duration: 215}), "PART-TARGET")
	require.ErrorContains(t, a.Fault(cmaf.Fragment{DecodeTime: uint64(at) + 51, Duration: 200}), "51ms of media are missing")
}
