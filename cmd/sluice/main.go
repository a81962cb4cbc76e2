// Command sluice turns a browser's webcam into HLS and DASH.
//
// It holds only the commands. What they do is in the packages below internal: config reads the configuration, service joins the
// stages (ingest receives, depay makes frames, transcode encodes, packager serves; they know nothing of each other), broadcast
// carries one stream, httpapi serves it all, client publishes and plays, doctor looks at the machine. It starts the goroutine
// that waits for a signal, and those of the command that runs, which ends with its context.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // before anybody hears of the first: a second one ends the program at once, as if nobody listened
		cancel()
	}()
	os.Exit(Main(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
