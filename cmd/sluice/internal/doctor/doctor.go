// Package doctor checks whether this machine has what the service needs as it is configured, and says how to mend what is missing.
//
// It changes nothing, and what it opens it closes at once.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/command"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// Doctor is the command line of sluice doctor: that of serve.
type Doctor struct {
	config.Flags
}

// Help is the end of the help text.
func (*Doctor) Help() string {
	return `Checks what sluice serve needs with the same flags, environment and file: ffmpeg and its codecs, ports, the data directory, limits of
the system, the addresses that browsers are given. Each line is ✓ fine, ! worth a look, or ✗ in the way, and says how to mend it.

Examples:

    sluice doctor
    sluice doctor --config sluice.yaml
    sluice doctor --http-listen :8080 --auth-publish front-door-key
` + exit.Help
}

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

// Run makes all checks and prints a line for each.
func (d *Doctor) Run(ctx context.Context, out io.Writer, from config.Surroundings) error {
	loaded, err := d.Load(from)
	if err != nil {
		return err
	}
	unwell := false
	for _, f := range examine(ctx, loaded.Config) {
		printFinding(out, f)
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
		fmt.Fprint(out, wrap(f.mend, 4, command.HelpWidth))
	}
}

// examine makes all checks.
func examine(ctx context.Context, cfg config.Config) []finding {
	if cfg.IsRelay() {
		return append(checkWebPorts(ctx, cfg), checkOrigin(ctx, cfg), checkFiles(), checkTime())
	}
	findings := checkFFmpeg(ctx, cfg.FFmpeg, cfg.Encoder)
	findings = append(findings, checkPorts(ctx, cfg)...)
	findings = append(findings, checkExposure(cfg))
	findings = append(findings, checkEtcd(ctx, cfg.Cluster)...)
	findings = append(findings, checkCandidates(cfg)...)
	findings = append(findings, checkData(cfg)...)
	return append(findings, checkInotify("/proc/sys/fs/inotify"), checkSocketBuffer("/proc/sys/net/core"), checkFiles(), checkTime())
}

// wrap breaks text into indented lines of at most width characters.
func wrap(text string, indent, width int) string {
	margin := strings.Repeat(" ", indent)
	var b strings.Builder
	line := margin
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && len(line)+1+len(word) > width:
			b.WriteString(line + "\n")
			line = margin + word
		case i > 0:
			line += " " + word
		default:
			line += word
		}
	}
	return b.String() + line + "\n"
}
