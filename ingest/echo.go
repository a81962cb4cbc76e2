package ingest

import (
	"net/http"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// postEcho sets up a session that gets back what it sends.
func (s *Server) postEcho(w http.ResponseWriter, r *http.Request) *refusal.Refusal {
	o, problem := s.readOffer(w, r, offer.Echoing())
	if problem != nil {
		return problem
	}
	return s.open(w, r, o, session.NewReservation(r, session.KindEcho, ""), func(sess *session.Session) error {
		channel.Echo(sess, &s.messages)
		return startEcho(sess, s.packets)
	})
}

// startEcho sends each track back on the transceiver that it came on: read loop, track, write, in one goroutine.
func startEcho(s *session.Session, pool *media.PacketPool) error {
	s.Receive(pool)
	for _, t := range s.Tracks() {
		local, err := webrtc.NewTrackLocalStaticRTP(t.Format().Capability(), string(t.Kind()), "echo")
		if err != nil {
			return err
		}
		sender, err := s.PeerConnection().AddTrack(local)
		if err != nil {
			return err
		}
		ssrc := uint32(sender.GetParameters().Encodings[0].SSRC)
		e := &echoTrack{local: local, rewriter: media.NewLateRewriter(t.ClockRate()), sent: media.NewOutbound(t.Kind(), t.ClockRate(), ssrc, s.Started())}
		s.Sends(e.sent)
		t.Subscribe(e)
		s.Go(func() { media.ForwardRequests(sender, e.sent, t.RequestKeyFrame) })
	}
	return nil
}

// echoTrack is a Subscriber that writes to the connection the packets came from.
type echoTrack struct {
	local    *webrtc.TrackLocalStaticRTP
	rewriter media.Rewriter // goes on when the source is another
	out      rtp.Packet     // kept so that writing does not allocate

	sent            *media.Outbound
	packets, octets uint32
	counted         time.Time
}

// Deliver implements Subscriber.
func (e *echoTrack) Deliver(p *media.Packet) {
	if p.Report != nil {
		return // pion makes reports for the way back
	}
	e.out = p.RTP
	e.out.Header = media.Forwarded(&p.RTP.Header)
	if !e.rewriter.Rewrite(&e.out.Header, p.Arrival) {
		return
	}
	// It fails only when the connection is down, which ends the session anyway.
	_ = e.local.WriteRTP(&e.out)
	e.packets++
	e.octets += uint32(len(e.out.Payload))
	if p.Arrival.Sub(e.counted) >= media.ReportInterval {
		e.counted = p.Arrival
		e.sent.Count(e.packets, e.octets, p.Arrival)
	}
}

// End implements Subscriber.
func (e *echoTrack) End() {}
