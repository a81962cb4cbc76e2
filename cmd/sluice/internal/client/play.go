package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// Play is the command line of sluice play.
type Play struct {
	URL      string        `arg:"" name:"url" help:"WHEP endpoint"`
	Duration time.Duration `placeholder:"DURATION" help:"stop after this long (default: at the end of the stream)"`
	Output   string        `short:"o" placeholder:"FILE" help:"file to record to: .webm, or .mkv for H.264, which WebM does not take; one that exists is overwritten"`
	Timeout  time.Duration `default:"15s" placeholder:"DURATION" help:"how long to try to get connected, also while nobody publishes the stream or the server is busy (default 15s)"`
	Token    string        `placeholder:"KEY" help:"key of the stream, where one is needed"`
}

// Help is the end of the help text.
func (*Play) Help() string {
	return `Plays a stream over WHEP without showing it, be its video VP8, VP9, AV1 or H.264: prints the codec, pictures and kbit per second,
packets lost, and how long the first key frame took; with -o it also records what comes, as it is. Ends with the stream, or with Ctrl-C.

Examples:

    sluice play http://127.0.0.1:8080/whep/demo
    sluice play -o demo.webm --duration 1m http://127.0.0.1:8080/whep/demo
` + exit.Help
}

// Run plays until the stream, the duration or ctx ends.
func (o *Play) Run(ctx context.Context, out io.Writer) error {
	if err := o.check(); err != nil {
		return exit.Usage(err)
	}
	p := player{options: *o, reporter: newReporter(out)}
	return p.Run(ctx)
}

// check reports everything that is wrong, joined.
func (o *Play) check() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	want(isWeb(o.URL), "URL %q: must begin with http:// or https://", o.URL)
	ending := filepath.Ext(o.Output)
	want(o.Output == "" || ending == ".webm" || ending == ".mkv", "flag --output: %q must end in .webm, or in .mkv for H.264", o.Output)
	want(o.Duration >= 0, "flag --duration: must not be negative")
	want(o.Timeout > 0, "flag --timeout: must be more than 0")
	return errors.Join(faults...)
}
