package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/doctor"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// versionCommand is the command line of sluice version.
type versionCommand struct{}

// Help is the end of the help text.
func (versionCommand) Help() string {
	return `ffmpeg is the one in PATH, if there is one.

Examples:

    sluice version
` + exit.Help
}

// Run prints the versions.
func (versionCommand) Run(ctx context.Context, out io.Writer) error {
	fmt.Fprintf(out, "sluice %s\n", buildVersion())
	fmt.Fprintf(out, "%s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	ffmpeg, err := doctor.FFmpegVersion(ctx, config.Default().FFmpeg)
	_, err = io.WriteString(out, cmp.Or(ffmpeg, fmt.Sprintf("ffmpeg: %v", err))+"\n")
	return err
}

// buildVersion says what this program was built from.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown origin"
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	words := []string{info.Main.Version}
	if revision := settings["vcs.revision"]; revision != "" {
		words = append(words, "revision "+revision[:min(12, len(revision))], settings["vcs.time"])
	}
	if settings["vcs.modified"] == "true" {
		words = append(words, "with changes")
	}
	return strings.Join(words, " ")
}
