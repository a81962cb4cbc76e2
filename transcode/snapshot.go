package transcode

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// snapshotEncoders are how ffmpeg makes image files, in the colours that each stands for (JPEG and WebP: BT.601).
var snapshotEncoders = map[string]stillEncoder{
	"jpg":  {"yuvj420p", []string{"-c:v", "mjpeg", "-q:v", "2", "-f", "image2", "-update", "1"}, os.ReadFile},
	"png":  {"rgb24", []string{"-c:v", "png", "-f", "image2", "-update", "1"}, os.ReadFile},
	"webp": {"yuv420p", []string{"-c:v", "libwebp", "-quality", "90", "-f", "image2", "-update", "1"}, os.ReadFile},
}

// Snapshot makes an image file (jpg, png or webp), full size, of a frame of one segment: media is its initialization segment and its
// fragments up to the frame, which is that of the number, from 0. ffmpeg ("" for the default) runs confined and ends with ctx; a second of
// 1080p takes it a tenth of a second to decode.
func Snapshot(ctx context.Context, ffmpeg string, media io.Reader, number int, format string) ([]byte, error) {
	e, ok := snapshotEncoders[format]
	if !ok {
		return nil, fmt.Errorf("make a snapshot: there is no format %q", format)
	}
	dir, err := os.MkdirTemp("", "sluice-snapshot-")
	if err != nil {
		return nil, fmt.Errorf("make a snapshot: %w", err)
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "snapshot")
	read := func(w io.Writer) error {
		_, err := io.Copy(w, media)
		return err
	}
	may := sandbox.Policy{Write: []string{dir}, CPU: shortTask}
	if err := runTask(ctx, snapshotArgs(orDefault(ffmpeg, DefaultFFmpeg), e, number, out), may, []source{read}); err != nil {
		return nil, fmt.Errorf("make a snapshot: %w", err)
	}
	picture, err := e.read(out)
	if err != nil {
		return nil, fmt.Errorf("make a snapshot: there is no such frame: %w", err)
	}
	return picture, nil
}

func snapshotArgs(ffmpeg string, e stillEncoder, number int, out string) []string {
	args := []string{
		ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "level+error",
		"-protocol_whitelist", "pipe", "-threads", "1", "-f", "mp4", "-i", fmt.Sprintf("pipe:%d", firstInputFD),
		"-map", "0:v:0", "-fps_mode", "passthrough", "-frames:v", "1",
		"-vf", fmt.Sprintf("select=eq(n\\,%d),scale=out_color_matrix=bt601,setsar=1,format=%s", number, e.pixels),
	}
	return append(append(args, e.args...), "file:"+out)
}
