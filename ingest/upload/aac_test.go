package upload

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/media"
)

func TestParseAAC(t *testing.T) {
	for name, c := range map[string]struct {
		config []byte
		want   aac
		ok     bool
	}{
		"LC, 44.1 kHz, stereo": {[]byte{0x12, 0x10}, aac{1, 4, 2}, true},
		"LC, 48 kHz, mono":     {[]byte{0x11, 0x88, 0x56, 0xe5, 0x00}, aac{1, 3, 1}, true},
		"SBR, 24 kHz":          {[]byte{0x2b, 0x11, 0x88, 0x00}, aac{1, 6, 2}, true},
		"nothing":              {nil, aac{}, false},
		"a byte":               {[]byte{0x12}, aac{}, false},
		"a rate of its own":    {[]byte{0x17, 0x90}, aac{}, false},
		"channels of its own":  {[]byte{0x12, 0x00}, aac{}, false},
		"USAC":                 {[]byte{0xf9, 0x48}, aac{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseAAC(c.config)
			require.Equal(t, c.ok, err == nil)
			require.Equal(t, c.want, got)
		})
	}
}

func FuzzAAC(f *testing.F) {
	f.Add([]byte{0x12, 0x10}, []byte("frame"))
	f.Fuzz(func(t *testing.T, config, frame []byte) {
		a, err := parseAAC(config)
		if err != nil {
			return
		}
		stream, ok := a.appendFrame(nil, frame)
		if ok != (len(frame)+adtsHead <= adtsLongest) {
			t.Fatal("a frame fits, or it does not")
		}
		if ok && (len(stream) != len(frame)+adtsHead || int(stream[3]&3)<<11|int(stream[4])<<3|int(stream[5])>>5 != len(stream)) {
			t.Fatalf("the head says otherwise than %d", len(stream))
		}
	})
}

// AAC is made Opus of, and keeps its place beside the pictures.
func TestUploadOfAAC(t *testing.T) {
	for name, options := range map[string]string{
		"MP4":      "-c:a aac -movflags +frag_keyframe+empty_moov+default_base_moof -frag_duration 200000 -f mp4",
		"Matroska": "-c:a aac -ar 44100 -f matroska -live 1",
	} {
		t.Run(name, func(t *testing.T) {
			recording := record(t, options)
			s, err := play(t, func(put func([]byte)) { put(recording) })
			require.NoError(t, err)
			sounds, pictures := s.got[media.KindAudio], s.got[media.KindVideo]
			require.InDelta(t, 100, len(sounds), 6)
			for i := 1; i < len(sounds); i++ {
				require.InDelta(t, 960, sounds[i].timeStamp-sounds[i-1].timeStamp, 2, "packet %d", i)
			}
			played := time.Duration(sounds[len(sounds)-1].timeStamp-sounds[0].timeStamp) * time.Second / 48000
			seen := time.Duration(pictures[len(pictures)-1].timeStamp-pictures[0].timeStamp) * time.Second / 90000
			require.InDelta(t, seen, played, float64(200*time.Millisecond))
			require.Zero(t, s.session.DamagedFrames.Load())
		})
	}
}

// Sound that says it is AAC and is not costs the pictures nothing.
func TestUploadOfBadAAC(t *testing.T) {
	recording := record(t, "-c:a aac -f matroska -live 1")
	head := recording[:bytes.Index(recording, []byte{0x1F, 0x43, 0xB6, 0x75})]
	s, err := play(t, func(put func([]byte)) {
		put(slices.Clone(head))
		for i := range 20 {
			put(clusterOf(uint32(i*50), blockOf(2, 0, 0, bytes.Repeat([]byte{byte(i), 0xff}, 200)), blockOf(2, 20, 0, make([]byte, adtsLongest))))
		}
	})
	require.NoError(t, err)
	require.EqualValues(t, 20, s.session.DamagedFrames.Load(), "frames that are too long")
}

// Without an ffmpeg, or with one that ends at once, nothing hangs.
func TestTranscoderThatFails(t *testing.T) {
	_, err := startTranscoder(unconfined, "/nonexistent/ffmpeg", aac{1, 4, 2}, nil)
	require.ErrorContains(t, err, "start ffmpeg")
	made, err := startTranscoder(unconfined, "true", aac{1, 4, 2}, nil)
	require.NoError(t, err)
	<-made.read
	require.Eventually(t, func() bool { return made.write([]byte("frame"), 0) != nil }, 2*time.Minute, time.Millisecond)
	made.close(false)
}
