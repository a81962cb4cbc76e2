package depay

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// senderClock is a sender whose clocks run fast by ppm: all of them, and besides the sound card alone.
type senderClock struct {
	ppm, card float64
	start     time.Duration // its wall clock at real time 0
}

func (s senderClock) wall(real time.Duration) time.Duration {
	return s.start + real + time.Duration(float64(real)*s.ppm/1e6)
}

func (s senderClock) sound(real time.Duration) time.Duration {
	return real + time.Duration(float64(real)*(s.ppm+s.card)/1e6)
}

// TestClockOverADay simulates 24 h of media at packet level, over 8 wraps of the time stamps.
func TestClockOverADay(t *testing.T) {
	for _, c := range []struct {
		name   string
		sender senderClock
	}{
		{"exact", senderClock{}},
		{"sender fast", senderClock{ppm: 200}},
		{"sender slow", senderClock{ppm: -200}},
		{"sound card beside the sender's clock", senderClock{ppm: 100, card: -100, start: time.Hour}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k clock
			k.maps[Video].rate, k.maps[Audio].rate = VP8.ClockRate(), Opus.ClockRate()
			random := rand.New(rand.NewPCG(1, 2))
			inaccuracy := func() time.Duration { return time.Duration(random.Int64N(int64(2*ms))) - ms }
			var worst, latest time.Duration
			for real := time.Duration(0); real < 24*time.Hour; real += 100 * ms {
				videoStamp := videoTime(c.sender.wall(real) - c.sender.start)
				audioStamp := audioTime(c.sender.sound(real))
				k.advance(real)
				// Video takes 60 ms and jitters more than audio, which takes 20.
				video := k.observe(Video, videoStamp, real+60*ms+jitter(random, 15*ms))
				audio := k.observe(Audio, audioStamp, real+20*ms+jitter(random, 5*ms))
				if real%(5*time.Second) == 0 {
					k.report(Video, ntpTime(c.sender.wall(real)+inaccuracy()), videoStamp, real+70*ms)
				}
				if real%(5*time.Second) == 2*time.Second {
					k.report(Audio, ntpTime(c.sender.wall(real)+inaccuracy()), audioStamp, real+30*ms)
				}
				if real > 10*time.Second {
					worst = max(worst, (video - audio).Abs())
					latest = max(latest, (video - real).Abs())
				}
			}
			t.Logf("audio and video apart by at most %v, instant and capture by %v, drift %.1f ppm", worst, latest, k.drift)
			require.True(t, k.synchronized())
			require.Less(t, worst, 5*ms)
			require.Less(t, latest, 100*ms)
			require.InDelta(t, -c.sender.ppm-c.sender.card, k.drift, 60, "sound is what the map follows")
		})
	}
}

func jitter(r *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(r.ExpFloat64() * float64(mean))
}

// TestClockWithoutReports keeps each track at its own arrivals.
func TestClockWithoutReports(t *testing.T) {
	var k clock
	k.maps[Audio].rate = Opus.ClockRate()
	var late time.Duration
	sender := senderClock{ppm: -200}
	for real := time.Duration(0); real < 3*time.Hour; real += 20 * ms {
		k.advance(real)
		late = real - k.observe(Audio, audioTime(sender.sound(real)), real)
		require.Less(t, late.Abs(), 3*ms)
	}
}

// TestPathBecomesLongerAndShorter keeps the map near the path, and the tracks together, with or without reports.
func TestPathBecomesLongerAndShorter(t *testing.T) {
	for _, reported := range []bool{false, true} {
		var k clock
		k.maps[Video].rate, k.maps[Audio].rate = VP8.ClockRate(), Opus.ClockRate()
		for real := time.Duration(0); real < 3*time.Minute; real += 20 * ms {
			path := 30 * ms
			if real > 20*time.Second && real < 40*time.Second {
				path = 830 * ms
			}
			k.advance(real + path)
			video := k.observe(Video, videoTime(real), real+path)
			audio := k.observe(Audio, audioTime(real), real+path)
			if reported && real%time.Second == 0 {
				require.True(t, k.report(Video, ntpTime(real), videoTime(real), real+path))
				k.report(Audio, ntpTime(real), audioTime(real), real+path)
			}
			if real != 40*time.Second { // the picture cannot know yet that sound has a shorter path too
				require.Less(t, (video - audio).Abs(), ms)
			}
			switch {
			case real > 23*time.Second && real < 40*time.Second:
				require.InDelta(t, 830, float64((audio-real)/ms), 5, "at %v", real)
			case real < 20*time.Second || real > 2*time.Minute:
				require.InDelta(t, 30, float64((audio-real)/ms), 55, "at %v", real)
			}
		}
	}
}

