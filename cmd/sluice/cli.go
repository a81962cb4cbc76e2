package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// command is one subcommand.
type command struct {
	name    string
	summary string
	help    string // printed for --help
	run     func(ctx context.Context, c call) error
}

// call is what a command is run with.
type call struct {
	args, environ  []string
	stdout, stderr io.Writer
}

// commands lists the subcommands; the first is the default.
func commands() []command {
	return []command{
		{"serve", "run the service (the default)", config.ServeHelp(), runServe},
		{"publish", "publish a media file or a test picture over WHIP", publishHelp(), runPublish},
		{"play", "play a stream over WHEP: count what comes, record it", playHelp, runPlay},
		{"doctor", "check ffmpeg, ports, disk and network, and say how to mend them", doctorHelp, runDoctor},
		{"version", "print the versions of sluice and ffmpeg", versionHelp, runVersion},
	}
}

// Main runs the command that args (without the program's name) ask for and
// returns its exit status. It returns when the command is done or, cleanly,
// when ctx ends.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	all := commands()
	cmd := all[0]
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
		switch {
		case args[0] == "help":
			return help(args[1:], stdout, stderr)
		case i < 0:
			return finish(stderr, "sluice", exit.Usage(fmt.Errorf("there is no command %q, see sluice help", args[0])))
		}
		cmd, args = all[i], args[1:]
	} else if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		return help(nil, stdout, stderr)
	}
	err := cmd.run(ctx, call{args, environ, stdout, stderr})
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(stdout, cmd.help)
		return exit.Done
	}
	return finish(stderr, "sluice "+cmd.name, err)
}

// help prints the list of commands, or one command's help.
func help(args []string, stdout, stderr io.Writer) int {
	for _, c := range commands() {
		if len(args) > 0 && c.name == args[0] {
			fmt.Fprint(stdout, c.help)
			return exit.Done
		}
	}
	if len(args) > 0 {
		return finish(stderr, "sluice help", exit.Usage(fmt.Errorf("there is no command %q, see sluice help", args[0])))
	}
	fmt.Fprint(stdout, overview())
	return exit.Done
}

// overview is the text of sluice help.
func overview() string {
	var b strings.Builder
	b.WriteString("sluice turns a browser's webcam into HLS and DASH.\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-10s %s\n", c.name, c.summary)
	}
	b.WriteString("  help       print this, or the help of a command\n" + `
Examples:
  sluice                                       serve on http://127.0.0.1:8080
  sluice publish test http://127.0.0.1:8080/whip/demo
  sluice doctor
  sluice help serve
` + exit.Help)
	return b.String()
}

// finish prints what went wrong, one fault a line, and returns the status.
func finish(stderr io.Writer, prefix string, err error) int {
	if err == nil {
		return exit.Done
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(stderr, "%s: %s\n", prefix, line)
	}
	return exit.Status(err)
}

// runServe reads the configuration and runs the service, or prints what is
// in force.
func runServe(ctx context.Context, c call) error {
	cfg, print, err := config.LoadServe(c.args, c.environ)
	if err != nil {
		return err
	}
	if print != "" {
		_, err := io.WriteString(c.stdout, print)
		return err
	}
	return serve(ctx, cfg, c.stdout)
}
