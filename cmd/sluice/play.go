package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// playOptions is the command line of sluice play.
type playOptions struct {
	URL      string        // the WHEP endpoint
	Token    string        // for Authorization: Bearer
	Output   string        // WebM or Matroska file; empty: none
	Duration time.Duration // 0: to the end of the stream
	Timeout  time.Duration // for getting connected, with retries
}

const playHelp = `Usage: sluice play [flags] URL

Plays a stream over WHEP without showing it, be its video VP8, VP9, AV1 or H.264: prints the codec,
pictures and kbit per second, packets lost, and how long the first key frame took; with -o it also
records what comes, as it is. URL is the WHEP endpoint. Ends with the stream, or with Ctrl-C.

      --duration d      stop after this long (default: at the end of the stream)
  -o, --output file     file to record to: .webm, or .mkv for H.264, which WebM does not take;
                        one that exists is overwritten
      --timeout d       how long to try to get connected, also while nobody publishes the stream
                        or the server is busy (default 15s)
      --token key       key of the stream, where one is needed

Examples:
  sluice play http://127.0.0.1:8080/whep/demo
  sluice play -o demo.webm --duration 1m http://127.0.0.1:8080/whep/demo
` + exit.Help

// runPlay is the command.
func runPlay(ctx context.Context, c call) error {
	o, err := parsePlay(c.args)
	if err != nil {
		return exit.Usage(err)
	}
	p := player{options: o, reporter: newReporter(c.stdout)}
	return p.Run(ctx)
}

// parsePlay reads and checks the command line.
func parsePlay(args []string) (playOptions, error) {
	o := playOptions{Timeout: 15 * time.Second}
	set := config.NewFlagSet("play")
	set.StringVar(&o.Token, "token", "", "")
	set.StringVarP(&o.Output, "output", "o", "", "")
	set.Var(durationFlag{&o.Duration}, "duration", "")
	set.Var(durationFlag{&o.Timeout}, "timeout", "")
	if err := config.ParseFlags(set, args, 1); err != nil {
		return o, err
	}
	o.URL = set.Arg(0)
	return o, o.Validate()
}

// Validate reports everything that is wrong, joined.
func (o playOptions) Validate() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	want(o.URL != "", "needs a URL, as in: sluice play http://127.0.0.1:8080/whep/demo")
	u, err := url.Parse(o.URL)
	web := err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
	want(o.URL == "" || web, "URL %q: must begin with http:// or https://", o.URL)
	ending := filepath.Ext(o.Output)
	want(o.Output == "" || ending == ".webm" || ending == ".mkv", "flag --output: %q must end in .webm, or in .mkv for H.264", o.Output)
	want(o.Duration >= 0, "flag --duration: must not be negative")
	want(o.Timeout > 0, "flag --timeout: must be more than 0")
	return errors.Join(faults...)
}
