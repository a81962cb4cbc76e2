// Command sluice turns a browser's webcam into HLS and DASH.
//
// It is the place where the stages meet: ingest receives, depay makes frames,
// transcode encodes, packager serves; they know nothing of each other. Here
// are also the configuration, the routes, the status API, the metrics and the
// commands around the service (publish, doctor, version).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once, as if nobody listened
	os.Exit(Main(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
