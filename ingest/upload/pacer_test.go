package upload

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Pieces of a second come when they are whole: each frame leaves a second after it was taken.
func TestUploadPace(t *testing.T) {
	began := time.Now()
	p := &pacer{}
	for piece := range 60 {
		for frame := range 10 {
			at := time.Duration(piece)*time.Second + time.Duration(frame)*100*time.Millisecond
			due, late := p.due(began.Add(time.Duration(piece+1)*time.Second), at)
			require.False(t, late)
			require.Equal(t, began.Add(at+time.Second), due, "piece %d, frame %d", piece, frame)
		}
	}
}

// A piece that is late makes all that follows later, until that is forgotten.
func TestUploadPaceOfLatePiece(t *testing.T) {
	began := time.Now()
	p := &pacer{}
	for i := range 1000 {
		at := time.Duration(i) * 100 * time.Millisecond
		came := began.Add(at)
		if i == 50 {
			came = came.Add(2 * time.Second)
		}
		due, late := p.due(came, at)
		require.False(t, late)
		want := began.Add(at)
		if i >= 50 && i < 50+300 {
			want = want.Add(2 * time.Second)
		}
		if i < 50+150 || i > 50+320 {
			require.Equal(t, want, due, "frame %d", i)
		}
	}
}

// What comes after a long pause is dropped up to what is new enough.
func TestUploadPaceDropsWhatIsTooLate(t *testing.T) {
	began := time.Now()
	p := &pacer{}
	_, late := p.due(began, 0)
	require.False(t, late)
	now := began.Add(20 * time.Second)
	dropped := 0
	for at := 100 * time.Millisecond; at <= 20*time.Second; at += 100 * time.Millisecond {
		due, late := p.due(now, at)
		if late {
			dropped++
			continue
		}
		require.LessOrEqual(t, due.Sub(now), uploadLate+100*time.Millisecond)
	}
	require.InDelta(t, 150, dropped, 3)
}

// Clocks that differ by 200 ppm for a day neither drop anything nor add to the delay.
func TestUploadPaceOfOtherClocks(t *testing.T) {
	for _, drift := range []float64{1 - 200e-6, 1 + 200e-6} {
		began := time.Now()
		p := &pacer{}
		for i := range 24 * 3600 {
			at := time.Duration(i) * time.Second
			came := began.Add(time.Duration(float64(at) * drift))
			due, late := p.due(came, at)
			require.False(t, late)
			require.Less(t, due.Sub(came).Abs(), 20*time.Millisecond, "after %v", at)
		}
	}
}
