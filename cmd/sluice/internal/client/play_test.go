package client

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/command"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/ingest"
)

// newMediaServer is an ingest server with nothing behind it.
func newMediaServer(t *testing.T) (base string, server *ingest.Server) {
	server, err := ingest.New(ingest.Options{Logger: slog.New(slog.DiscardHandler), ViewerLinger: 100 * time.Millisecond})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()
	mux := http.NewServeMux()
	mux.Handle("/whip/{stream}", server.WHIP())
	mux.Handle("/whip/{stream}/{session}", server.WHIP())
	mux.Handle("/whep/{stream}", server.WHEP())
	mux.Handle("/whep/{stream}/{session}", server.WHEP())
	web := httptest.NewServer(mux)
	t.Cleanup(func() {
		web.Close()
		cancel()
		require.NoError(t, <-ended)
		http.DefaultClient.CloseIdleConnections()
	})
	return web.URL, server
}

// runCommand runs a command and returns what it prints, what went wrong and its exit status.
func runCommand(t *testing.T, ctx context.Context, args ...string) (out, errs string, status int) {
	t.Helper()
	var printed strings.Builder
	grammar := struct {
		Publish Publish `cmd:""`
		Play    Play    `cmd:""`
	}{}
	chosen, err := command.Parse(&grammar, args, &printed, config.ParseDuration)
	if err == nil {
		chosen.BindTo(ctx, (*context.Context)(nil))
		chosen.BindTo(&printed, (*io.Writer)(nil))
		err = chosen.Run()
	}
	if err != nil {
		errs = err.Error()
	}
	return printed.String(), errs, exit.Status(err)
}

// The player waits for the publisher, counts all that it sends, records it, and ends with the stream.
func TestPlay(t *testing.T) {
	requireNoLeak(t)
	base, _ := newMediaServer(t)
	published := make(chan string, 1)
	go func() {
		_, errs, _ := runCommand(t, t.Context(), "publish", patience, "--size=320x240", "--fps=15", "--duration=4s", "test", base+"/whip/cam")
		published <- errs
	}()
	file := filepath.Join(t.TempDir(), "out.webm")
	out, errs, status := runCommand(t, t.Context(), "play", patience, "-o", file, base+"/whep/cam")
	require.Empty(t, <-published)
	require.Equal(t, exit.Done, status, errs)
	require.Regexp(t, `(?s)connecting to .*playing\n.*\d+ fps  \d+ kbit/s  sound \d+ packets/s  lost 0  first key frame after \d+\.\d\ds\n`, out)
	pictures := numberIn(t, out, `ended: (\d+) pictures`)
	sound := numberIn(t, out, `(\d+) sound packets`)
	require.Greater(t, pictures, 20)
	require.Greater(t, sound, 70)
	require.Contains(t, out, ", 0 of ")

	require.Equal(t, pictures, decoded(t, file, "v"), "every picture can be decoded")
	require.InDelta(t, sound, decoded(t, file, "a"), float64(sound)/4, "sound from the first picture on")
}

// decoded counts the frames of a stream that ffmpeg can decode without an error.
func decoded(t *testing.T, file, stream string) int {
	t.Helper()
	printed, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-select_streams", stream, "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file).CombinedOutput()
	require.NoError(t, err, string(printed))
	return numberIn(t, string(printed), `^(\d+)\s*$`)
}

func numberIn(t *testing.T, text, pattern string) int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	require.NotNil(t, found, "%s in %s", pattern, text)
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}

func TestPlayFailures(t *testing.T) {
	requireNoLeak(t)
	base, _ := newMediaServer(t)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"nobody publishes": {[]string{base + "/whep/cam"}, "409 Conflict: Nobody is publishing"},
		"nobody there":     {[]string{"http://127.0.0.1:1/whep/cam"}, "connection refused"},
		"no such folder":   {[]string{"-o", filepath.Join(t.TempDir(), "no", "x.webm"), base + "/whep/cam"}, "create the recording"},
	} {
		t.Run(name, func(t *testing.T) {
			requireFails(t, tc.want, append([]string{"play"}, tc.args...)...)
		})
	}
}
