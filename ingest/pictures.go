package ingest

import (
	"net/http"
	"time"

	"github.com/sluice-live/sluice/ingest/frames"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/name"
)

// Pictures are all streams of still pictures.
func (s *Server) Pictures() *frames.Frames { return s.pictures }

// Frames serves /frames/{stream}, /frames/{stream}/ws and /frames/{stream}/{session}: pictures that come one by one become a stream.
func (s *Server) Frames() http.Handler {
	sessions := s.streamHandler(session.KindFrames, func(string) endpoint { return nil }) // which is not asked for posts
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream, rest := r.PathValue("stream"), r.PathValue("session") // of which ws is none
		switch {
		case !name.Valid(stream), rest != "" && (rest != "ws" || r.Method != http.MethodGet):
			sessions.ServeHTTP(w, r)
		case rest == "ws":
			s.answerPictures(w, r, func(w http.ResponseWriter, r *http.Request) *refusal.Refusal {
				return s.pictures.ServeSocket(w, r, stream)
			})
		case r.Method == http.MethodOptions:
			w.Header().Set("Accept-Post", frames.Types+", "+typeSDP)
			w.Header().Set("Allow", uploadEndpoint)
			w.WriteHeader(http.StatusOK)
		case r.Method != http.MethodPost:
			methodNotAllowed(uploadEndpoint).Write(w)
		case isOffer(r):
			s.limitBody(w)
			if p := s.limited(r, func(w http.ResponseWriter, r *http.Request) *refusal.Refusal {
				return s.postPicturesOffer(w, r, stream)
			}, w); p != nil {
				p.Write(w)
			}
		default:
			s.limitBody(w)
			s.answerPictures(w, r, func(w http.ResponseWriter, r *http.Request) *refusal.Refusal { return s.pictures.Post(w, r, stream) })
		}
	})
}

// answerPictures runs the handler unless the client asks too often, which for pictures is oftener than for other requests.
func (s *Server) answerPictures(w http.ResponseWriter, r *http.Request, handler endpoint) {
	if !s.pictureRates.allow(session.ClientOf(r), time.Now()) {
		refusal.New(http.StatusTooManyRequests, "Your address sends more than %d pictures a second: send fewer.", frames.Rate).After(1).Write(w)
		return
	}
	if p := handler(w, r); p != nil {
		p.Write(w)
	}
}

// postPicturesOffer sets up a connection over whose data channel pictures come.
func (s *Server) postPicturesOffer(w http.ResponseWriter, r *http.Request, stream string) *refusal.Refusal {
	begin, problem := s.pictures.Prepare(r, stream, &s.messages)
	if problem != nil {
		return problem
	}
	o, problem := s.readOffer(w, r, offer.Carrying())
	if problem != nil {
		return problem
	}
	return s.open(w, r, o, session.NewReservation(r, session.KindFrames, stream), begin)
}
