package broadcast

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// waitingRun is a run of a broadcast of H.264 that waits for what passthrough can begin with.
func waitingRun(t *testing.T) (*Broadcast, *run) {
	t.Helper()
	b := newTestBroadcast(t)
	b.video = depay.H264
	r, err := newRun(b.runOptions())
	require.NoError(t, err)
	r.waits, r.zero = true, time.Now()
	b.run = r
	return b, r
}

// TestRateOfEntry has a run wait for the frames that show the rate of what it passes on, so that 60 a second need not be found out by
// a run that has no room for them.
func TestRateOfEntry(t *testing.T) {
	for fps, want := range map[int]int{24: normalFPS, 25: normalFPS, 30: normalFPS, 50: fastFPS, 60: fastFPS} {
		t.Run(fmt.Sprint(fps), func(t *testing.T) {
			b, r := waitingRun(t)
			key := codedPictures(t, depay.H264, "320x180", 1, "0")[0]
			for i := range rateFrames {
				require.True(t, r.waits)
				f := key
				f.Key, f.RTPTime, f.PTS = i == 0, uint32(90_000/fps*i)-1000, int64(90_000/fps*i) // the time stamp passes 2^32
				r.hold(f)
			}
			require.False(t, r.waits)
			require.True(t, r.passthrough)
			require.Equal(t, want, r.made.Passthrough.FPS)
			b.finish(nil, false)
		})
	}
}

// TestRateUnseen has a run begin all the same when no more than the key frame comes.
func TestRateUnseen(t *testing.T) {
	b, r := waitingRun(t)
	r.hold(codedPictures(t, depay.H264, "320x180", 1, "0")[0])
	require.True(t, r.waits)
	r.tick(time.Now().Add(rateWithin + time.Millisecond))
	require.False(t, r.waits)
	require.True(t, r.passthrough)
	require.Equal(t, normalFPS, r.made.Passthrough.FPS)
	b.finish(nil, false)
}
