package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/certificate"
)

// What is wrong with the configuration, and with all that it names, is told at once; nothing is made.
func TestServeCheck(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(path("file"), []byte("no key"), 0o600))
	_, err := certificate.SelfSigned(dir)
	require.NoError(t, err)
	good := []string{
		"--data", path("new/data"), "--ffmpeg", os.Args[0], "--https-listen", "127.0.0.1:8443", "--tls-cert", path("self-signed.crt"), "--tls-key", path("self-signed.key"),
		"--logo", path("file"), "--slate", path("file"),
	}
	for name, tc := range map[string]struct {
		args []string
		want []string // faults, one a line
	}{
		"good": {args: good},
		"everything": {
			args: []string{
				"--part", "x", "--nope", "--data", path("file"), "--ffmpeg", path("no-ffmpeg"), "--https-listen", "127.0.0.1:8443", "--tls-cert", path("self-signed.crt"), "--tls-key", path("file"),
				"--logo", path("no-logo"), "--slate", dir, "--auth-jwt", path("file"), "--auth-publish", "long-enough",
			},
			want: []string{
				"flag --nope", "flag --part", "https.listen: read tls.cert and tls.key: ", "auth.jwt: ", "logo: open ", "slate: " + dir + " is no file", "ffmpeg: ", "data: " + path("file") + " is no directory",
			},
		},
		"a relay, which needs neither": {args: []string{"--relay-origin", "https://origin.example.org", "--ffmpeg", path("no-ffmpeg"), "--data", path("file/data")}},
		"a relay of itself":            {args: []string{"--relay-origin", "http://localhost:8080"}, want: []string{"flag --relay-origin: http://localhost:8080 is this relay itself"}},
		"the parent of data is a file": {args: []string{"--data", path("file/data"), "--ffmpeg", os.Args[0]}, want: []string{"data: "}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			status := Main(t.Context(), append([]string{"serve", "--check"}, tc.args...), nil, &out, &errs)
			if len(tc.want) == 0 {
				require.Equal(t, exit.Done, status, errs.String())
				require.Equal(t, "The configuration is good.\n", out.String())
				require.NoDirExists(t, path("new"))
				return
			}
			require.Equal(t, exit.WrongUsage, status)
			require.Equal(t, len(tc.want), strings.Count(errs.String(), "\n"), errs.String())
			for _, want := range tc.want {
				require.Contains(t, errs.String(), "sluice serve: "+want)
			}
		})
	}
}
