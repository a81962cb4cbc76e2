package ingest

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// postWHIP sets up a publisher (RFC 9725 §4.2).
func (s *Server) postWHIP(w http.ResponseWriter, r *http.Request, stream string) *problem {
	o, problem := s.readOffer(w, r, publishing(s.opts.VideoCodecs))
	if problem != nil {
		return problem
	}
	return s.open(w, r, o, "/whip/"+stream+"/", &place{publishes: stream}, func(sess *session) error {
		sess.receive(s.packets)
		p := &Publisher{session: sess, stream: stream}
		if err := s.opts.OnPublish(p); err != nil {
			return unready{err}
		}
		s.settle(p)
		s.show(p)
		return nil
	})
}

// unready is an error that is the server's fault, not the offer's.
type unready struct{ error }

func (u unready) Unwrap() error { return u.error }

func (s *Server) readOffer(w http.ResponseWriter, r *http.Request, use purpose) (*offer, *problem) {
	body, problem := s.readBody(w, r, typeSDP, s.opts.MaxSDP)
	if problem != nil {
		return nil, problem
	}
	return parseOffer(body, use)
}

// open makes a session of the offer, lets begin set up what it is for, and answers 201. On a refusal nothing is left.
func (s *Server) open(w http.ResponseWriter, r *http.Request, o *offer, prefix string, at *place, begin func(*session) error) *problem {
	at.client = clientOf(r)
	if p := s.reserve(at); p != nil {
		return p
	}
	pc, fb, err := s.peers.open(o, at.watches != "")
	if err != nil {
		s.unreserve(at, nil)
		s.running.Done()
		s.log.Error("peer connection could not be made", "error", err)
		return refuse(http.StatusServiceUnavailable, "The server cannot take a connection now: try again later.").after(10)
	}
	sess := newSession(prefix, at.client, r.RemoteAddr, pc, fb, s.timers.connect)
	s.start(sess, at)
	body, err := s.establish(r, sess, o, begin)
	if err != nil {
		sess.close(err)
		<-sess.done
		return refusal(err)
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", sess.path)
	h.Set("ETag", sess.negotiation.etag)
	h.Set("Accept-Patch", typeFragment)
	s.announceServers(w, r)
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body) // a client that has gone away is found by ICE
	return nil
}

func (s *Server) establish(r *http.Request, sess *session, o *offer, begin func(*session) error) ([]byte, error) {
	sess.negotiation.mu.Lock()
	defer sess.negotiation.mu.Unlock()
	if err := sess.accept(o); err != nil {
		return nil, err
	}
	if err := begin(sess); err != nil {
		return nil, err
	}
	desc, err := sess.answer(r.Context(), s.opts.PublicIPs)
	if err != nil {
		return nil, err
	}
	return desc.Marshal()
}

func refusal(err error) *problem {
	var fault unready
	if errors.As(err, &fault) || errors.Is(err, ErrStopping) {
		return refuse(http.StatusServiceUnavailable, "%v.", err).after(5)
	}
	return refuse(http.StatusBadRequest, "The offer cannot be answered: %v.", err)
}

// patch trickles candidates or restarts ICE (RFC 9725 §4.3).
func (s *Server) patch(w http.ResponseWriter, r *http.Request, sess *session) *problem {
	if sess.pc == nil {
		return methodNotAllowed(uploadMethods)
	}
	body, problem := s.readBody(w, r, typeFragment, maxFragment)
	if problem != nil {
		return problem
	}
	tags := r.Header.Values("If-Match")
	if len(tags) == 0 {
		return refuse(http.StatusPreconditionRequired, "Send If-Match with the ETag of the session, or * to restart ICE.")
	}
	f, err := parseFragment(body)
	if err != nil {
		return refuse(http.StatusBadRequest, "The fragment cannot be read: %v.", err)
	}
	sess.negotiation.mu.Lock()
	defer sess.negotiation.mu.Unlock()
	if anyTag(tags) {
		return s.patchRestart(w, r, sess, f)
	}
	return sess.patchTrickle(w, f, tags)
}

func (sess *session) patchTrickle(w http.ResponseWriter, f fragment, tags []string) *problem {
	if !matches(tags, sess.negotiation.etag) {
		return refuse(http.StatusPreconditionFailed, "The ICE session has another ETag now: candidates of an earlier one are of no use.")
	}
	if f.ufrag != "" && f.ufrag != sess.negotiation.offer.ufrag {
		return refuse(http.StatusBadRequest, "The fragment has another ice-ufrag than the session: send If-Match: * to restart ICE.")
	}
	if err := sess.trickle(f); err != nil {
		return refuse(http.StatusBadRequest, "The candidates cannot be used: %v.", err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) patchRestart(w http.ResponseWriter, r *http.Request, sess *session, f fragment) *problem {
	switch {
	case f.ufrag == "":
		return refuse(http.StatusBadRequest, "An ICE restart needs a new a=ice-ufrag and a=ice-pwd.")
	case f.ufrag == sess.negotiation.offer.ufrag:
		return refuse(http.StatusBadRequest, "The fragment has the ice-ufrag that the session has already: an ICE restart needs a new one.")
	}
	desc, err := sess.restart(r.Context(), f, s.opts.PublicIPs)
	if err != nil {
		return refuse(http.StatusConflict, "ICE could not be restarted: %v.", err)
	}
	w.Header().Set("Content-Type", typeFragment)
	w.Header().Set("ETag", sess.negotiation.etag)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(answerFragment(desc)) // a client that has gone away is found by ICE
	return nil
}

// delete ends the session, whatever If-Match says (RFC 9725 §4.2), and answers once nothing is left of it.
func (s *Server) delete(w http.ResponseWriter, r *http.Request, sess *session) *problem {
	sess.close(ErrDeleted)
	select {
	case <-sess.done:
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
