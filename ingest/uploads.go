package ingest

import (
	"mime"
	"net/http"

	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/upload"
	"github.com/sluice-live/sluice/public/name"
)

const (
	uploadEndpoint = "POST, OPTIONS"
	uploadMethods  = "DELETE, GET, HEAD, OPTIONS" // of a session
)

// Uploads are all that are under way.
func (s *Server) Uploads() *upload.Uploads { return s.uploads }

// Upload serves /upload/{stream}, /upload/{stream}/ws and /upload/{stream}/{session}: WebM becomes a stream.
func (s *Server) Upload() http.Handler {
	sessions := s.streamHandler(session.KindUpload, func(stream string) endpoint {
		return func(w http.ResponseWriter, r *http.Request) *refusal.Refusal {
			if isOffer(r) {
				return s.postUploadOffer(w, r, stream)
			}
			return s.uploads.Post(w, r, stream)
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream, rest := r.PathValue("stream"), r.PathValue("session") // of which ws is none
		switch {
		case !name.Valid(stream):
			sessions.ServeHTTP(w, r)
		case rest == "ws" && r.Method == http.MethodGet:
			if p := s.limited(r, func(w http.ResponseWriter, r *http.Request) *refusal.Refusal {
				return s.uploads.ServeSocket(w, r, stream)
			}, w); p != nil {
				p.Write(w)
			}
		case rest == "" && r.Method == http.MethodOptions:
			w.Header().Set("Accept-Post", upload.Types+", "+typeSDP)
			w.Header().Set("Allow", uploadEndpoint)
			w.WriteHeader(http.StatusOK)
		case rest == "" && r.Method != http.MethodPost:
			methodNotAllowed(uploadEndpoint).Write(w)
		default:
			sessions.ServeHTTP(w, r)
		}
	})
}

// isOffer reports whether a request brings an offer.
func isOffer(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == typeSDP
}

// postUploadOffer sets up a connection over whose data channel a recording comes.
func (s *Server) postUploadOffer(w http.ResponseWriter, r *http.Request, stream string) *refusal.Refusal {
	o, problem := s.readOffer(w, r, offer.Carrying())
	if problem != nil {
		return problem
	}
	return s.open(w, r, o, session.NewReservation(r, session.KindUpload, stream), func(sess *session.Session) error {
		return s.uploads.Accept(sess, &s.messages)
	})
}
