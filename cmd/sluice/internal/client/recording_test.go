package client

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// Key frames that a file can begin with, as short as that goes.
const (
	h264Key = "\x00\x00\x00\x01\x67\x42\xc0\x1f\x8c\x00\x00\x00\x01\x68\xce\x3c\x80\x00\x00\x01\x65\x88"
	av1Key  = "\x12\x00\x0a\x0b\x00\x00\x00\x04\x3c\xff\xbc\xff\xf9\x88\x40\x32\x01\xaa"
)

func TestPlayRecordingByCodec(t *testing.T) {
	for _, c := range []struct {
		name, file string
		codec      depay.Codec
		key        string
		docType    string // empty: refused
		want       string // of the refusal
	}{
		{"VP8", "x.webm", depay.VP8, "key", "webm", ""},
		{"VP9", "x.webm", depay.VP9, "key", "webm", ""},
		{"AV1", "x.webm", depay.AV1, av1Key, "webm", ""},
		{"H.264", "x.mkv", depay.H264, h264Key, "matroska", ""},
		{"H.264 as WebM", "x.webm", depay.H264, "", "", "the stream's video is H264, which is recorded to a file whose name ends in .mkv, not to "},
		{"VP8 as Matroska", "x.mkv", depay.VP8, "", "", "the stream's video is VP8, which is recorded to a file whose name ends in .webm, not to "},
	} {
		for _, before := range []string{"", "what was there"} {
			t.Run(c.name+" "+before, func(t *testing.T) {
				name := filepath.Join(t.TempDir(), c.file)
				if before != "" {
					require.NoError(t, os.WriteFile(name, []byte(before), 0o600))
				}
				r, err := newPlayRecording(name)
				require.NoError(t, err)
				if c.docType == "" {
					require.EqualError(t, r.begin(c.codec), c.want+name)
					require.NoError(t, r.Close())
					left, err := os.ReadFile(name)
					require.Equal(t, before == "", os.IsNotExist(err))
					require.Equal(t, before, string(left))
					return
				}
				require.NoError(t, r.begin(c.codec))
				for i := range 3 {
					require.NoError(t, r.write(depay.Frame{Codec: c.codec, PTS: int64(i) * 3000, Key: i == 0, Width: 64, Height: 64, Data: []byte(c.key)}))
				}
				require.NoError(t, r.Close())
				file, err := os.ReadFile(name)
				require.NoError(t, err)
				require.Equal(t, "\x1a\x45\xdf\xa3", string(file[:4]))
				require.Contains(t, string(file), "\x42\x82\x10\x00\x00"+string(rune(len(c.docType)))+c.docType)
			})
		}
	}
	var none *playRecording
	require.NoError(t, none.begin(depay.H264))
}
