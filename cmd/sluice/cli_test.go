package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/golden"
)

func TestHelpTexts(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	for _, name := range []string{"sluice", "serve", "publish", "play", "ctl", "doctor", "webhook-test", "version"} {
		t.Run(name, func(t *testing.T) {
			args := [][]string{{"help", name}, {name, "--help"}, {name, "-h"}}
			if name == "sluice" {
				args = [][]string{{"help"}, {"--help"}, {"-h"}}
			}
			for _, a := range args {
				var out, errs strings.Builder
				require.Equal(t, exit.Done, Main(t.Context(), a, nil, &out, &errs))
				require.Empty(t, errs.String())
				golden.Require(t, "testdata/help-"+name+".golden", out.String())
			}
		})
	}
}

func TestMainWrongUsage(t *testing.T) {
	for name, tc := range map[string]struct {
		args, environ []string
		want          []string
	}{
		"unknown command":    {args: []string{"sreve"}, want: []string{`sluice: there is no command "sreve", see sluice help`}},
		"help of unknown":    {args: []string{"help", "me"}, want: []string{`sluice: there is no command "me", see sluice help`}},
		"serve, all faults":  {args: []string{"--part=x", "--nope"}, want: []string{"flag --nope", "flag --part"}},
		"serve, environment": {environ: []string{"SLUICE_PART=x", "SLUICE_NOPE=1"}, want: []string{"SLUICE_PART", "SLUICE_NOPE"}},
		"serve, argument":    {args: []string{"serve", "now"}, want: []string{`argument "now"`}},
		"serve, no value":    {args: []string{"serve", "--data"}, want: []string{"--data: needs a value, see sluice serve --help"}},
		"doctor":             {args: []string{"doctor", "--part=x"}, want: []string{"sluice doctor: flag --part"}},
		"ctl nothing":        {args: []string{"ctl"}, want: []string{`sluice: expected one of "server"`}},
		"ctl unknown":        {args: []string{"ctl", "sterams"}, want: []string{`unexpected argument sterams, did you mean "streams"?`}},
		"ctl faults":         {args: []string{"ctl", "--nope", "streams", "--no"}, want: []string{"flag --nope", "flag --no"}},
		"ctl, bad URL":       {args: []string{"ctl", "streams"}, environ: []string{"SLUICE_URL=tv.example.org"}, want: []string{`sluice ctl: URL "tv.example.org": must be one such as http`}},
		"ctl, no stream":     {args: []string{"ctl", "kick", "a.b"}, want: []string{`"a.b" is no name of a stream`}},
		"version":            {args: []string{"version", "--long", "--x"}, want: []string{"flag --long", "flag --x"}},
		"play nothing":       {args: []string{"play"}, want: []string{`expected "<url>", see sluice play --help`}},
		"play faults":        {args: []string{"play", "ftp://x", "--duration=-1s", "--timeout=0"}, want: []string{"ftp://x", "--duration", "--timeout"}},
		"publish nothing":    {args: []string{"publish"}, want: []string{`expected "<source> <url>", see sluice publish --help`}},
		"publish faults": {
			args: []string{"publish", "test", "ftp://x", "--codec=vp8,h265", "--size=3x3", "--fps=0", "--bitrate=1", "--no-audio", "--no-video", "--loop", "--timeout=0"},
			want: []string{"ftp://x", "--codec: \"h265\" cannot be sent, these can: vp8, h264, vp9, av1", "--size", "--fps", "--bitrate", "--timeout", "nothing to send", "--loop"}},
		"publish, codec twice":  {args: []string{"publish", "--codec=vp8,VP8", "test", "http://x"}, want: []string{"flag --codec: VP8 is there twice"}},
		"play, odd ending":      {args: []string{"play", "-o", "x.mp4", "http://x"}, want: []string{`"x.mp4" must end in .webm, or in .mkv for H.264`}},
		"publish, bad duration": {args: []string{"publish", "--duration=x", "test", "http://x"}, want: []string{"--duration"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			require.Equal(t, exit.WrongUsage, Main(t.Context(), tc.args, tc.environ, &out, &errs))
			require.Empty(t, out.String())
			require.Equal(t, len(tc.want), strings.Count(errs.String(), "\n"), errs.String())
			for _, want := range tc.want {
				require.Contains(t, errs.String(), want)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	var out, errs strings.Builder
	require.Equal(t, exit.Done, Main(t.Context(), []string{"version"}, nil, &out, &errs))
	require.Regexp(t, `^sluice .+\ngo1\S* \w+/\w+\nffmpeg version \S+\n$`, out.String())
}
