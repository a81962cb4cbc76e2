package transcode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Audio has halves of parts, but where these are so long that parts of video would be too short beside them.
func TestAudioFragments(t *testing.T) {
	const ms = time.Millisecond
	for part, want := range map[time.Duration]time.Duration{
		100 * ms: 100 * ms, 120 * ms: 60 * ms, 140 * ms: 140 * ms, 200 * ms: 100 * ms, 250 * ms: 125 * ms, 400 * ms: 200 * ms, 500 * ms: 250 * ms, 1000 * ms: 500 * ms,
	} {
		require.Equal(t, want, audioFragment(part), "of %v", part)
	}
}

// The rate leaves room for the boxes of CMAF, of which there are more where parts are shorter.
func TestRateControl(t *testing.T) {
	r := DefaultLadder()[0]
	for _, test := range []struct {
		part, segment, buffer time.Duration
		rate, bits            int
	}{
		{100 * time.Millisecond, 2 * time.Second, 150 * time.Millisecond, (r.Bitrate - 24_000) * 9 / 10, r.Bitrate * 15 / 100},
		{200 * time.Millisecond, 2 * time.Second, 300 * time.Millisecond, (r.Bitrate - 12_000) * 9 / 10, r.Bitrate * 3 / 10},
		{400 * time.Millisecond, 4 * time.Second, 600 * time.Millisecond, (r.Bitrate - 6_000) * 9 / 10, r.Bitrate * 6 / 10},
	} {
		control := Options{Part: test.part, Buffer: test.buffer}.rateControl()
		rate, bits := control.of(r)
		require.Equal(t, test.rate, rate)
		require.Equal(t, test.bits, bits)
		most := float64(rate+control.overhead()) + float64(bits)/test.segment.Seconds()
		require.LessOrEqual(t, most, 1.1*float64(r.Bitrate))
	}
}