func TestFirstPacketsSetTheEnvelope(t *testing.T) {
	l := clockMap{rate: 90000}
	require.Equal(t, 80*ms, l.observe(0, 80*ms), "the first packet was slow")
	require.Equal(t, 33*ms, l.observe(33*90, 33*ms).Round(ms), "a faster one sets the map at once")
	require.Equal(t, 66*ms, l.observe(66*90, 100*ms).Round(ms), "a slower one does not")
	require.Equal(t, 2000*ms, l.observe(2000*90, 1990*ms).Round(ms), "nor a faster one later on")
}

// worstOffset returns by how much pictures emitted from that time on are apart from the sound captured with them.
func (r *rig) worstOffset(from time.Duration) (worst time.Duration) {
	sounds := r.real(Audio)
	next := 0
	for _, picture := range r.real(Video) {
		if picture.PTS < r.pts(from, VP8) {
			continue
		}
		capture := time.Duration(frameNumber(picture)) * time.Second / 30
		for next < len(sounds) && soundCapture(sounds[next]) < capture-10*ms {
			next++
		}
		if next == len(sounds) || soundCapture(sounds[next]) > capture+10*ms {
			continue // that sound was lost
		}
		delay := time.Duration(picture.PTS)*time.Second/90000 - capture
		worst = max(worst, (delay - time.Duration(sounds[next].PTS)*time.Second/48000 + soundCapture(sounds[next])).Abs())
	}
	return worst
}

func soundCapture(f Frame) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(f.Data[1:])-1) * 20 * ms
}

func TestLipSync(t *testing.T) {
	for _, c := range []struct {
		name                   string
		videoDelay, audioDelay time.Duration
		mute, lost             func(k Kind, at time.Duration) bool
		from                   time.Duration // 0: 5 s after the first reports
	}{
		{name: "equal delay"},
		{name: "video 30 ms late", videoDelay: 30 * ms},
		{name: "video 200 ms late", videoDelay: 200 * ms},
		{name: "video 500 ms late", videoDelay: 500 * ms},
		{name: "audio 200 ms late", audioDelay: 200 * ms},
		{name: "audio 1 s late", audioDelay: time.Second},
		{name: "audio silent for 5 s, video late", videoDelay: 150 * ms, mute: silent(Audio, 3*time.Second, 8*time.Second)},
		{name: "video silent for 5 s and late", videoDelay: 150 * ms, mute: silent(Video, 3*time.Second, 8*time.Second)},
		{name: "audio begins late", mute: silent(Audio, 0, 4*time.Second), from: 10 * time.Second},
		{name: "loss burst", videoDelay: 60 * ms, lost: func(_ Kind, at time.Duration) bool {
			return at > 3*time.Second && at < 3500*ms
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, VP8, Opus)
			p := publisher{mute: c.mute, lost: c.lost}
			p.send(r, 0, 15*time.Second, c.videoDelay, c.audioDelay)
			p.reports(r, time.Second, 15*time.Second)
			r.run(15 * time.Second)
			r.addsUp()
			r.covered(Video, 2*time.Second)
			r.covered(Audio, 30*ms)
			require.True(t, r.Stats().Synchronized)
			worst := r.worstOffset(cmp.Or(c.from, 6100*ms))
			t.Logf("apart by at most %v", worst)
			require.Less(t, worst, 5*ms)
		})
	}
}

