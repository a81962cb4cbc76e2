package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/sluice-live/sluice/cmd/sluice/internal/systemd"
	"github.com/sluice-live/sluice/public/panics"
)

// supervision tells the service manager what the service does. A manager that cannot be told is logged, and changes nothing.
type supervision struct {
	manager *systemd.Manager
	log     *slog.Logger
	serving string // for who asks the manager
}

func (s supervision) tell(err error) {
	if err != nil {
		s.log.Warn("the service manager does not hear of us", "error", err)
	}
}

func (s supervision) ready()     { s.tell(s.manager.Ready(s.serving)) }
func (s supervision) reloading() { s.tell(s.manager.Reloading()) }

// reloaded tells that another configuration is in force, or refused.
func (s supervision) reloaded(taken bool) {
	status := s.serving
	if !taken {
		status += "; the changed configuration is wrong and not in force: see the log"
	}
	s.tell(s.manager.Ready(status))
}

// watch tells when ctx ends that the service stops, unless stop has been called by then, as where it goes on in another process; and until stop
// is called that it lives: that what all of its parts do can be asked, as Prometheus does, and that none of them holds a lock for good.
func (s supervision) watch(ctx context.Context, state http.Handler) (stop func()) {
	forget := context.AfterFunc(ctx, func() {
		_ = panics.Contain(s.log, "the end of the service", func() { s.tell(s.manager.Stopping()) })
	})
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	ask := &http.Request{Method: http.MethodGet, Header: http.Header{}}
	panics.Go(s.log, "the watchdog of the service manager", func() {
		s.manager.Watch(watching, func() { state.ServeHTTP(nowhere{}, ask) }, s.tell)
	})
	return func() {
		forget()
		end()
	}
}

// nowhere takes an answer that nobody reads.
type nowhere struct{}

func (nowhere) Header() http.Header              { return http.Header{} }
func (nowhere) Write(answer []byte) (int, error) { return len(answer), nil }
func (nowhere) WriteHeader(int)                  {}
