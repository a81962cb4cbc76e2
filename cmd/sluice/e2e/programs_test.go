package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// desktop is a player that is a program, with no screen and no loudspeaker: a seat.
type desktop struct {
	t       testing.TB
	name    string
	file    string // of the stream
	command func(url, folder string) *exec.Cmd
	check   []string                                                    // a command that fails where a part of the player is missing; nil for none
	picture *regexp.Regexp                                              // the line that is printed with each picture; nil: watch says so
	watch   func(ctx context.Context, folder string, seen *shown) error // asks the program, until it ends

	seen shown
	log  *output // what it printed last, but for pictures
	end  func()
}

func (d *desktop) lacks() string {
	tool := d.command("", "").Args[0]
	if _, err := exec.LookPath(tool); err != nil {
		return tool + " is not installed"
	}
	if d.check != nil && exec.Command(d.check[0], d.check[1:]...).Run() != nil {
		return tool + " has not all that it needs: " + strings.Join(d.check, " ")
	}
	return ""
}

func (d *desktop) hide(bool) bool { return false }
func (d *desktop) reset()         { d.seen.reset() }

func (d *desktop) read() []habitual {
	seen := d.seen.read(d.name)
	seen.Errors = []string{d.log.tail(300)}
	return []habitual{seen}
}

func (d *desktop) open(stream string) {
	d.t.Helper()
	d.close()
	folder, err := os.MkdirTemp("", "sluice-player-") // where a program that is another user may write
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = os.RemoveAll(folder) })
	require.NoError(d.t, os.Chmod(folder, 0o777))
	command := d.command(stream+d.file, folder)
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Setpgid = true
	printed, out := io.Pipe()
	command.Stdout, command.Stderr = out, out
	d.seen.reset()
	log := &output{}
	d.log = log
	go d.listen(printed, log)
	require.NoError(d.t, command.Start())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	if d.watch != nil {
		go func() {
			if err := d.watch(ctx, folder, &d.seen); err != nil {
				fmt.Fprintln(log, err)
			}
		}()
	}
	go func() {
		fmt.Fprintln(log, "ended:", command.Wait())
		stop()
		_ = out.Close()
		close(ended)
	}()
	d.end = func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		<-ended
	}
	d.t.Cleanup(d.close)
}

func (d *desktop) close() {
	if d.end != nil {
		d.end()
		d.end = nil
	}
}

// listen counts the lines that stand for a picture, and keeps the others.
func (d *desktop) listen(printed io.Reader, log *output) {
	lines := bufio.NewReader(printed)
	for {
		line, err := lines.ReadString('\n')
		if d.picture != nil && d.picture.MatchString(line) {
			d.seen.show(1)
		} else {
			_, _ = log.Write([]byte(line))
		}
		if err != nil {
			return
		}
	}
}

// ffplay prints a line for each picture when it takes it from the decoder, of which it keeps three.
func ffplay(t testing.TB, file string) *desktop {
	return &desktop{
		t: t, name: "ffplay, " + protocolOf(file), file: file, picture: regexp.MustCompile(`\] n: *\d+ pts:`),
		command: func(url, _ string) *exec.Cmd {
			c := exec.Command("ffplay", "-hide_banner", "-nostats", "-vf", "showinfo=checksum=0", url)
			c.Env = append(os.Environ(), "SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy")
			return c
		},
	}
}

// gstreamer plays with the demuxers of adaptivedemux2, which it does not take by itself in every version.
func gstreamer(t testing.TB, file, demuxer string) *desktop {
	return &desktop{
		t: t, name: "GStreamer, " + demuxer, file: file, picture: regexp.MustCompile(`pictures: last-message = chain`),
		check: []string{"gst-inspect-1.0", "--exists", demuxer},
		command: func(url, _ string) *exec.Cmd {
			c := exec.Command("gst-launch-1.0", "-v", "playbin3", "uri="+url,
				"video-sink=fakesink name=pictures sync=true silent=false", "audio-sink=fakesink sync=true")
			c.Env = append(os.Environ(), "GST_PLUGIN_FEATURE_RANK="+demuxer+":1024")
			return c
		},
	}
}

// mpv tells its time with each picture.
func mpv(t testing.TB, file string) *desktop {
	return &desktop{
		t: t, name: "mpv, " + protocolOf(file), file: file,
		command: func(url, folder string) *exec.Cmd {
			return exec.Command("mpv", "--no-config", "--no-terminal", "--vo=null", "--ao=null", "--ytdl=no",
				"--input-ipc-server="+filepath.Join(folder, "mpv"), url)
		},
		watch: func(ctx context.Context, folder string, seen *shown) error {
			conn, err := dialSoon(ctx, filepath.Join(folder, "mpv"))
			if err != nil {
				return err
			}
			defer conn.Close()
			if _, err = conn.Write([]byte(`{"command": ["observe_property", 1, "time-pos"]}` + "\n")); err != nil {
				return err
			}
			for events := json.NewDecoder(conn); ; {
				var event struct {
					Event string
					Data  *float64
				}
				if err := events.Decode(&event); err != nil {
					return err
				}
				if event.Event == "property-change" && event.Data != nil {
					seen.show(1)
				}
			}
		},
	}
}

var displayed = regexp.MustCompile(`frames displayed *: *(\d+)`)

// vlc counts the pictures that it has shown, four times a second.
func vlc(t testing.TB, file string) *desktop {
	return &desktop{
		t: t, name: "VLC, " + protocolOf(file), file: file,
		command: func(url, folder string) *exec.Cmd {
			c := exec.Command("cvlc", "--no-one-instance", "-I", "oldrc", "--rc-unix", filepath.Join(folder, "vlc"), "--rc-fake-tty",
				"--vout", "dummy", "--aout", "dummy", url)
			c.Env = append(os.Environ(), "HOME="+folder)
			if os.Getuid() == 0 { // which VLC refuses to be
				const nobody = 65534
				c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			return c
		},
		watch: func(ctx context.Context, folder string, seen *shown) error {
			conn, err := dialSoon(ctx, filepath.Join(folder, "vlc"))
			if err != nil {
				return err
			}
			defer conn.Close()
			go func() {
				for ctx.Err() == nil {
					_, _ = conn.Write([]byte("stats\n"))
					lapse(2 * lookEvery)
				}
			}()
			shown := 0
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				if m := displayed.FindStringSubmatch(lines.Text()); m != nil {
					if n, _ := strconv.Atoi(m[1]); n > shown {
						seen.show(n - shown)
						shown = n
					}
				}
			}
			return nil
		},
	}
}

// dialSoon connects to a socket that is made a moment later.
func dialSoon(ctx context.Context, path string) (net.Conn, error) {
	for {
		conn, err := net.Dial("unix", path)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

func protocolOf(file string) string {
	switch {
	case strings.HasPrefix(file, plainMPD):
		return plainMPD
	case strings.HasPrefix(file, mpd):
		return "DASH"
	}
	return "HLS"
}
