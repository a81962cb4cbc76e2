package depay

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
)

// TestH264ImpairedNetwork sends 20 s of numbered pictures through loss, reorder and duplication: what comes out is a part of
// what went in, bit for bit and in order, and never without what it decodes from.
func TestH264ImpairedNetwork(t *testing.T) {
	for _, c := range []struct {
		name                       string
		loss, duplicate, reordered float64
	}{
		{"clean", 0, 0, 0},
		{"duplicates and reorder", 0, 0.2, 0.1},
		{"1 % loss", 0.01, 0, 0},
		{"10 % loss", 0.1, 0, 0},
		{"everything", 0.03, 0.05, 0.05},
		{"mostly loss", 0.6, 0.3, 0.3},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(5) {
				impairedH264(t, seed, c.loss+c.reordered == 0, func(random *rand.Rand, at time.Duration) []time.Duration {
					return impair(random, c.loss, c.duplicate, c.reordered, at)
				})
			}
		})
	}
}

func impairedH264(t *testing.T, seed uint64, lossless bool, arrivals func(*rand.Rand, time.Duration) []time.Duration) {
	const frames = 600
	random := rand.New(rand.NewPCG(seed, 7))
	r := newRig(t, H264, 0)
	video := h264Source{videoSource: videoSource{seq: 65000}}
	keys, free := map[int]bool{}, map[int]bool{}
	for n := range frames {
		at := time.Duration(n) * time.Second / 30
		sure := n == 0 || n >= frames-2
		keys[n], free[n] = n%40 == 0 || sure, !sure && n%40 != 0 && random.IntN(5) == 0
		for i, p := range video.frame(videoTime(at), keys[n], free[n], 100+random.IntN(5000)) {
			times := []time.Duration{at}
			if !sure {
				times = arrivals(random, at+time.Duration(i)*ms)
			}
			for _, at := range times {
				r.arrive(at, Video, p)
			}
		}
	}
	r.run(21 * time.Second)
	r.addsUp()
	s := r.Stats().Video
	require.LessOrEqual(t, int(s.FramesIn), frames)
	if lossless {
		require.Equal(t, frames, int(s.FramesOut), "%+v", s)
	}
	last := -1
	for _, f := range r.real(Video) {
		n := h264Number(f.Data)
		require.Greater(t, n, last, "order")
		require.Equal(t, keys[n], f.Key)
		require.True(t, bytes.Equal(video.sent[n], f.Data), "picture %d is bit-exact", n)
		for between := last + 1; between < n && !f.Key; between++ {
			require.True(t, free[between], "picture %d without %d, which it decodes from", n, between)
		}
		last = n
	}
	require.Equal(t, frames-1, last)
	r.covered(Video, 170*ms)
}

// h264Units encodes 4 s of moving picture with a key frame each second, and returns the access units.
func h264Units(t *testing.T, args ...string) (units [][]byte) {
	args = append([]string{"-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30:duration=4", "-c:v", "libx264", "-g", "30",
		"-threads", "1", "-preset", "veryfast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"}, args...)
	rest := codectest.FFmpeg(t, nil, append(args, "-bsf:v", "h264_metadata=aud=insert", "-f", "h264", "-")...)
	for len(rest) > 0 {
		var nal []byte
		if nal, rest = h264.NextUnit(rest); h264.Type(nal[0]) == h264.TypeDelimiter {
			units = append(units, nil)
			continue
		}
		units[len(units)-1] = append(h264.AppendStartCode(units[len(units)-1]), nal...)
	}
	require.Len(t, units, 120)
	return units
}

func h264File(t *testing.T, units ...[]byte) []byte {
	var out bytes.Buffer
	w := ivf.NewWriter(&out, ivf.Header{FourCC: ivf.H264, Width: 640, Height: 360})
	for i, data := range units {
		require.NoError(t, w.WriteFrame(int64(i)*3000, data))
	}
	return out.Bytes()
}

// TestH264DecodedPictures publishes a real stream that comes late, stalls, loses packets and ends. What ffmpeg decodes is
// black first, then every picture that came through exactly as without all that, and between them the last one again.
func TestH264DecodedPictures(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"baseline", []string{"-profile:v", "baseline"}},
		{"high, several slices", []string{"-profile:v", "high", "-x264-params", "slices=3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			units := h264Units(t, c.args...)
			want := pictures(t, h264File(t, units...))
			require.Len(t, want, len(units))
			r := newRig(t, H264, 0)
			var s h264Source
			for n, data := range units {
				at := 1500*ms + time.Duration(n)*time.Second/30
				packets := s.payloads(videoTime(at), s.payloader.Payload(mtu, data)...)
				switch {
				case n == 50 || n == 100: // its end is lost
					packets = packets[:len(packets)-1]
				case n >= 70 && n < 85: // stalled
					at = 1500*ms + 85*time.Second/30
				}
				r.arrive(at, Video, packets...)
			}
			r.on(6*time.Second, r.Detach)
			r.run(6500 * ms)
			r.addsUp()
			requireDecoded(t, r, units, want)
			require.EqualValues(t, 90, r.Stats().Video.FramesOut, "two losses cost the rest of their seconds")
			require.Greater(t, r.Stats().Video.Fillers, uint64(60))
		})
	}
}