func TestReportsInDoubt(t *testing.T) {
	steady := func() *clock {
		k := &clock{}
		k.maps[Video].rate, k.maps[Audio].rate = 90000, 48000
		k.observe(Video, 90000, time.Second)
		k.observe(Audio, 48000, time.Second)
		return k
	}
	at := time.Second
	good := func(k *clock, kind Kind, step time.Duration) bool {
		return k.report(kind, ntpTime(at+step), uint32(k.maps[kind].rate), at)
	}
	apart := func(k *clock) time.Duration {
		return (k.maps[Video].final() - k.maps[Audio].final()).Round(ms)
	}
	t.Run("before the first packet", func(t *testing.T) {
		k := &clock{}
		k.maps[Video].rate = 90000
		require.False(t, k.report(Video, ntpTime(0), 0, 0))
	})
	t.Run("NTP zero, and a time stamp from elsewhere", func(t *testing.T) {
		k := steady()
		require.False(t, k.report(Video, 0, 90000, at))
		require.False(t, k.report(Video, ntpTime(at), 1<<31, at))
	})
	t.Run("wall clocks that have nothing in common", func(t *testing.T) {
		k := steady()
		require.True(t, good(k, Video, 0))
		require.False(t, good(k, Audio, time.Hour))
		require.False(t, k.synchronized())
		require.Zero(t, apart(k))
	})
	t.Run("NTP era changes between the reports", func(t *testing.T) {
		k := steady()
		require.True(t, k.report(Video, math.MaxUint64, 90000, at))
		require.True(t, k.report(Audio, 1<<31, 48000, at))
		require.Equal(t, -500*ms, apart(k))
	})
	t.Run("the sender's wall clock steps", func(t *testing.T) {
		k := steady()
		require.True(t, good(k, Video, 0))
		require.True(t, good(k, Audio, 0))
		for range 5 {
			require.False(t, good(k, Video, time.Second), "not before the other track says so")
		}
		require.True(t, good(k, Audio, time.Second))
		require.Zero(t, apart(k))
	})
	t.Run("one wrong report", func(t *testing.T) {
		k := steady()
		require.True(t, good(k, Video, 0))
		require.True(t, good(k, Audio, 0))
		require.False(t, good(k, Audio, 700*ms))
		require.False(t, good(k, Video, 0))
		require.True(t, good(k, Audio, 0))
		require.Zero(t, apart(k))
	})
	t.Run("a change that lasts", func(t *testing.T) {
		k := steady()
		require.True(t, good(k, Video, 0))
		require.True(t, good(k, Audio, 0))
		require.False(t, good(k, Audio, -300*ms))
		require.False(t, good(k, Video, 0))
		require.False(t, good(k, Audio, -300*ms))
		require.True(t, good(k, Video, 0))
		require.Equal(t, 300*ms, apart(k))
	})
}

// TestTimeStampsJump lets a sender count from somewhere else, without a new SSRC.
func TestTimeStampsJump(t *testing.T) {
	for _, jump := range []uint32{1 << 31, 1<<31 - 1, 90000 * 3600, 1<<32 - 90000*3600, 90000 * 10} {
		r := newRig(t, VP8, 0)
		var s videoSource
		for n := range 60 {
			at := time.Duration(n) * time.Second / 30
			stamp := videoTime(at)
			if n >= 30 {
				stamp += jump
			}
			r.arrive(at, Video, s.frame(stamp, n == 0, false, 100)...)
		}
		r.run(2 * time.Second)
		r.addsUp()
		require.Len(t, r.real(Video), 60)
		require.InDelta(t, 59*3000, float64(r.frames[Video][len(r.frames[Video])-1].PTS), 6000, "jump by %d", jump)
	}
}

// TestTimeStampsStandStill lets a sender pause without counting on.
func TestTimeStampsStandStill(t *testing.T) {
	r := newRig(t, 0, Opus)
	var s audioSource
	for n := range 300 {
		arrival := time.Duration(n) * 20 * ms
		if n >= 100 {
			arrival += 4 * time.Second
		}
		r.arrive(arrival, Audio, s.packet(audioTime(time.Duration(n)*20*ms)))
	}
	r.run(10 * time.Second)
	r.addsUp()
	r.covered(Audio, 25*ms)
	require.Greater(t, r.Stats().Audio.FramesOut, uint64(150))
}
