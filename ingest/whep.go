package ingest

import (
	"net/http"

	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/transformed"

	"github.com/sluice-live/sluice/public/name"
)

// WHEP serves /whep/{stream} and /whep/{stream}/{session} (draft-ietf-wish-whep). It always answers with 201, never with an
// offer of its own: most players take that for an error.
func (s *Server) WHEP() http.Handler {
	handler := s.streamHandler(session.KindViewer, func(stream string) endpoint {
		return func(w http.ResponseWriter, r *http.Request) *refusal.Refusal { return s.postWHEP(w, r, stream) }
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && r.PathValue("session") == "" && name.Valid(r.PathValue("stream")) {
			w.Header().Set("Content-Type", typeSDP) // by this clients find out what the address is for (§4.1)
			w.Header().Set("Accept-Post", typeSDP)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// postWHEP sets up a viewer.
func (s *Server) postWHEP(w http.ResponseWriter, r *http.Request, stream string) *refusal.Refusal {
	if origin := s.originOf(r, stream); origin != nil {
		return s.postPulled(w, r, stream, origin)
	}
	p, live := s.sessions.Publisher(stream)
	transformed := wantsTransformed(r)
	use := offer.Watching(nil)
	if live {
		use = offer.Watching(sentFormat(p, transformed))
	}
	o, problem := s.readOffer(w, r, use)
	if problem != nil {
		return problem
	}
	offer.ReceiveOnly(o.Description)
	if !live {
		return s.notLive(stream)
	}
	at := session.NewReservation(r, session.KindViewer, stream)
	if !transformed {
		return s.open(w, r, o, at, s.watching(stream, at, s.viewers.Add, func() {}))
	}
	leave, problem := s.transformed.Enter(stream)
	if problem != nil {
		return problem
	}
	problem = s.open(w, r, o, at, s.watching(stream, at, s.viewers.AddTransformed, leave))
	if problem != nil {
		leave()
	}
	return problem
}

// wantsTransformed reports whether a viewer asks for what the transforms of the stream make.
func wantsTransformed(r *http.Request) bool {
	values := r.URL.Query()
	no := values.Get("transformed")
	return values.Has("transformed") && no != "0" && no != "false"
}

// sentFormat is what viewers get pictures in; nil when there are none.
func sentFormat(p *session.Publisher, asTransformed bool) *media.Format {
	f := formatOf(p, media.KindVideo)
	if f != nil && asTransformed {
		return transformed.Format()
	}
	return f
}

// notLive refuses viewers of a stream that nobody publishes: not because the server itself is what ends.
func (s *Server) notLive(stream string) *refusal.Refusal {
	select {
	case <-s.sessions.Stopped():
		return refusal.New(http.StatusServiceUnavailable, "The server is stopping: try again in a few seconds.").After(5)
	default:
	}
	return refusal.New(http.StatusConflict, "Nobody is publishing %q: try again when somebody is.", stream).After(2)
}

// formatOf is in what a medium comes; nil when there is none.
func formatOf(p *session.Publisher, kind media.Kind) *media.Format {
	t := p.Track(kind)
	if t == nil {
		return nil
	}
	f := t.Format()
	return &f
}

// watching has a session be a viewer of the stream, which add makes it. leave is called at its end, unless it comes to none: then the caller does.
func (s *Server) watching(
	stream string, at *session.Reservation, add func(*session.Session, string) (*egress.Viewer, func(), error), leave func(),
) func(*session.Session) error {
	return func(sess *session.Session) error {
		o := sess.Offer()
		if o != nil && o.Data {
			s.channels.Watch(sess, stream)
		}
		v, run, err := add(sess, stream)
		if err != nil {
			return err
		}
		if o != nil && o.Video != nil {
			sess.SetUse(&viewing{session: sess, viewer: v, section: o.VideoIndex(), made: map[string]*eventStream{}})
		}
		ends := at.EndsWith(sess)
		runs := sess.Go(func() {
			defer leave()
			defer ends()
			run()
			s.opts.Logger.Info("viewer has gone", "stream", stream, "session", sess.ID(), "reason", sess.Err())
		})
		if !runs {
			ends()
			return sess.Err()
		}
		s.opts.Logger.Info("viewer has come", "stream", stream, "session", sess.ID(), "address", at.Address())
		return nil
	}
}
