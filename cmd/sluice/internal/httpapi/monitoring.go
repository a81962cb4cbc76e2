package httpapi

import (
	"net/http"
	"net/http/pprof"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/metrics"
	"github.com/sluice-live/sluice/cmd/sluice/internal/relay"
	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
)

// NewMetrics returns the handler of the address for monitors (http.metrics): /metrics, and what Go tells of the process at /debug/pprof/.
// Whoever reaches the address needs no key; a page of another site in a browser on this machine does not count as that.
func NewMetrics(s *service.Service, cfg config.Config) http.Handler {
	return newMonitors(metrics.Handler(s), cfg)
}

// NewRelayMetrics is that of a relay.
func NewRelayMetrics(r *relay.Relay, cfg config.Config) http.Handler {
	return newMonitors(metrics.RelayHandler(r), cfg)
}

func newMonitors(counted http.Handler, cfg config.Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", counted)
	for path, handler := range map[string]http.HandlerFunc{
		"": pprof.Index, "cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
	} {
		mux.Handle("GET /debug/pprof/"+path, handler)
	}
	own := ofOwnPages(withProblems(mux))
	if config.IsLoopback(cfg.HTTP.Metrics) {
		names := newHosts(cfg)
		names.byKey = false // here no key is asked for
		own = names.only(own)
	}
	return secured(cfg, own)
}
