package ingest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/prefix"
)

// postWHIP sets up a publisher (RFC 9725 §4.2).
func (s *Server) postWHIP(w http.ResponseWriter, r *http.Request, stream string) *refusal.Refusal {
	o, problem := s.readOffer(w, r, offer.Publishing(s.opts.VideoCodecs))
	if problem != nil {
		return problem
	}
	return s.open(w, r, o, session.NewReservation(r, session.KindPublisher, stream), func(sess *session.Session) error {
		return s.publishing(session.NewPublisher(sess), sess, func() {})
	})
}

// publishing has a session be the publisher that it is. begin is called when it has its tracks.
func (s *Server) publishing(p *session.Publisher, sess *session.Session, begin func()) error {
	sess.Receive(s.packets)
	if o := sess.Offer(); o != nil && o.Data {
		s.channels.Publish(sess, p.Stream())
	}
	begin()
	if err := s.opts.OnPublish(p); err != nil {
		return session.Unready(err)
	}
	s.sessions.Announce(p)
	return nil
}

func (s *Server) readOffer(w http.ResponseWriter, r *http.Request, use offer.Purpose) (*offer.Offer, *refusal.Refusal) {
	body, problem := s.readBody(w, r, typeSDP, s.opts.MaxSDP)
	if problem != nil {
		return nil, problem
	}
	return offer.Parse(body, use)
}

// open makes a session of the offer, lets begin set up what it is for, and answers 201. On a refusal nothing is left.
func (s *Server) open(w http.ResponseWriter, r *http.Request, o *offer.Offer, at *session.Reservation, begin func(*session.Session) error) *refusal.Refusal {
	if p := s.sessions.Reserve(at); p != nil {
		return p
	}
	sess, body, p := s.connect(at, o, func(sess *session.Session) ([]byte, error) {
		return sess.Establish(r.Context(), o, s.opts.PublicIPs, begin)
	})
	if p != nil {
		return p
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", prefix.Of(r)+sess.Path())
	h.Set("ETag", sess.ETag())
	h.Set("Accept-Patch", typeFragment)
	s.announceServers(w, r)
	if at.Kind == session.KindViewer && o.Video != nil {
		announceExtensions(h, prefix.Of(r)+sess.Path())
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body) // a client that has gone away is found by ICE
	return nil
}

// connect makes the session that is reserved, and has describe make our description. On a refusal nothing is left of it.
func (s *Server) connect(at *session.Reservation, o *offer.Offer, describe func(*session.Session) ([]byte, error)) (*session.Session, []byte, *refusal.Refusal) {
	return s.connectFrom(s.peers, at, o, describe)
}

// connectFrom is connect with the sockets of those peers.
func (s *Server) connectFrom(
	peers *session.Peers, at *session.Reservation, o *offer.Offer, describe func(*session.Session) ([]byte, error),
) (*session.Session, []byte, *refusal.Refusal) {
	pc, fb, err := peers.Open(o, at.Kind.Watches())
	if err != nil {
		s.sessions.Release(at)
		s.opts.Logger.Error("peer connection could not be made", "error", err)
		return nil, nil, refusal.New(http.StatusServiceUnavailable, "The server cannot take a connection now: try again later.").After(10)
	}
	sess := session.New(at, pc, fb, s.timers.connect)
	s.sessions.Start(sess)
	body, err := describe(sess)
	if err != nil {
		if ended := sess.Err(); ended != nil { // which is not the offer's fault
			err = session.Unready(ended)
		}
		sess.Close(err)
		<-sess.Done()
		return nil, nil, session.Refuse(err)
	}
	return sess, body, nil
}

// patch trickles candidates or restarts ICE (RFC 9725 §4.3).
func (s *Server) patch(w http.ResponseWriter, r *http.Request, sess *session.Session) *refusal.Refusal {
	if sess.PeerConnection() == nil {
		return methodNotAllowed(uploadMethods)
	}
	body, problem := s.readBody(w, r, typeFragment, maxFragment)
	if problem != nil {
		return problem
	}
	tags := r.Header.Values("If-Match")
	if len(tags) == 0 {
		return refusal.New(http.StatusPreconditionRequired, "Send If-Match with the ETag of the session, or * to restart ICE.")
	}
	f, err := offer.ParseFragment(body)
	if err != nil {
		return refusal.New(http.StatusBadRequest, "The fragment cannot be read: %v.", err)
	}
	if !anyTag(tags) {
		p := sess.Trickle(f, func(etag string) bool { return matches(tags, etag) })
		if p == nil {
			w.WriteHeader(http.StatusNoContent)
		}
		return p
	}
	answer, etag, problem := sess.Restart(r.Context(), f, s.opts.PublicIPs)
	if problem != nil {
		return problem
	}
	w.Header().Set("Content-Type", typeFragment)
	w.Header().Set("ETag", etag)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(answer) // a client that has gone away is found by ICE
	return nil
}

// delete ends the session, whatever If-Match says (RFC 9725 §4.2), and answers once nothing is left of it.
func (s *Server) delete(w http.ResponseWriter, r *http.Request, sess *session.Session) *refusal.Refusal {
	sess.Close(session.ErrDeleted)
	select {
	case <-sess.Done():
	case <-r.Context().Done():
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// anyTag recognizes If-Match: *, also quoted as RFC 9725 itself has it in §4.3.3.
func anyTag(headers []string) bool {
	return len(headers) == 1 && (headers[0] == "*" || headers[0] == `"*"`)
}

// matches compares strongly (RFC 9110 §8.8.3.2). Our tags hold no comma.
func matches(headers []string, etag string) bool {
	for _, h := range headers {
		tags := strings.Split(h, ",")
		if slices.ContainsFunc(tags, func(tag string) bool { return strings.TrimSpace(tag) == etag }) {
			return true
		}
	}
	return false
}
