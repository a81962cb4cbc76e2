package media

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// What a viewer gets is continuous, whatever the pieces count.
func TestSplice(t *testing.T) {
	type step struct {
		cut, newSource bool
		sequence       uint16
		timeStamp      uint32
		after          time.Duration // the packet before
		straggler      bool
		wantSequence   int // relative to the first
		wantTime       uint32
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{sequence: 65535, timeStamp: 1<<32 - 1}, {sequence: 0, timeStamp: 2999, wantSequence: 1, wantTime: 3000}}},
		{"lost, then sent again", []step{
			{sequence: 10}, {sequence: 12, timeStamp: 6000, wantSequence: 2, wantTime: 6000}, {sequence: 11, timeStamp: 3000, wantSequence: 1, wantTime: 3000},
			{sequence: 13, timeStamp: 9000, wantSequence: 3, wantTime: 9000},
		}},
		{"from before the start", []step{{sequence: 10}, {sequence: 9, straggler: true}, {sequence: 11, wantSequence: 1}}},
		{"gap of ours", []step{
			{sequence: 10}, {cut: true, sequence: 500, timeStamp: 90000, wantSequence: 1, wantTime: 90000}, {sequence: 499, straggler: true},
			{sequence: 501, timeStamp: 93000, wantSequence: 2, wantTime: 93000},
		}},
		{"another publisher", []step{
			{sequence: 10, timeStamp: 5},
			{cut: true, newSource: true, sequence: 40000, timeStamp: 1 << 31, after: 2 * time.Second, wantSequence: 1, wantTime: 180000},
			{sequence: 40001, timeStamp: 1<<31 + 3000, wantSequence: 2, wantTime: 183000},
		}},
		{"another publisher at once", []step{
			{sequence: 10}, {cut: true, newSource: true, sequence: 7, timeStamp: 77, wantSequence: 1, wantTime: 1},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewRewriter(90000)
			require.False(t, s.Begun())
			first := rtp.Header{SequenceNumber: s.lastSequence + 1, Timestamp: s.lastTime + 1}
			now := time.Now()
			for _, step := range tt.steps {
				now = now.Add(step.after)
				s.cut, s.newSource = s.cut || step.cut, s.newSource || step.newSource
				h := rtp.Header{SequenceNumber: step.sequence, Timestamp: step.timeStamp}
				require.Equal(t, !step.straggler, s.Rewrite(&h, now))
				if step.straggler {
					continue
				}
				require.Equal(t, uint16(step.wantSequence), h.SequenceNumber-first.SequenceNumber)
				require.Equal(t, step.wantTime, h.Timestamp-first.Timestamp)
				require.True(t, s.Begun())
			}
		})
	}
}

// The past is drawn together in its order, the present is not moved, and numbers that are used again are nobody's past.
func TestSpliceHurries(t *testing.T) {
	s := NewRewriter(90000)
	const present = 1000 // the past is on the other side of 2^32
	var first uint32 = 1<<32 - 64000 + present
	s.HurryTo(first, present)
	for _, step := range []struct{ timeStamp, want uint32 }{
		{1<<32 - 64000 + present, 1<<32 - 2000 + present}, {1<<32 - 61000 + present, 1<<32 - 1906 + present},
		{present - 33, present - 1}, {present, present}, {present + 3000, present + 3000}, {present - 320, present - 10},
		{present + 1e6, present + 1e6}, {present - 320, present - 320},
	} {
		require.Equal(t, step.want, s.hurried(step.timeStamp))
	}
}

// However long the past is, it seems as short, and each of its pictures keeps a time of its own.
func TestSpliceHurriesMore(t *testing.T) {
	s := NewRewriter(90000)
	const long = 30 * 90000
	s.HurryTo(0, long)
	require.Greater(t, s.hurried(0), uint32(long-7200))
	require.Greater(t, s.hurried(1500), s.hurried(0), "60 fps")
	require.EqualValues(t, long, s.hurried(long))
}

// A piece may be longer than the numbers reach.
func TestSpliceWraps(t *testing.T) {
	s := NewRewriter(90000)
	start := s.lastSequence
	for i := range 200_000 {
		h := rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(i)}
		require.True(t, s.Rewrite(&h, time.Now()))
		require.Equal(t, start+1+uint16(i), h.SequenceNumber)
	}
}
