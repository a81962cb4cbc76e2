package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

const doctorHelp = `Usage: sluice doctor [flags of serve]

Checks what sluice serve needs with the same flags, environment and file: ffmpeg and its codecs,
ports, the data directory, limits of the system, the addresses that browsers are given. Each line
is ✓ fine, ! worth a look, or ✗ in the way, and says how to mend it.

Examples:
  sluice doctor
  sluice doctor --config sluice.yaml
  sluice doctor --http-listen :8080 --auth-publish front-door-key
` + exit.Help

// Marks of findings.
const (
	markFine = "✓"
	markLook = "!"
	markBad  = "✗"
)

// finding is one line of the doctor.
type finding struct {
	mark    string
	subject string
	state   string // what was found
	mend    string // what to do, when it is not fine
}

func fine(subject, format string, args ...any) finding {
	return finding{markFine, subject, fmt.Sprintf(format, args...), ""}
}

func look(subject, state, mend string) finding { return finding{markLook, subject, state, mend} }

func bad(subject, state, mend string) finding { return finding{markBad, subject, state, mend} }

// errUnwell is the doctor's result when something is in the way.
var errUnwell = errors.New("sluice serve will not work as configured: see the lines with " + markBad)

// runDoctor is the command.
func runDoctor(ctx context.Context, c call) error {
	cfg, err := config.Load(c.args, c.environ)
	if err != nil {
		return err
	}
	unwell := false
	for _, f := range examine(ctx, cfg) {
		printFinding(c.stdout, f)
		unwell = unwell || f.mark == markBad
	}
	if unwell {
		return errUnwell
	}
	return nil
}

func printFinding(out io.Writer, f finding) {
	fmt.Fprintf(out, "%s %s: %s\n", f.mark, f.subject, f.state)
	if f.mend != "" {
		fmt.Fprint(out, config.Wrap(f.mend, 4, config.HelpWidth))
	}
}

// examine makes all checks.
func examine(ctx context.Context, cfg config.Config) []finding {
	findings := checkFFmpeg(ctx, cfg.FFmpeg)
	findings = append(findings, checkPorts(ctx, cfg)...)
	findings = append(findings, checkExposure(cfg))
	findings = append(findings, checkCandidates(cfg)...)
	findings = append(findings, checkData(cfg)...)
	return append(findings, checkInotify("/proc/sys/fs/inotify"), checkSocketBuffer("/proc/sys/net/core"), checkFiles(), checkTime())
}
