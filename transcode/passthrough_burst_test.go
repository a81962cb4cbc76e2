package transcode

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// bursts is what depay makes of a publisher of H.264 whose packets are held up each second: what is due in the 0.4 s before
// k s + hold comes then, all at once. Its packets go through the real depacketizer, with its clock and its fillers.
func bursts(t *testing.T, clip []depay.Frame, hold time.Duration) (frames []depay.Frame) {
	t.Helper()
	d, err := depay.New(depay.Options{Video: depay.H264, Emit: func(f depay.Frame) { frames = append(frames, f) }, RequestKeyFrame: func() {}})
	require.NoError(t, err)
	packetizer := rtp.NewPacketizer(1200, 96, 1, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), 90000)
	began := time.Now()
	tick := time.Duration(0)
	tickUntil := func(at time.Duration) {
		for ; tick <= at; tick += depay.DefaultFrameInterval {
			d.Tick(began.Add(tick))
		}
	}
	for _, f := range clip {
		at := f.Time()
		if gate := (at + 400*time.Millisecond - hold).Truncate(time.Second) + hold; gate > at && gate > time.Second {
			at = gate
		}
		tickUntil(at)
		for _, p := range packetizer.Packetize(f.Data, 3000) {
			d.Push(depay.Video, p, began.Add(at))
		}
	}
	tickUntil(clip[len(clip)-1].Time())
	return frames
}

// TestPassthroughOfBursts lets pictures come in bursts, the last of which is a key frame, so that one that has no place comes just before
// a segment begins. ffmpeg would let it last for a whole place, beyond the key frame, and move that.
func TestPassthroughOfBursts(t *testing.T) {
	clip := keyed(t, depay.H264, "320x180", 12, "0,1,2,3,4,5,6,7,8,9,10,11")
	for _, hold := range []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, 75 * time.Millisecond, 110 * time.Millisecond} {
		t.Run(hold.String(), func(t *testing.T) {
			t.Parallel()
			o := Options{Dir: t.TempDir(), Video: depay.H264, Passthrough: passedThrough(), Ladder: smallLadder()[1:], Thumbnail: -1}
			job := play(t, o, bursts(t, clip, hold))
			require.NotZero(t, job.extras.Load(), "pictures without a place are what this is about")
			for _, r := range o.Representations() {
				name := joined(t, o.Dir, r)
				timescale, parts := fragments(t, name)
				checkGapless(t, parts)
				for i, p := range parts {
					require.LessOrEqual(t, float64(p.duration)/float64(timescale), 0.214, "part %d of %s", i, r.ID)
				}
				checkGrowingTimes(t, name)
				ffmpegOutput(t, "-xerror", "-err_detect", "explode", "-i", name, "-enc_time_base", "-1", "-f", "null", "-")
			}
			passed := o.Representations()[0]
			require.NoError(t, Remux(t.Context(), "", []RemuxInput{{Video: append([]string{filepath.Join(o.Dir, passed.Init())}, segments(t, o.Dir, passed)...)}}, filepath.Join(t.TempDir(), "video.mp4")))
		})
	}
}

// checkGrowingTimes requires that each sample begins after the one before.
func checkGrowingTimes(t *testing.T, name string) {
	t.Helper()
	file, err := mp4.ReadMP4File(name)
	require.NoError(t, err)
	next := uint64(0)
	for _, segment := range file.Segments {
		for i, f := range segment.Fragments {
			samples, err := f.GetFullSamples(file.Moov.Mvex.Trex)
			require.NoError(t, err)
			for _, s := range samples {
				require.GreaterOrEqual(t, s.DecodeTime, next, "fragment %d", i)
				next = s.DecodeTime + 1
			}
		}
	}
}
