package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

const versionHelp = `Usage: sluice version

Prints the versions of sluice, of Go and of the ffmpeg in PATH, if there is one.

Examples:
  sluice version
` + exit.Help

// runVersion prints the versions.
func runVersion(ctx context.Context, c call) error {
	if err := config.ParseFlags(config.NewFlagSet("version"), c.args, 0); err != nil {
		return exit.Usage(err)
	}
	fmt.Fprintf(c.stdout, "sluice %s\n", buildVersion())
	fmt.Fprintf(c.stdout, "%s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	ffmpeg, err := ffmpegVersion(ctx, config.Default().FFmpeg)
	_, err = io.WriteString(c.stdout, cmp.Or(ffmpeg, fmt.Sprintf("ffmpeg: %v", err))+"\n")
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

// ffmpegVersion returns the first line of what ffmpeg says of itself:
// "ffmpeg version 5.1.9-0+deb12u1 Copyright …", without the copyright.
func ffmpegVersion(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "-version").Output()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(out), "\n")
	version, _, _ := strings.Cut(line, " Copyright")
	return version, nil
}
