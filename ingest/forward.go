package ingest

import (
	"context"
	"errors"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/session"
)

// ErrNotPublished is why a stream cannot be forwarded that nobody publishes.
var ErrNotPublished = errors.New("nobody publishes the stream")

// Exchange hands an offer to another server and returns its answer.
type Exchange func(ctx context.Context, offer []byte) (answer []byte, err error)

// Forward sends a stream to another server over WebRTC, as to a viewer who waits for an offer. It returns once that has answered; the session is connected later, and ends like a
// viewer's, or when another codec is published. The server is called name in the list of sessions. The connection has sockets of its own: those that others come
// to may be bound to addresses that lead nowhere.
func (s *Server) Forward(ctx context.Context, stream, name string, exchange Exchange) (*session.Session, error) {
	publisher, live := s.sessions.Publisher(stream)
	if !live {
		return nil, ErrNotPublished
	}
	at := session.NewForward(stream, name)
	if p := s.sessions.Reserve(at); p != nil {
		return nil, p
	}
	o := offer.Propose(formatOf(publisher, media.KindVideo), formatOf(publisher, media.KindAudio))
	sess, offered, p := s.connectFrom(s.outgoing, at, o, func(sess *session.Session) ([]byte, error) {
		return sess.Propose(ctx, o, nil, func(sess *session.Session) error {
			_, run, err := s.viewers.Add(sess, stream)
			if err == nil {
				sess.Go(run)
			}
			return err
		})
	})
	if p != nil {
		return nil, p
	}
	answer, err := exchange(ctx, offered)
	if err == nil {
		err = s.conclude(sess, answer)
	}
	if err != nil {
		sess.Close(err)
		<-sess.Done()
		return nil, err
	}
	return sess, nil
}

// conclude takes the answer of another server.
func (s *Server) conclude(sess *session.Session, answer []byte) error {
	a, p := offer.ParseAnswer(answer, sess.Offer())
	if p != nil {
		return p
	}
	return sess.Conclude(a)
}
