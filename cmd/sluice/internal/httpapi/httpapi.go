// Package httpapi is what is served over HTTP: the table of all routes, who may use them and how errors are told, the JSON API of
// streams, sessions and rooms with their events, and the pages. Media and signalling are the handlers of packager and ingest,
// the metrics and documents those of packages beneath; here they are joined. It opens no socket: package web does.
//
// It starts no goroutine but those of requests. RFC 9110, RFC 9457 (errors), RFC 6750 (keys), Fetch §3.3 (CORS), HTML §9.2 (events).
package httpapi

import (
	"net/http"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/hop"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/logs"
	"github.com/sluice-live/sluice/cmd/sluice/internal/relay"
	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
)

// handlers answers what the stages do not answer themselves.
type handlers struct {
	service *service.Service // nil where a relay is served
	relay   *relay.Relay     // nil where a service is
	relays  *hop.Key         // what relays of this one sign with; nil: none is believed
	cfg     config.Config
	version string
	state   api.Reader

	presences presences
	union     union
	shelves   shelves
	book      *logs.Book
}

// New returns the handler of everything that a service serves. version is told to pages, and the book of its log to who administers.
func New(s *service.Service, cfg config.Config, version string, book *logs.Book) http.Handler {
	h := &handlers{service: s, relays: relayKey(cfg), cfg: cfg, version: version, book: book, state: api.Reader{Service: s}}
	if c := s.Cluster(); c != nil {
		h.state.Node = c.ID()
	}
	return h.handler()
}

// relayKey is what relays of this service, or of this relay, sign with.
func relayKey(cfg config.Config) *hop.Key {
	if cfg.Relay.Secret == "" {
		return nil
	}
	return hop.New(string(cfg.Relay.Secret))
}
