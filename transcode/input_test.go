package transcode

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ogg"
)

// packet is one Opus packet as it stands in the Ogg stream.
type packet struct {
	end  int64
	data []byte
}

func writeOgg(t *testing.T, frames []depay.Frame) []packet {
	t.Helper()
	var file bytes.Buffer
	w := &oggFrames{w: ogg.NewWriter(&file, ogg.Header{Channels: 2})}
	for _, f := range frames {
		require.NoError(t, w.WriteFrame(f))
	}
	require.NoError(t, w.Close())
	r, err := ogg.NewReader(&file)
	require.NoError(t, err)
	var packets []packet
	for {
		end, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return packets
		}
		require.NoError(t, err)
		packets = append(packets, packet{end, append([]byte(nil), data...)})
	}
}

func TestLostSoundIsConcealed(t *testing.T) {
	sound := func(pts int64, toc byte) depay.Frame {
		return depay.Frame{Codec: depay.Opus, PTS: pts, Duration: 960, Data: []byte{toc, 1, 2}}
	}
	const single, double = 0xfc, 0xfd // CELT 20 ms stereo: frame count codes 0 and 1 (RFC 6716 §3.1)
	for _, c := range []struct {
		name   string
		frames []depay.Frame
		ends   []int64 // of what is written; a concealed packet is negative
	}{
		{"nothing lost", []depay.Frame{sound(0, single), sound(960, single)}, []int64{960, 1920}},
		{"one", []depay.Frame{sound(0, single), sound(1920, single)}, []int64{960, -1920, 2880}},
		{"three", []depay.Frame{sound(0, single), sound(3840, single)}, []int64{960, -1920, -2880, -3840, 4800}},
		{"more", []depay.Frame{sound(0, single), sound(8640, single)}, []int64{960, 9600}},
		{"clocks drift", []depay.Frame{sound(0, single), sound(965, single), sound(1915, single)}, []int64{960, 1925, 2875}},
		{"one, and clocks drift", []depay.Frame{sound(0, single), sound(1900, single)}, []int64{960, -1920, 2860}},
		{"several frames in a packet", []depay.Frame{sound(0, double), sound(1920, double)}, []int64{960, 2880}},
		{"late beginning", []depay.Frame{sound(960, single)}, []int64{1920}},
		{"empty packet", []depay.Frame{{Codec: depay.Opus, Duration: 960}, sound(1920, single)}, []int64{2880}},
	} {
		t.Run(c.name, func(t *testing.T) {
			packets := writeOgg(t, c.frames)
			var ends []int64
			for _, p := range packets {
				if len(p.data) == 1 {
					require.EqualValues(t, single, p.data[0])
					p.end = -p.end
				}
				ends = append(ends, p.end)
			}
			require.Equal(t, c.ends, ends)
		})
	}
}

// TestSoundKeepsTimeOverHoles loses packets singly and in a row, lets the sender's clock run 300 ppm fast for a while, and
// finds every beep where it belongs.
func TestSoundKeepsTimeOverHoles(t *testing.T) {
	o := Options{Dir: t.TempDir(), Audio: depay.Opus}
	clip := opusClip(t, "aevalsrc='if(between(mod(t,1),0.5,0.66),0.5*sin(2*PI*1000*t),0)':s=48000", 20)
	var kept []depay.Frame
	for i, f := range clip {
		single, row := i%50 == 7, i%400 >= 220 && i%400 < 223 || i%400 >= 310 && i%400 < 318
		f.PTS += f.PTS * 3 / 10_000
		if !single && !row {
			kept = append(kept, f)
		}
	}
	play(t, o, kept)
	beeps := onsets(loudnessOf(t, joined(t, o.Dir, o.Representations()[0])), 4000, 24000)
	require.Len(t, beeps, 20)
	for i, beep := range beeps {
		t.Logf("beep %d: %+.1f ms", i, 1000*(float64(beep)/48000-(0.5+float64(i))*1.0003))
		require.InDelta(t, (0.5+float64(i))*1.0003, float64(beep)/48000, 0.005)
	}
}
