package transcode

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/vp8"
)

// imageFile has ffmpeg paint one.
func imageFile(t *testing.T, name, color, size string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	ffmpegOutput(t, "-f", "lavfi", "-i", "color="+color+":s="+size, "-frames:v", "1", file)
	return file
}

func TestStill(t *testing.T) {
	for _, c := range []struct {
		name, file, size string
		width, height    uint16
	}{
		{"fits", "it's a slate.png", "320x180", 320, 180},
		{"too large", "a.jpg", "2000x1000", 640, 320},
		{"upright", "a.webp", "400x900", 160, 360},
		{"odd", "a.bmp", "321x181", 320, 180},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame, err := Still(t.Context(), "", imageFile(t, c.file, "red", c.size), depay.VP8, 640, 360)
			require.NoError(t, err)
			h, err := vp8.ParseHeader(frame)
			require.NoError(t, err)
			require.True(t, h.Key)
			require.InDelta(t, c.width, h.Width, 2)
			require.InDelta(t, c.height, h.Height, 2)
			require.Zero(t, h.Width%2+h.Height%2)
			_, err = depay.New(depay.Options{Video: depay.VP8, Slate: frame, Emit: func(depay.Frame) {}})
			require.NoError(t, err)
		})
	}
}

func TestStillOfCodecs(t *testing.T) {
	image := imageFile(t, "a.png", "red", "640x360")
	for _, codec := range []depay.Codec{depay.VP8, depay.VP9, depay.AV1, depay.H264} {
		t.Run(codec.String(), func(t *testing.T) {
			frame, err := Still(t.Context(), "", image, codec, 640, 360)
			require.NoError(t, err)
			_, err = depay.New(depay.Options{Video: codec, Slate: frame, Emit: func(depay.Frame) {}})
			require.NoError(t, err)
		})
	}
}

func TestStillErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.png")
	require.NoError(t, os.WriteFile(text, []byte("this is no picture"), 0o600))
	for _, c := range []struct {
		name, file string
		codec      depay.Codec
		says       string
	}{
		{"no such file", filepath.Join(t.TempDir(), "missing.png"), depay.VP8, "missing.png: no such file"},
		{"a directory", t.TempDir(), depay.VP8, "is a directory"},
		{"no image", text, depay.VP8, "make a still picture of " + text},
		{"no encoder", text, depay.Opus, "no encoder for opus"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Still(t.Context(), "", c.file, c.codec, 640, 360)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// A logo keeps what is transparent in it, and its size within bounds.
func TestLogo(t *testing.T) {
	image := imageFile(t, "logo.png", "red@0.5", "3000x600,format=rgba")
	logo, err := Logo(t.Context(), "", image)
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(logo))
	require.NoError(t, err)
	require.Equal(t, [2]int{1024, 204}, [2]int{picture.Bounds().Dx(), picture.Bounds().Dy()})
	_, _, _, alpha := picture.At(5, 5).RGBA()
	require.InDelta(t, 0x7fff, alpha, 0x300)
	_, err = Logo(t.Context(), "", filepath.Join(t.TempDir(), "none.png"))
	require.ErrorContains(t, err, "none.png")
}
