package depay

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
)

// codecVariants are the ways in which VP9 and AV1 come.
func codecVariants() []struct {
	name     string
	codec    Codec
	flexible bool
} {
	return []struct {
		name     string
		codec    Codec
		flexible bool
	}{{"VP9", VP9, false}, {"VP9 flexible", VP9, true}, {"AV1", AV1, false}}
}

// encoded returns 5 s of moving picture with a key frame each second, and the IVF file.
func encoded(t *testing.T, c Codec) (file []byte, frames [][]byte) {
	args := []string{"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=5", "-pix_fmt", "yuv420p", "-g", "30", "-b:v", "500k"}
	if c == VP9 {
		args = append(args, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0")
	} else {
		args = append(args, "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0")
	}
	file = codectest.FFmpeg(t, nil, append(args, "-f", "ivf", "-")...)
	return file, codectest.Frames(t, file)
}

// TestDecodedPicturesOfCodecs is TestDecodedPictures for VP9 and AV1.
func TestDecodedPicturesOfCodecs(t *testing.T) {
	for _, c := range codecVariants() {
		t.Run(c.name, func(t *testing.T) {
			file, frames := encoded(t, c.codec)
			want := pictures(t, file)
			require.Len(t, want, len(frames))
			r := newRig(t, c.codec, 0)
			s := newCodecSource(c.codec, c.flexible)
			for n, data := range frames {
				at := 2*time.Second + time.Duration(n)*time.Second/30
				packets := s.packetize(videoTime(at), data)
				switch {
				case n == 50 || n == 100: // its end is lost
					packets = packets[:len(packets)-1]
				case n >= 61 && n < 75: // stalled, right behind a key frame
					at = 2*time.Second + 75*time.Second/30
				}
				r.arrive(at, Video, packets...)
			}
			r.on(7*time.Second, r.Detach)
			r.run(8 * time.Second)
			r.addsUp()
			requireShown(t, r, want, numbering(s.sent))
			require.EqualValues(t, 120, r.Stats().Video.FramesOut, "two losses cost the rest of their seconds")
			require.Greater(t, r.Stats().Video.Fillers, uint64(60))
		})
	}
}

// requireShown decodes what the rig emitted: black, then what was sent, and for each filler the picture before it.
func requireShown(t *testing.T, r *rig, want []string, numbers map[string]int) {
	t.Helper()
	var out bytes.Buffer
	code := map[Codec]string{VP9: ivf.VP9, AV1: ivf.AV1}[r.opts.Video]
	w := ivf.NewWriter(&out, ivf.Header{FourCC: code, Width: 640, Height: 360})
	for _, f := range r.frames[Video] {
		require.NoError(t, w.WriteFrame(f.PTS, f.Data))
	}
	got := pictures(t, out.Bytes())
	require.Len(t, got, len(r.frames[Video]))
	require.True(t, r.frames[Video][0].Filler && r.frames[Video][0].Key, "black first")
	shown := got[0]
	for i, f := range r.frames[Video] {
		if !f.Filler {
			shown = want[numbers[string(f.Data)]]
		}
		require.Equal(t, shown, got[i], "picture %d, filler %v", i, f.Filler)
	}
}

// TestImpairedNetworkOfCodecs is TestImpairedNetwork for VP9 and AV1, without sound: what comes out is a part of what went in,
// bit for bit and in order, never without what it decodes from.
func TestImpairedNetworkOfCodecs(t *testing.T) {
	for _, c := range codecVariants() {
		for _, network := range []struct {
			name                       string
			loss, duplicate, reordered float64
		}{
			{"clean", 0, 0, 0}, {"1 % loss", 0.01, 0, 0}, {"everything", 0.03, 0.05, 0.05}, {"mostly loss", 0.6, 0.3, 0.3},
		} {
			t.Run(c.name+"/"+network.name, func(t *testing.T) {
				for seed := range uint64(5) {
					random := rand.New(rand.NewPCG(seed, 9))
					impairedCodec(t, newCodecSource(c.codec, c.flexible), random, func(at time.Duration) []time.Duration {
						return impair(random, network.loss, network.duplicate, network.reordered, at)
					}, network.name == "clean")
				}
			})
		}
	}
}

func impairedCodec(t *testing.T, s *codecSource, random *rand.Rand, arrivals func(time.Duration) []time.Duration, clean bool) {
	const frames = 900
	r := newRig(t, s.codec, 0)
	for n := range frames {
		at := time.Duration(n) * time.Second / 30
		for i, p := range s.frame(videoTime(at), n%40 == 0, 100+random.IntN(5000)) {
			times := []time.Duration{at}
			if n > 0 {
				times = arrivals(at + time.Duration(i)*ms)
			}
			for _, at := range times {
				r.arrive(at, Video, p)
			}
		}
	}
	r.run(frames*time.Second/30 + time.Second)
	r.addsUp()
	numbers, last := numbering(s.sent), -1
	for _, f := range r.real(Video) {
		n, sent := numbers[string(f.Data)]
		require.True(t, sent, "bit-exact")
		require.Greater(t, n, last, "order")
		require.Equal(t, n%40 == 0, f.Key)
		require.True(t, f.Key || n == last+1, "frame %d behind %d", n, last)
		last = n
	}
	if clean {
		require.EqualValues(t, frames, r.Stats().Video.FramesOut)
	}
}

// codecScript is a publisher's packets, some of which are lost, as FuzzCodecs reads them.
func codecScript(c Codec, lose int) (b []byte) {
	s := newCodecSource(c, lose%2 == 0)
	for n := range 12 {
		for i, p := range s.frame(uint32(n*3000), n%5 == 0, 60+n) {
			if lose > 0 && (n+i)%lose == 0 {
				continue
			}
			b = append(b, byte(bit(p.Marker)), byte(p.SequenceNumber), byte(n), byte(len(p.Payload)))
			b = append(b, p.Payload...)
		}
	}
	return b
}

// FuzzCodecs feeds payloads of any kind to the assemblers of VP9 and AV1. Nothing may panic, what is held is bounded, and
// frames are accounted for.
func FuzzCodecs(f *testing.F) {
	for _, lose := range []int{0, 3, 4} {
		f.Add(true, codecScript(VP9, lose))
		f.Add(false, codecScript(AV1, lose))
	}
	f.Fuzz(func(t *testing.T, isVP9 bool, data []byte) {
		codec, emitted := AV1, uint64(0)
		if isVP9 {
			codec = VP9
		}
		d, err := New(Options{Video: codec, Emit: func(f Frame) {
			if len(f.Data) == 0 || f.Key != (f.Width > 0 && f.Height > 0) {
				t.Fatalf("frame %+v", f)
			}
			emitted++
		}})
		require.NoError(t, err)
		now := time.Now()
		for s := (script{data}); len(s.rest) > 0; {
			flags := s.uint(1)
			p := rtp.Packet{Header: rtp.Header{Marker: flags&1 != 0, SequenceNumber: uint16(s.uint(1)), Timestamp: uint32(s.uint(1)) * 3000}}
			size := min(int(s.uint(1)), len(s.rest))
			p.Payload, s.rest = s.rest[:size], s.rest[size:]
			d.Push(Video, &p, now)
			now = now.Add(time.Duration(flags>>1) * time.Millisecond)
			d.Tick(now)
		}
		d.Detach(now)
		st := d.Stats().Video
		if st.FramesIn != st.FramesOut+st.FramesDropped() || emitted != st.FramesOut+st.Fillers {
			t.Fatalf("does not add up, with %d emitted: %+v", emitted, st)
		}
		if held(d.video.assembler) > 4*maxFrameSize {
			t.Fatalf("the assembler holds %d bytes", held(d.video.assembler))
		}
	})
}

// codecBench pushes a key frame and then the same inter frame of 10 packets again and again.
type codecBench struct {
	d       *Depacketizer
	packets []*rtp.Packet
	n       int
	now     time.Time
}

func newCodecBench(tb testing.TB, c Codec, flexible bool) *codecBench {
	d, err := New(Options{Video: c, Emit: func(Frame) {}})
	require.NoError(tb, err)
	b := &codecBench{d: d, now: time.Now()}
	s := newCodecSource(c, flexible)
	for _, p := range s.frame(0, key, 100) {
		d.Push(Video, p, b.now)
	}
	b.packets = s.frame(3000, inter, 10*mtu-100)
	require.Len(tb, b.packets, 10)
	b.push()
	return b
}

func (b *codecBench) push() {
	b.n++
	b.now = b.now.Add(time.Second / 30)
	for _, p := range b.packets {
		if b.n > 1 {
			p.SequenceNumber += uint16(len(b.packets))
		}
		if b.d.opts.Video == VP9 {
			id := 0x7ffe + b.n - 1
			p.Payload[1], p.Payload[2] = 0x80|byte(id>>8), byte(id)
		}
		p.Timestamp = uint32(b.n * 3000)
		b.d.Push(Video, p, b.now)
	}
}

// BenchmarkPushCodecs is one picture of 10 packets; ns/packet is what a packet of 1,100 bytes costs.
func BenchmarkPushCodecs(b *testing.B) {
	for _, c := range codecVariants() {
		b.Run(c.name, func(b *testing.B) {
			s := newCodecBench(b, c.codec, c.flexible)
			b.ReportAllocs()
			b.SetBytes(10 * mtu)
			for b.Loop() {
				s.push()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10, "ns/packet")
			if st := s.d.Stats().Video; st.FramesOut != uint64(s.n+1) {
				b.Fatalf("%d frames out of %d: %+v", st.FramesOut, s.n, st)
			}
		})
	}
}

// TestOneAllocationPerFrameOfCodecs keeps the benchmark's promise.
func TestOneAllocationPerFrameOfCodecs(t *testing.T) {
	for _, c := range codecVariants() {
		s := newCodecBench(t, c.codec, c.flexible)
		require.LessOrEqual(t, testing.AllocsPerRun(200, s.push), 1.0, c.name)
		require.EqualValues(t, s.n+1, s.d.Stats().Video.FramesOut)
	}
}
