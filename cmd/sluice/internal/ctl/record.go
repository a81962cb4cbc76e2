package ctl

import (
	"context"
	"fmt"
	"io"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// recordCommand is sluice ctl record.
type recordCommand struct {
	streamArgument
	Stop bool `help:"stop recording it"`
}

// Run starts or stops the recording of a stream.
func (r recordCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	if err := r.check(); err != nil {
		return err
	}
	path := r.path() + "/recording"
	if r.Stop {
		return c.steer(ctx, from, out, "DELETE", path, nil, "The stream "+r.Stream+" is no longer recorded.")
	}
	service, err := c.connect(from)
	if err != nil {
		return err
	}
	var recording api.Recording
	if err := service.do(ctx, "PUT", path, nil, &recording); err != nil {
		return err
	}
	return c.print(out, recording, func() error {
		_, err := fmt.Fprintf(out, "The stream %s is recorded: %s%s\n", r.Stream, service.origin(), recording.Path)
		return err
	})
}
