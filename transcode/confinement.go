package transcode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// ErrNotConfined reports that ffmpeg was let do what it should have been refused.
var ErrNotConfined = errors.New("ffmpeg is not confined")

// TryConfinement has ffmpeg ("" for the default) do what it may, and try what it may not on a machine that supports so much. An error that
// does not match ErrNotConfined says that ffmpeg does not work so confined. It takes about a quarter of a second.
func TryConfinement(ctx context.Context, ffmpeg string, holds sandbox.Support) error {
	dir, err := os.MkdirTemp("", "sluice-confinement-")
	if err != nil {
		return fmt.Errorf("try to confine ffmpeg: %w", err)
	}
	defer os.RemoveAll(dir)
	inside, outside := filepath.Join(dir, "inside"), filepath.Join(dir, "outside")
	secret := filepath.Join(outside, "secret")
	err = errors.Join(os.Mkdir(inside, 0o700), os.Mkdir(outside, 0o700), os.WriteFile(secret, trialSound, 0o600))
	if err != nil {
		return fmt.Errorf("try to confine ffmpeg: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("try to confine ffmpeg: %w", err)
	}
	defer listener.Close()
	t := trial{orDefault(ffmpeg, DefaultFFmpeg), sandbox.Policy{Write: []string{inside}, CPU: shortTask}}
	pipe := "pipe:" + strconv.Itoa(firstInputFD)
	if err := t.run(ctx, pipe, "file:"+filepath.Join(inside, "out")); err != nil {
		return fmt.Errorf("ffmpeg does not work when it is confined: %w", err)
	}
	for _, refused := range []struct {
		what    string
		holds   bool
		in, out string
	}{
		{"read another file", holds.Landlock > 0, "file:" + secret, "file:" + filepath.Join(inside, "copy")},
		{"wrote another file", holds.Landlock > 0, pipe, "file:" + filepath.Join(outside, "out")},
		{"opened a connection", holds.Landlock >= 4 || holds.SeccompFault == nil, pipe, "tcp://" + listener.Addr().String()},
	} {
		if err := t.run(ctx, refused.in, refused.out); err == nil && refused.holds {
			return fmt.Errorf("%w: it %s", ErrNotConfined, refused.what)
		}
	}
	return ctx.Err()
}

// trialSound is what a trial copies: samples of one byte, of which any will do.
var trialSound = bytes.Repeat([]byte{0x80}, 800)

// trial runs ffmpeg with a policy.
type trial struct {
	ffmpeg string
	may    sandbox.Policy
}

// run has ffmpeg copy sound from one address to another.
func (t trial) run(ctx context.Context, from, to string) error {
	argv := []string{
		t.ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "level+error",
		"-f", "u8", "-ar", "8000", "-ac", "1", "-i", from, "-f", "u8", to,
	}
	return runTask(ctx, argv, t.may, []source{func(w io.Writer) error {
		_, err := w.Write(trialSound)
		return err
	}})
}