// requireDecoded decodes everything that was emitted.
func requireDecoded(t *testing.T, r *rig, units [][]byte, want []string) {
	var emitted [][]byte
	for _, f := range r.frames[Video] {
		emitted = append(emitted, f.Data)
	}
	got := pictures(t, h264File(t, emitted...))
	require.Len(t, got, len(emitted))
	numbers := numbering(units)
	shown := got[0]
	for i, f := range r.frames[Video] {
		if !f.Filler {
			n, ok := numbers[string(f.Data)]
			require.True(t, ok, "picture %d is bit-exact", i)
			shown = want[n]
		}
		require.Equal(t, shown, got[i], "picture %d, filler %v", i, f.Filler)
	}
}

func TestH264Options(t *testing.T) {
	sps, pps := testSets(640, 360)
	o := Options{Video: H264, H264ParameterSets: [][]byte{sps, pps}, Emit: func(Frame) {}}
	require.NoError(t, o.Validate())
	o.H264ParameterSets = [][]byte{sps, {0x65, 1}, {0x67}}
	err := o.Validate()
	require.ErrorIs(t, err, h264.ErrInvalid)
	require.ErrorContains(t, err, "parameter set 1")
	require.ErrorContains(t, err, "parameter set 2")
}

// FuzzH264 feeds payloads of any kind, with and without what comes before them.
func FuzzH264(f *testing.F) {
	f.Add([]byte{})
	for _, lose := range []int{0, 5} {
		f.Add(h264Script(lose))
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, H264, data) })
}

// h264Script is a publisher of small pictures, every nth packet of which is lost.
func h264Script(lose int) (b []byte) {
	const wait, tick = 6 << 1, 3 << 1
	var s h264Source
	for n := range 12 {
		packets := s.frame(0, n%6 == 0, n%4 == 3, 120)
		if n%3 == 1 {
			packets = s.payloads(0, fragments(s.p(true, false, 60), 20)...)
		}
		for i, p := range packets {
			if lose > 0 && (n+i)%lose == lose-1 {
				continue
			}
			flags, later := byte(0), byte(0)
			if p.Marker {
				flags = 1
			}
			if i == 0 {
				later = 60
			}
			b = append(b, 0, flags, 1, later, byte(len(p.Payload)))
			b = append(b, p.Payload...)
		}
		b = append(b, wait, 33, tick)
	}
	return append(b, 5<<1, wait, 200, tick)
}

// benchH264 is a publisher whose pictures of 10 packets come again with other numbers.
type benchH264 struct {
	source  h264Source
	packets []*rtp.Packet
	n       int
	now     time.Time
}

func newBenchH264() *benchH264 {
	b := &benchH264{now: time.Now()}
	b.packets = b.source.frame(0, true, false, 10*mtu)
	return b
}

func (b *benchH264) push(d *Depacketizer) {
	b.n++
	b.now = b.now.Add(time.Second / 30)
	for _, p := range b.packets {
		p.SequenceNumber += uint16(len(b.packets))
		p.Timestamp = uint32(b.n * 3000)
		d.Push(Video, p, b.now)
	}
}

func newH264(tb testing.TB) *Depacketizer {
	d, err := New(Options{Video: H264, Emit: func(Frame) {}})
	require.NoError(tb, err)
	return d
}

// BenchmarkPushH264 is one picture of 11 packets; ns/packet is what a packet of 1,100 bytes costs.
func BenchmarkPushH264(b *testing.B) {
	d, s := newH264(b), newBenchH264()
	b.ReportAllocs()
	b.SetBytes(10 * mtu)
	for b.Loop() {
		s.push(d)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(s.packets)), "ns/packet")
	if st := d.Stats().Video; st.FramesOut != uint64(s.n) {
		b.Fatalf("%d frames out of %d: %+v", st.FramesOut, s.n, st)
	}
}

// BenchmarkTickQuietH264 is one Tick while nothing comes: a repeat frame of 640x360.
func BenchmarkTickQuietH264(b *testing.B) {
	d, s := newH264(b), newBenchH264()
	s.push(d)
	b.ReportAllocs()
	for b.Loop() {
		s.now = s.now.Add(time.Second / 30)
		d.Tick(s.now)
	}
}

// TestOneAllocationPerPictureH264 keeps the benchmarks' promise, for key frames with their parameter sets.
func TestOneAllocationPerPictureH264(t *testing.T) {
	d, s := newH264(t), newBenchH264()
	s.push(d)
	s.push(d)
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() { s.push(d) }), 1.0)
	require.Equal(t, uint64(s.n), d.Stats().Video.FramesOut)
}
