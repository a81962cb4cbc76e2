package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/client"
	"github.com/sluice-live/sluice/cmd/sluice/internal/command"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/ctl"
	"github.com/sluice-live/sluice/cmd/sluice/internal/doctor"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/handover"
	"github.com/sluice-live/sluice/cmd/sluice/internal/reload"
	"github.com/sluice-live/sluice/cmd/sluice/internal/restart"
	"github.com/sluice-live/sluice/cmd/sluice/internal/systemd"
	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook/receiver"
)

// commands are the subcommands.
type commands struct {
	Serve   serveCommand   `cmd:"" default:"withargs" help:"run the service (the default)"`
	Publish client.Publish `cmd:"" help:"publish a media file or a test picture over WHIP"`
	Play    client.Play    `cmd:"" help:"play a stream over WHEP: count what comes, record it"`
	Ctl     ctl.Ctl        `cmd:"" help:"ask a running service what there is, and steer it"`
	Doctor  doctor.Doctor  `cmd:"" help:"check ffmpeg, ports, disk and network, and say how to mend them"`
	Webhook receiver.Test  `cmd:"" name:"webhook-test" help:"receive webhooks, check their signatures, and show them"`
	Version versionCommand `cmd:"" help:"print the versions of sluice, Go and ffmpeg"`
}

// Main runs the command that args (without the program's name) ask for and
// returns its exit status. It returns when the command is done or, cleanly,
// when ctx ends.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	all := &commands{Serve: serveCommand{Flags: config.NewFlags()}, Doctor: doctor.Doctor{Flags: config.NewFlags()}}
	chosen, err := command.Parse(all, args, stdout, config.ParseDuration)
	if errors.Is(err, command.ErrHelp) {
		return exit.Done
	}
	if chosen == nil {
		return finish(stderr, "sluice", err)
	}
	name, _, _ := strings.Cut(chosen.Command(), " ")
	if err == nil || name == "serve" || name == "doctor" { // those two tell it together with the faults of the configuration
		chosen.BindTo(ctx, (*context.Context)(nil))
		chosen.BindTo(stdout, (*io.Writer)(nil))
		err = chosen.Run(config.Surroundings{Environ: environ, Faults: err})
	}
	return finish(stderr, "sluice "+name, err)
}

// finish prints what went wrong, one fault a line, and returns the exit status.
func finish(stderr io.Writer, prefix string, err error) int {
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(stderr, "%s: %s\n", prefix, line)
		}
	}
	return exit.Status(err)
}

// serveCommand is the command line of sluice serve.
type serveCommand struct {
	config.Flags
	Check       bool `help:"check the configuration and the files that it names, tell all that is wrong, and exit: nothing is started"`
	PrintConfig bool `help:"print what is in force, where each value comes from, and exit; keys are masked"`
}

// Help is the end of the help text.
func (*serveCommand) Help() string { return config.Help }

// Run reads the configuration and runs the service, or prints what is in force.
func (c *serveCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings) error {
	manager, err := systemd.New(from.Environ)
	descriptors, predecessor, inherited := handover.Inherit(from.Environ, manager.Listeners())
	from.Sockets, from.Faults = descriptors.Addresses(), errors.Join(from.Faults, err, inherited)
	loaded, err := c.Load(from)
	if c.Check {
		if err = exit.Usage(errors.Join(err, checkFiles(loaded.Config))); err == nil {
			_, err = io.WriteString(out, "The configuration is good.\n")
		}
		return err
	}
	if err != nil {
		return err
	}
	if c.PrintConfig {
		_, err := io.WriteString(out, loaded.YAML())
		return err
	}
	x := &restart.Succession{Descriptors: descriptors, Predecessor: predecessor, Manager: manager, Asked: make(chan os.Signal, 1)}
	return serve(ctx, loaded, reload.Options{Load: func() (*config.Loaded, error) { return c.Load(from) }, File: c.File}, x, out)
}
