package main

import (
	"context"
	"io"
)

// serve runs the service until ctx ends.
func serve(ctx context.Context, _ Config, _ io.Writer) error {
	<-ctx.Done()
	return nil
}
