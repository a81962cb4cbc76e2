package transcode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

// maxImage bounds what is read of an image file, in bytes.
const maxImage = 64 << 20

// maxLogo is the longest side of a logo in pixels: an eighth of a picture's height is what it takes.
const maxLogo = 1024

// Still makes one key frame of a codec of the image in a file, in whatever format ffmpeg ("" for the default) reads: as large as
// the image, or smaller when it does not fit into width by height pixels. It takes a fraction of a second.
func Still(ctx context.Context, ffmpeg, image string, codec depay.Codec, width, height int) ([]byte, error) {
	e, ok := stillEncoderOf(codec)
	if !ok {
		return nil, fmt.Errorf("make a still picture: there is no encoder for %v", codec)
	}
	return e.encode(ctx, ffmpeg, "a still picture", image, width, height)
}

// Logo makes a PNG of the image in a file, with whatever is transparent in it: as large as the image, or smaller when it does not fit into
// a square of 1024 pixels. It takes a fraction of a second.
func Logo(ctx context.Context, ffmpeg, image string) ([]byte, error) {
	png := stillEncoder{"rgba", []string{"-c:v", "png", "-f", "image2", "-update", "1"}, os.ReadFile}
	return png.encode(ctx, ffmpeg, "a logo", image, maxLogo, maxLogo)
}

// encode makes what it is called in errors of the image in a file.
func (e stillEncoder) encode(ctx context.Context, ffmpeg, what, image string, width, height int) ([]byte, error) {
	file, err := os.Open(image)
	if err != nil {
		return nil, err // which names the file
	}
	defer file.Close()
	dir, err := os.MkdirTemp("", "sluice-still-")
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", what, err)
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "still")
	read := func(w io.Writer) error {
		_, err := io.Copy(w, io.LimitReader(file, maxImage))
		return err
	}
	if err := runTask(ctx, stillArgs(orDefault(ffmpeg, DefaultFFmpeg), e, width, height, out), sandbox.Policy{Write: []string{dir}, CPU: shortTask}, []source{read}); err != nil {
		return nil, fmt.Errorf("make %s of %s: %w", what, image, err)
	}
	picture, err := e.read(out)
	if err != nil {
		return nil, fmt.Errorf("make %s of %s: it has no picture: %w", what, image, err)
	}
	return picture, nil
}

// stillEncoder is how ffmpeg makes a key frame of a codec, and how that is read from its output.
type stillEncoder struct {
	pixels string
	args   []string // encoder and muxer
	read   func(name string) ([]byte, error)
}

func stillEncoderOf(codec depay.Codec) (e stillEncoder, ok bool) {
	switch codec {
	case depay.VP8:
		return stillEncoder{"yuv420p", []string{"-c:v", "libvpx", "-crf", "6", "-b:v", "50M", "-deadline", "good", "-cpu-used", "2", "-f", "ivf"}, firstOfIVF}, true
	case depay.VP9:
		return stillEncoder{"yuv420p", []string{"-c:v", "libvpx-vp9", "-crf", "15", "-b:v", "0", "-deadline", "good", "-cpu-used", "4", "-f", "ivf"}, firstOfIVF}, true
	case depay.AV1:
		return stillEncoder{"yuv420p", []string{"-c:v", "libaom-av1", "-crf", "15", "-b:v", "0", "-cpu-used", "6", "-f", "ivf"}, firstOfIVF}, true
	case depay.H264:
		return stillEncoder{"yuv420p", []string{"-c:v", "libx264", "-profile:v", "baseline", "-crf", "12", "-f", "h264"}, os.ReadFile}, true
	}
	return stillEncoder{}, false
}

func stillArgs(ffmpeg string, e stillEncoder, width, height int, out string) []string {
	scale := fmt.Sprintf("scale='min(iw,%d)':'min(ih,%d)':force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1,format=%s", width, height, e.pixels)
	args := []string{ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "level+error", "-protocol_whitelist", "pipe", "-i", fmt.Sprintf("pipe:%d", firstInputFD),
		"-map", "0:v:0", "-frames:v", "1", "-vf", scale}
	return append(append(args, e.args...), "file:"+out)
}

func firstOfIVF(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, err := ivf.NewReader(file)
	if err != nil {
		return nil, err
	}
	_, data, err := reader.Next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("ffmpeg wrote no frame")
	}
	return data, err
}
