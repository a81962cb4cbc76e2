package transcode

import (
	"bytes"
	"image"
	_ "image/jpeg" // a decoder
	_ "image/png"  // a decoder
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Of a segment the frame of a number is made, in each format; the luma of each frame says its number.
func TestSnapshot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "segment.mp4")
	ffmpegOutput(t, "-f", "lavfi", "-i", "nullsrc=s=64x48:r=30:d=1,geq=lum=16+7*N:cb=128:cr=128", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-qp", "4",
		"-movflags", "+frag_every_frame+empty_moov+default_base_moof", file)
	segment, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, number := range []int{0, 17, 29} {
		for _, format := range []string{"jpg", "png", "webp"} {
			picture, err := Snapshot(t.Context(), "", bytes.NewReader(segment), number, format)
			require.NoError(t, err)
			if format == "webp" {
				require.Equal(t, "RIFF", string(picture[:4]))
				require.Equal(t, "WEBP", string(picture[8:12]))
				continue
			}
			decoded, _, err := image.Decode(bytes.NewReader(picture))
			require.NoError(t, err)
			require.Equal(t, image.Pt(64, 48), decoded.Bounds().Size())
			red, _, _, _ := decoded.At(32, 24).RGBA()
			require.InDelta(t, float64(7*number)*255/219, red>>8, 3, "frame %d as %s", number, format)
		}
	}
	for _, number := range []int{30, 1000} {
		_, err = Snapshot(t.Context(), "", bytes.NewReader(segment), number, "jpg")
		require.Error(t, err)
	}
	_, err = Snapshot(t.Context(), "", bytes.NewReader(nil), 0, "jpg")
	require.Error(t, err)
	_, err = Snapshot(t.Context(), "", bytes.NewReader(segment), 0, "gif")
	require.Error(t, err)
}
