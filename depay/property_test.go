package depay

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// impair returns when each packet arrives: some never, some twice, some out of order.
func impair(random *rand.Rand, loss, duplicate, reordered float64, at time.Duration) []time.Duration {
	if random.Float64() < loss {
		return nil
	}
	if random.Float64() < reordered {
		at += time.Duration(random.Int64N(int64(150 * ms)))
	}
	if random.Float64() < duplicate {
		return []time.Duration{at, at + time.Duration(random.Int64N(int64(300*ms)))}
	}
	return []time.Duration{at}
}

// TestImpairedNetwork sends 30 s of numbered frames through loss, reorder and duplication: what comes out is a part of what
// went in, bit for bit and in order, never without what it decodes from, and every frame is accounted for.
func TestImpairedNetwork(t *testing.T) {
	const frames = 900
	for _, c := range []struct {
		name                       string
		loss, duplicate, reordered float64
	}{
		{"clean", 0, 0, 0},
		{"duplicates", 0, 0.2, 0},
		{"reordered", 0, 0, 0.1},
		{"1 % loss", 0.01, 0, 0},
		{"10 % loss", 0.1, 0, 0},
		{"everything", 0.03, 0.05, 0.05},
		{"mostly loss", 0.6, 0.3, 0.3},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(5) {
				impairedRun(t, frames, func(random *rand.Rand, at time.Duration) []time.Duration {
					return impair(random, c.loss, c.duplicate, c.reordered, at)
				}, seed)
			}
		})
	}
}

func impairedRun(t *testing.T, frames int, arrivals func(*rand.Rand, time.Duration) []time.Duration, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 7))
	r := newRig(t, VP8, Opus)
	video, audio := videoSource{seq: 65000, firstPic: 32000}, audioSource{seq: 65400}
	keys, free := map[int]bool{}, map[int]bool{}
	sound := map[string]bool{}
	send := func(k Kind, at time.Duration, sure bool, packets ...*rtp.Packet) {
		for i, p := range packets {
			times := []time.Duration{at}
			if !sure {
				times = arrivals(random, at+time.Duration(i)*ms)
			}
			for _, at := range times {
				r.arrive(at, k, p)
			}
		}
	}
	for n := range frames {
		at := time.Duration(n) * time.Second / 30
		sure := n == 0 || n >= frames-2 // the ends are sure, so that every loss can be known
		keys[n], free[n] = n%40 == 0 || sure, !sure && random.IntN(5) == 0
		send(Video, at, sure, video.frame(videoTime(at), keys[n], free[n], 100+random.IntN(5000))...)
	}
	for at := time.Duration(0); at < time.Duration(frames)*time.Second/30; at += 20 * ms {
		p := audio.packet(audioTime(at))
		sound[string(p.Payload)] = true
		send(Audio, at, at == 0 || at > time.Duration(frames-1)*time.Second/30, p)
	}
	r.run(time.Duration(frames)*time.Second/30 + time.Second)
	r.addsUp()
	s := r.Stats()
	require.Equal(t, frames, int(s.Video.FramesIn), "%+v", s.Video)
	require.Equal(t, int(audio.n), int(s.Audio.FramesIn), "%+v", s.Audio)
	last := -1
	for _, f := range r.real(Video) {
		n := frameNumber(f)
		require.Greater(t, n, last, "order")
		require.Equal(t, keys[n], f.Key)
		require.True(t, bytes.Equal(video.sent[n], f.Data), "frame %d is bit-exact", n)
		for between := last + 1; between < n && !f.Key; between++ {
			require.True(t, free[between], "frame %d without %d, which it decodes from", n, between)
		}
		last = n
	}
	for _, f := range r.real(Audio) {
		require.True(t, sound[string(f.Data)], "a packet that was sent")
		delete(sound, string(f.Data))
	}
	r.covered(Audio, 30*ms)
	packets := s.Video.Packets - s.Video.Duplicates - s.Video.Late
	require.LessOrEqual(t, int(s.Video.Lost), int(uint16(video.seq-65000)))
	require.Equal(t, int(uint16(video.seq-65000)), int(packets+s.Video.Lost), "packets add up: %+v", s.Video)
}
