// Command sluice turns a browser's webcam into HLS and DASH.
//
// It holds only the commands. What they do is in the packages below internal: config reads the configuration, service joins the
// stages (ingest receives, depay makes frames, transcode encodes, packager serves; they know nothing of each other), broadcast
// carries one stream, httpapi serves it all, client publishes and plays, doctor looks at the machine. It starts no goroutine but
// those of the command that runs, which ends with its context.
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
