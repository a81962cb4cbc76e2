package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func gone(pid int) bool {
	process, err := os.FindProcess(pid)
	return err != nil || process.Signal(syscall.Signal(0)) != nil
}

func requireDuration(t testing.TB, file string, least time.Duration) {
	t.Helper()
	var last time.Duration
	for line := range strings.Lines(ffmpeg(t, "-i", file, "-map", "0:v", "-vf", "showinfo", "-f", "null", "-")) {
		if _, pts, ok := strings.Cut(line, "pts_time:"); ok {
			last = seconds(t, strings.Fields(pts)[0])
		}
	}
	require.GreaterOrEqual(t, last, least, "%s ends at %v", file, last)
}

var (
	mediaSequence = regexp.MustCompile(`#EXT-X-MEDIA-SEQUENCE:(\d+)`)
	segmentURI    = regexp.MustCompile(`(?m)^[^#\s].*$`)
)

// requireContinued asserts that a later playlist shows the same segments under the same numbers, and new names for new ones.
func requireContinued(t *testing.T, before, after string) {
	t.Helper()
	numbers := func(playlist string) map[string]string {
		uris := segmentURI.FindAllString(playlist, -1)
		first, err := json.Number(mediaSequence.FindStringSubmatch(playlist)[1]).Int64()
		require.NoError(t, err)
		byURI := map[string]string{}
		for i, uri := range uris {
			byURI[uri] = string(json.RawMessage(jsonNumber(first + int64(i))))
		}
		return byURI
	}
	old, now := numbers(before), numbers(after)
	require.NotEmpty(t, old)
	for uri, number := range now {
		if had, listed := old[uri]; listed {
			require.Equal(t, had, number, "%s changed its number", uri)
		}
	}
	for uri := range old {
		require.Contains(t, now, uri, "a published segment was withdrawn; after the restart:\n%s", after)
	}
	require.Greater(t, len(now), len(old), "the stream goes on:\n%s", after)
	require.Contains(t, after, "#EXT-X-DISCONTINUITY\n")
}

func jsonNumber(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

// brokenFFmpeg is a script that does what it is asked, except to read a stream.
const brokenFFmpeg = "#!/bin/sh\ncase \"$*\" in *pipe:3*) echo 'no space in this test' >&2; exit 1;; esac\nexec ffmpeg \"$@\"\n"

// ffmpeg that is not there stops the start; ffmpeg that fails ends the session with its words.
func TestBrokenFFmpeg(t *testing.T) {
	alongside(t, light)
	t.Run("missing", func(t *testing.T) {
		out, status := runToEnd(t, "serve", "--http-listen", "127.0.0.1:0", "--ice-udp", "127.0.0.1:0", "--data", t.TempDir(), "--ffmpeg", "/nowhere/ffmpeg")
		require.NotZero(t, status)
		require.Contains(t, out, "apt-get install ffmpeg")
	})
	t.Run("fails at every start", func(t *testing.T) {
		broken := filepath.Join(t.TempDir(), "ffmpeg")
		require.NoError(t, os.WriteFile(broken, []byte(brokenFFmpeg), 0o755))
		s := startService(t, "--ladder", smallRung, "--ffmpeg", broken)
		p := newPublisher(t, s, "broken")
		p.send()
		s.waitState("broken", "failed")
		require.Contains(t, s.stream("broken").Error, "no space in this test")
		eventually(t, func() bool { return s.stream("broken").Publisher == nil })
		p.stop()
	})
}

// What an operator gets wrong is said in a sentence, with status 2.
func TestWrongStart(t *testing.T) {
	alongside(t, light)
	s := startService(t)
	taken := strings.TrimPrefix(s.base, "http://")
	readOnly := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(readOnly, nil, 0o600))
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"port taken":        {[]string{"--http-listen", taken}, "http.listen"},
		"data not writable": {[]string{"--data", filepath.Join(readOnly, "data")}, "data"},
		"data in use":       {[]string{"--data", s.data}, "is in use by another sluice (process "},
		"open to the world": {[]string{"--http-listen", "0.0.0.0:0"}, "auth.publish"},
		"unknown flag":      {[]string{"--frobnicate"}, "frobnicate"},
		"slate not there":   {[]string{"--slate", "/nowhere/slate.png"}, "slate: open /nowhere/slate.png: no such file"},
		"slate no image":    {[]string{"--slate", readOnly}, "slate: make a still picture of " + readOnly},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"serve", "--http-listen", "127.0.0.1:0", "--ice-udp", "127.0.0.1:0", "--data", t.TempDir()}, c.args...)
			out, status := runToEnd(t, args...)
			require.Equal(t, 2, status, "%s", out)
			require.Contains(t, out, c.says)
		})
	}
}

// Beyond loopback a key is needed; TLS makes its own certificate.
func TestKeysAndTLS(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--auth-publish", "studio=open-sesame", "--https-listen", "127.0.0.1:0", "--tls-self-signed")
	for _, c := range []struct {
		key    string
		stream string
		status int
	}{
		{"", "studio", http.StatusUnauthorized},
		{"wrong", "studio", http.StatusUnauthorized},
		{"open-sesame", "other", http.StatusForbidden},
		{"open-sesame", "studio", http.StatusUnsupportedMediaType}, // the key is good; the body is not SDP
	} {
		request, err := http.NewRequest(http.MethodPost, s.base+"/whip/"+c.stream, strings.NewReader("hello"))
		require.NoError(t, err)
		if c.key != "" {
			request.Header.Set("Authorization", "Bearer "+c.key)
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		require.Equal(t, c.status, response.StatusCode, "%+v: %s", c, body)
		require.Equal(t, "*", response.Header.Get("Access-Control-Allow-Origin"))
		if c.status == http.StatusUnauthorized {
			require.Contains(t, response.Header.Get("WWW-Authenticate"), "Bearer")
		}
	}
	require.NotContains(t, s.output.String(), "open-sesame")
	require.FileExists(t, filepath.Join(s.data, "tls", "self-signed.crt"))
}
