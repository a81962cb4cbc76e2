package webm_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/webm"
)

func TestFFmpegReadsWhatWasWritten(t *testing.T) {
	video, audio := videoFrames(t), audioFrames(t)
	preSkip := 10 * time.Millisecond
	cases := []struct {
		name   string
		o      webm.Options
		frames []frame
	}{
		{"both tracks", both(), nearlyInOrder(video, audio)},
		{"video only", webm.Options{Video: both().Video}, video},
		{"audio only", webm.Options{Audio: both().Audio}, audio},
		{"audio long before video", both(), append(audio[:len(audio):len(audio)], video...)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var file bytes.Buffer
			w, err := webm.NewWriter(&file, c.o)
			require.NoError(t, err)
			write(t, w, c.frames)
			require.NoError(t, w.Close())
			packets := probe(t, file.Bytes())
			require.Len(t, packets, len(c.frames))
			next := 0
			if c.o.Video != nil {
				require.Equal(t, want(video, next, 0), ofStream(packets, next))
				requireVideo(t, file.Bytes(), video)
				next++
			}
			if c.o.Audio != nil {
				require.Equal(t, want(audio, next, preSkip), ofStream(packets, next))
				copied := run(t, file.Bytes(), "ffmpeg", "-f", "matroska", "-i", "-", "-map", "0:a", "-c", "copy", "-f", "ogg", "-")
				require.Equal(t, payloads(audio), payloads(fromOgg(t, copied)))
			}
			run(t, file.Bytes(), "ffmpeg", "-xerror", "-err_detect", "explode", "-f", "matroska", "-i", "-", "-f", "null", "-")
		})
	}
}

// requireVideo fails unless the video in the file is that of frames, bit by bit.
func requireVideo(t *testing.T, file []byte, frames []frame) {
	t.Helper()
	copied := run(t, file, "ffmpeg", "-f", "matroska", "-i", "-", "-map", "0:v", "-c", "copy", "-f", "ivf", "-")
	require.Equal(t, payloads(frames), payloads(fromIVF(t, copied)))
}

func TestFileIsFinished(t *testing.T) {
	name := filepath.Join(t.TempDir(), "source-1.webm")
	file, err := os.Create(name)
	require.NoError(t, err)
	w, err := webm.NewWriter(file, both())
	require.NoError(t, err)
	video := videoFrames(t)
	write(t, w, nearlyInOrder(video, audioFrames(t)))
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())

	out := run(t, nil, "ffprobe", "-show_entries", "format=duration", "-of", "csv=p=0", name)
	require.Equal(t, "3.000000", strings.TrimSpace(string(out)))
	// Only with cues does ffmpeg come to the key frame at 1.5 s at once.
	out = run(t, nil, "ffprobe", "-read_intervals", "2.5%+#1", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of",
		"default=nk=1:nw=1", name)
	require.Equal(t, "1.500000", strings.TrimSpace(string(out)))
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	requireVideo(t, whole, video)
}

// A process that is killed leaves any prefix: what is whole in it must play.
func TestFFmpegReadsPrefixes(t *testing.T) {
	var file bytes.Buffer
	w, err := webm.NewWriter(&file, both())
	require.NoError(t, err)
	header := file.Len()
	write(t, w, nearlyInOrder(videoFrames(t), audioFrames(t)))
	require.NoError(t, w.Flush())
	blocks := wholeBlocks(t, file.Bytes())
	for _, n := range []int{header + 400, file.Len() / 3, file.Len() / 2, file.Len() - 2000, file.Len() - 1, file.Len()} {
		want := 0
		for _, end := range blocks {
			if end <= n {
				want++
			}
		}
		packets := probe(t, file.Bytes()[:n])
		require.GreaterOrEqual(t, len(packets), want, "%d of %d bytes", n, file.Len())
		require.LessOrEqual(t, len(packets), want+1, "%d of %d bytes", n, file.Len())
	}
}
