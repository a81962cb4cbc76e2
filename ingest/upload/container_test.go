package upload

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/ingest/internal/webmtest"
	"github.com/sluice-live/sluice/ingest/media"
)

// record makes two seconds of H.264 with 10 pictures a second, a key frame each second, and sound.
func record(t *testing.T, options string) []byte {
	t.Helper()
	args := "-loglevel error -f lavfi -i testsrc2=size=64x48:rate=10 -f lavfi -i sine=sample_rate=48000 -t 2 -c:v libx264 -preset ultrafast -tune zerolatency -g 10 "
	cmd := exec.Command("ffmpeg", append(strings.Fields(args+options), "-")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg (install it with apt-get install ffmpeg): %s", &stderr)
	return stdout.Bytes()
}

// MP4 in fragments is taken in the ways that WebM is; of its H.264 each key frame has its parameter sets.
func TestUploadOfMP4(t *testing.T) {
	const fragments = " -movflags +frag_keyframe+empty_moov+default_base_moof -frag_duration 200000 -f mp4"
	const stapA = 24 // the type of a packet with several NAL units, such as parameter sets (RFC 6184 §5.7.1)
	for name, c := range map[string]struct {
		options string
		sounds  int
	}{"Opus": {"-c:a libopus" + fragments, 101}, "FLAC": {"-c:a flac -strict -2" + fragments, 0}, "no sound": {"-an" + fragments, 0}} {
		t.Run(name, func(t *testing.T) {
			recording := record(t, c.options)
			synctest.Test(t, func(t *testing.T) {
				s, err := play(t, func(put func([]byte)) {
					for piece := range slices.Chunk(recording, 1+len(recording)/20) {
						put(piece)
						time.Sleep(100 * time.Millisecond)
					}
				})
				require.NoError(t, err)
				pictures := s.got[media.KindVideo]
				all, keys := map[uint32]bool{}, map[uint32]bool{}
				for _, p := range pictures {
					all[p.timeStamp] = true
					if p.payload[0]&0x1f == stapA && h264.KeyFrameStarts(p.payload) {
						keys[p.timeStamp] = true
					}
				}
				require.Len(t, all, 20)
				require.Len(t, keys, 2)
				require.InDelta(t, c.sounds, len(s.got[media.KindAudio]), 1)
				require.Zero(t, s.session.DamagedFrames.Load()+s.session.LateFrames.Load())
			})
		})
	}
}

// What a recording is, its bytes tell.
func TestOpenContainer(t *testing.T) {
	webm := webmtest.Recording(1)
	for name, c := range map[string]struct {
		data []byte
		mp4  bool
		err  string
	}{
		"WebM":       {webm, false, ""},
		"MP4":        {[]byte("\x00\x00\x00\x08ftyp\x00\x00\x00\x08mdat"), true, "not in fragments"},
		"a text":     {[]byte("hello, hello"), false, "EBML header"},
		"a little":   {[]byte("ab"), false, ""},
		"nothing":    {nil, false, ""},
		"an MPEG-TS": {bytes.Repeat([]byte{0x47}, 188), false, "EBML header"},
	} {
		t.Run(name, func(t *testing.T) {
			in := openContainer(bytes.NewReader(c.data))
			_, isMP4 := in.(*mp4Recording)
			require.Equal(t, c.mp4, isMP4)
			tracks, err := in.Tracks()
			if name == "WebM" {
				require.NoError(t, err)
				require.Len(t, tracks, 2)
				return
			}
			require.ErrorContains(t, err, c.err)
		})
	}
}
