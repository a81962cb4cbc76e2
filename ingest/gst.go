package ingest

import (
	"context"
	"net/http"

	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/gst"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// GStreamer serves /gst/ws, the signalling of webrtcsink and webrtcsrc. tokenOf finds the token of a request.
func (s *Server) GStreamer(tokenOf func(*http.Request) string) http.Handler {
	return s.gst.Signalling(gst.Config{
		Media: gstMedia{s}, Sessions: s.sessions, MaxSDP: int(s.opts.MaxSDP), Connect: s.timers.connect, MayPublish: s.opts.MayEnter, MayWatch: s.opts.MayWatch,
		MayAsk: s.mayAsk, Timers: s.timers.rooms.Signal, Logger: s.opts.Logger,
	}, tokenOf)
}

// GStreamerClients is how many are connected to the signalling of GStreamer.
func (s *Server) GStreamerClients() int { return s.gst.Clients() }

// followers are all that follow what is published.
type followers struct {
	viewers *egress.Viewers
	gst     *gst.Hub
}

// Published implements session.Followers.
func (f followers) Published(stream string, tracks []*media.Track) {
	f.viewers.Published(stream, tracks)
	f.gst.Published(stream, tracks)
}

// Unpublished implements session.Followers.
func (f followers) Unpublished(stream string) {
	f.viewers.Unpublished(stream)
	f.gst.Unpublished(stream)
}

// gstMedia makes sessions as WHIP and WHEP do.
type gstMedia struct{ *Server }

// Publish implements gst.Media.
func (s gstMedia) Publish(ctx context.Context, at *session.Reservation, offered []byte, begin func(*session.Publisher)) (*session.Session, []byte, *refusal.Refusal) {
	o, p := offer.Parse(offered, offer.Publishing(s.opts.VideoCodecs))
	if p != nil {
		s.sessions.Release(at)
		return nil, nil, p
	}
	return s.connect(at, o, func(sess *session.Session) ([]byte, error) {
		return sess.Establish(ctx, o, s.opts.PublicIPs, func(*session.Session) error {
			publisher := session.NewPublisher(sess)
			return s.publishing(publisher, sess, func() { begin(publisher) })
		})
	})
}

// Watch implements gst.Media.
func (s gstMedia) Watch(ctx context.Context, at *session.Reservation, stream string, offered []byte) (*session.Session, []byte, *refusal.Refusal) {
	publisher, live := s.sessions.Publisher(stream)
	if !live {
		return nil, nil, s.notLive(stream)
	}
	o, p := offer.Parse(offered, offer.Watching(formatOf(publisher, media.KindVideo)))
	if p != nil {
		return nil, nil, p
	}
	offer.ReceiveOnly(o.Description)
	if p := s.sessions.Reserve(at); p != nil {
		return nil, nil, p
	}
	return s.connect(at, o, func(sess *session.Session) ([]byte, error) {
		return sess.Establish(ctx, o, s.opts.PublicIPs, s.watching(stream, at, s.viewers.Add, func() {}))
	})
}

// Propose implements gst.Media.
func (s gstMedia) Propose(ctx context.Context, at *session.Reservation, stream string) (*session.Session, []byte, *refusal.Refusal) {
	publisher, live := s.sessions.Publisher(stream)
	if !live {
		return nil, nil, s.notLive(stream)
	}
	o := offer.Propose(formatOf(publisher, media.KindVideo), formatOf(publisher, media.KindAudio))
	if p := s.sessions.Reserve(at); p != nil {
		return nil, nil, p
	}
	return s.connect(at, o, func(sess *session.Session) ([]byte, error) {
		return sess.Propose(ctx, o, s.opts.PublicIPs, s.watching(stream, at, s.viewers.Add, func() {}))
	})
}

// Conclude implements gst.Media.
func (s gstMedia) Conclude(sess *session.Session, answer []byte) *refusal.Refusal {
	a, p := offer.ParseAnswer(answer, sess.Offer())
	if p != nil {
		return p
	}
	if err := sess.Conclude(a); err != nil {
		return refusal.New(http.StatusBadRequest, "The answer cannot be used: %v.", err)
	}
	return nil
}
