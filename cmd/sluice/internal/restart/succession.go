// Package restart carries a service from one process to the next: it runs the service between what handover does with the process before and what it
// does with the one that follows.
//
// Goroutines: Run starts one for the web servers and one that waits to be asked for a restart, and waits for both; one tells the process before
// that this one serves, and ends when that has gone.
package restart

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/handover"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/web"
	"github.com/sluice-live/sluice/cmd/sluice/internal/systemd"
	"github.com/sluice-live/sluice/public/panics"
)

// heldWithin is how long requests that were held may take once the next process serves: none is held for longer.
const heldWithin = 10 * time.Second

// errTakenBack says that the next process has failed after this one had let go of its streams.
var errTakenBack = errors.New("the next process does not serve")

// Succession is the service from one process to the next.
type Succession struct {
	// Manager is that which the service was started by.
	Manager *systemd.Manager
	// Descriptors are those of the service.
	Descriptors *handover.Descriptors
	// Predecessor is the process before this one; nil: there is none, or it has left.
	Predecessor *handover.Predecessor
	// Asked receives a signal for each restart that is asked for.
	Asked chan os.Signal
	// Logger is the service's.
	Logger *slog.Logger

	next   atomic.Pointer[handover.Successor] // that is about to take over; nil: none
	latest atomic.Pointer[config.Config]      // what is in force of what can be reloaded; nil: as started
}

// Take waits until the process before this one, if there is one, has let go of everything. What can be known to fail later fails before that: check
// looks at what the configuration names.
func (x *Succession) Take(ctx context.Context, cfg config.Config, check func(config.Config) error) error {
	if x.Predecessor == nil {
		return nil
	}
	media := cfg.Ingest()
	bound := x.Descriptors.Bind(map[string]string{
		"http.listen": cfg.HTTP.Listen, "https.listen": cfg.HTTPS.Listen, "http.metrics": cfg.HTTP.Metrics,
		"TCPListen": media.TCPListen, "RTMPListen": media.RTMPListen, "RTMPSListen": media.RTMPSListen,
	})
	if err := exit.Usage(errors.Join(check(cfg), bound)); err != nil {
		return err
	}
	x.Logger.Info("ready to take over", "process", os.Getpid())
	return x.Predecessor.Take(ctx)
}

// Throughout runs the service, and once more where the next process has failed.
func (x *Succession) Throughout(cfg config.Config, run func(config.Config) error) error {
	defer x.Descriptors.Close()
	for {
		err := run(cfg)
		if !errors.Is(err, errTakenBack) {
			return err
		}
		x.Logger.Error("this process goes on with the streams", "because", err)
		x.next.Store(nil)
		if newer := x.latest.Load(); newer != nil {
			cfg.Auth, cfg.Unlisted, cfg.TLS = newer.Auth, newer.Unlisted, newer.TLS
		}
	}
}

// Reloaded notes what is in force of another configuration, for when this process has to begin anew.
func (x *Succession) Reloaded(newer config.Config) { x.latest.Store(&newer) }

// PassOn has the next process answer what this one holds when it lets go of the streams. address is where both listen.
func (x *Succession) PassOn(handler http.Handler, address func() string) http.Handler {
	return handover.PassOn(handler, func(ctx context.Context) *url.URL {
		if next := x.next.Load(); next != nil && next.Serves(ctx) {
			return &url.URL{Scheme: "http", Host: address()}
		}
		return nil
	})
}

// Run runs the service, or the relay, behind its web servers, which serve once streams may begin, when ready is called. When ctx ends the
// streams end first, while viewers can still fetch their last segments; then the web servers close. If a web server fails, the service ends. It
// ends for the next process, too, once that could take over.
func (x *Succession) Run(ctx context.Context, started <-chan struct{}, serve func(context.Context) error, servers *web.Servers, ready func()) error {
	x.Descriptors.Close() // what was handed over, and is not listened on any more
	life, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	ended, watched := make(chan error, 1), make(chan struct{})
	go func() {
		select {
		case <-started:
			x.tellServing(life, ready)
		case <-serving.Done():
		}
		var err error
		fault := panics.Contain(nil, "the web server", func() { err = servers.Run(serving) })
		stop(nil)
		ended <- errors.Join(fault, err)
	}()
	go func() {
		defer close(watched)
		_ = panics.Contain(x.Logger, "the waiting for a restart", func() {
			x.await(life, func() {
				servers.StopAccepting(heldWithin)
				stop(broadcast.ErrHandedOver)
			})
		})
	}()
	err := serve(life)
	stop(nil)
	<-watched
	next := x.next.Load()
	if next != nil && ctx.Err() == nil {
		next.Yield()
	}
	stopServing()
	if next != nil {
		err = errors.Join(err, x.leave(ctx, next))
	}
	return errors.Join(err, <-ended)
}

// tellServing tells the process before that this one serves, and then calls ready. It waits for nothing.
func (x *Succession) tellServing(ctx context.Context, ready func()) {
	before := x.Predecessor
	if x.Predecessor = nil; before == nil {
		ready()
		return
	}
	panics.Go(x.Logger, "the word to the process before", func() {
		before.Serves(ctx)
		ready()
	})
}

// await starts the next process each time that it is asked to, until one could take over, when begin is called, or ctx ends.
func (x *Succession) await(ctx context.Context, begin func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.Asked:
		}
		next, err := x.prepare(ctx)
		if err != nil {
			x.Logger.Error("not restarted: the next process does not start, this one goes on", "because", err)
			continue
		}
		x.next.Store(next)
		begin()
		return
	}
}

// prepare starts the next process, and waits until it could take over.
func (x *Succession) prepare(ctx context.Context) (*handover.Successor, error) {
	if os.Getpid() == 1 {
		return nil, errors.New("this is process 1, with which its container ends: start another container")
	}
	program, err := handover.Self()
	if err != nil {
		return nil, err
	}
	x.Logger.Info("starting the next process", "program", program.Path)
	next, err := x.Descriptors.Start(program, x.Logger)
	if err != nil {
		return nil, err
	}
	return next, next.AwaitReady(ctx)
}

// leave waits until the next process serves. errTakenBack: it does not.
func (x *Succession) leave(ctx context.Context, next *handover.Successor) error {
	if ctx.Err() != nil {
		next.Discard()
		return nil
	}
	err := next.AwaitServing(ctx)
	switch {
	case ctx.Err() != nil:
		return nil // both have been told to end
	case err != nil:
		return errors.Join(errTakenBack, err)
	}
	x.Logger.Info("the next process serves", "process", next.PID())
	if err := x.Manager.MainPID(next.PID()); err != nil {
		x.Logger.Warn("the service manager does not hear of the next process", "error", err)
	}
	next.Leave()
	return nil
}
