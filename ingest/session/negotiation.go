package session

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// GatherTimeout bounds the wait for local candidates. They are known at once: no server is asked for them.
const GatherTimeout = 5 * time.Second

// negotiation is what a session and its client have agreed on. exchange serializes their exchanges.
type negotiation struct {
	exchange   sync.Mutex
	offer      *offer.Offer
	candidates []string // of the client, in this ICE session
	etag       string   // quoted, names the ICE session (RFC 9725 §4.3.1)
}

// Establish answers the first offer, after begin has set up what the session is for.
func (s *Session) Establish(ctx context.Context, o *offer.Offer, public []string, begin func(*Session) error) ([]byte, error) {
	s.negotiation.exchange.Lock()
	defer s.negotiation.exchange.Unlock()
	if err := s.accept(o); err != nil {
		return nil, err
	}
	if err := begin(s); err != nil {
		return nil, err
	}
	desc, err := s.answer(ctx, public)
	if err != nil {
		return nil, err
	}
	return desc.Marshal()
}

// Propose makes the first offer of a session whose client waits for one: begin adds what is sent. Conclude takes the answer.
func (s *Session) Propose(ctx context.Context, o *offer.Offer, public []string, begin func(*Session) error) ([]byte, error) {
	s.negotiation.exchange.Lock()
	defer s.negotiation.exchange.Unlock()
	s.negotiation.offer = o
	if err := begin(s); err != nil {
		return nil, err
	}
	offered, err := s.pc.CreateOffer(nil)
	if err != nil {
		return nil, fmt.Errorf("create offer: %w", err)
	}
	desc, err := s.describe(ctx, offered, public)
	if err != nil {
		return nil, err
	}
	return desc.Marshal()
}

// Conclude applies the answer to what Propose has offered, once it has been checked.
func (s *Session) Conclude(answer *offer.Offer) error {
	s.negotiation.exchange.Lock()
	defer s.negotiation.exchange.Unlock()
	text, err := answer.Text()
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: text}); err != nil {
		return fmt.Errorf("apply answer: %w", err)
	}
	s.negotiation.beginICE(answer)
	return nil
}

// Pull applies the answer to what Propose has offered to receive, once it has been checked, and makes tracks of what it brings.
func (s *Session) Pull(answer *offer.Offer, pool *media.PacketPool) error {
	n := &s.negotiation
	n.exchange.Lock()
	n.offer = answer
	n.exchange.Unlock()
	s.Receive(pool) // before anything can come
	return s.Conclude(answer)
}

// Send adds a track to what the connection sends: in the place that the client's offer has for it, or in one of the server's own offer.
func (s *Session) Send(local webrtc.TrackLocal) (*webrtc.RTPSender, error) {
	if s.pc.RemoteDescription() != nil {
		return s.pc.AddTrack(local)
	}
	tr, err := s.pc.AddTransceiverFromTrack(local, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	return tr.Sender(), nil
}

// Offer is the newest offer that has been accepted. It is for what Establish calls.
func (s *Session) Offer() *offer.Offer { return s.negotiation.offer }

// ETag names the ICE session, quoted (RFC 9725 §4.3.1).
func (s *Session) ETag() string {
	s.negotiation.exchange.Lock()
	defer s.negotiation.exchange.Unlock()
	return s.negotiation.etag
}

// Trickle adds the client's candidates (RFC 9725 §4.3.2), if the ETag of the ICE session is the one that they are for.
func (s *Session) Trickle(f offer.Fragment, matches func(etag string) bool) *refusal.Refusal {
	n := &s.negotiation
	n.exchange.Lock()
	defer n.exchange.Unlock()
	if !matches(n.etag) {
		return refusal.New(http.StatusPreconditionFailed, "The ICE session has another ETag now: candidates of an earlier one are of no use.")
	}
	if f.Ufrag != "" && f.Ufrag != n.offer.Ufrag {
		return refusal.New(http.StatusBadRequest, "The fragment has another ice-ufrag than the session: send If-Match: * to restart ICE.")
	}
	if err := s.trickle(f); err != nil {
		return refusal.New(http.StatusBadRequest, "The candidates cannot be used: %v.", err)
	}
	return nil
}

// Restart restarts ICE (RFC 9725 §4.3.3), and returns the part of the answer that the client needs and the ETag of the new ICE session.
func (s *Session) Restart(ctx context.Context, f offer.Fragment, public []string) (answer []byte, etag string, refused *refusal.Refusal) {
	n := &s.negotiation
	n.exchange.Lock()
	defer n.exchange.Unlock()
	switch f.Ufrag {
	case "":
		return nil, "", refusal.New(http.StatusBadRequest, "An ICE restart needs a new a=ice-ufrag and a=ice-pwd.")
	case n.offer.Ufrag:
		return nil, "", refusal.New(http.StatusBadRequest, "The fragment has the ice-ufrag that the session has already: an ICE restart needs a new one.")
	}
	desc, err := s.restart(ctx, f, public)
	if err != nil {
		return nil, "", refusal.New(http.StatusConflict, "ICE could not be restarted: %v.", err)
	}
	return offer.AnswerFragment(desc), n.etag, nil
}

// accept applies the first offer. Media does not flow yet.
func (s *Session) accept(o *offer.Offer) error {
	if !s.at.Kind.Watches() {
		declareSources(o.Description)
	}
	text, err := o.Text()
	if err != nil {
		return fmt.Errorf("write offer: %w", err)
	}
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}); err != nil {
		return fmt.Errorf("apply offer: %w", err)
	}
	for _, tr := range s.pc.GetTransceivers() {
		if len(tr.Receiver().GetParameters().Codecs) == 0 {
			return fmt.Errorf("the %s section contradicts itself in its codec", tr.Kind())
		}
	}
	s.negotiation.beginICE(o)
	return nil
}

// Receive makes tracks of what the offer brings, in its order.
func (s *Session) Receive(pool *media.PacketPool) {
	o := s.negotiation.offer
	for _, m := range o.Description.MediaDescriptions {
		if offer.IsData(m) {
			continue
		}
		kind, f := media.KindAudio, o.Audio
		if m.MediaName.Media == string(media.KindVideo) {
			kind, f = media.KindVideo, o.Video
		}
		if f == nil { // it is switched off
			continue
		}
		t := media.NewTrack(kind, *f, pool)
		if kind == media.KindVideo && o.Layers != nil {
			t.MakeSimulcast(len(o.Layers), s.RequestKeyFrame)
		}
		s.Adopt(t)
	}
	s.link.streams.readUndeclared(func(stream *rtpStream, packet []byte) bool {
		defer s.Contain()
		return s.adopt(stream, packet)
	}, o.Description)
}

// answer starts ICE and DTLS and returns the answer with all candidates (RFC 9725 §4.3.2).
func (s *Session) answer(ctx context.Context, public []string) (*sdp.SessionDescription, error) {
	answer, err := s.pc.CreateAnswer(&webrtc.AnswerOptions{OfferAnswerOptions: webrtc.OfferAnswerOptions{ICETricklingSupported: true}})
	if err != nil {
		return nil, fmt.Errorf("create answer: %w", err)
	}
	desc, err := s.describe(ctx, answer, public)
	if err != nil {
		return nil, err
	}
	s.negotiation.offer.Complete(desc)
	return desc, nil
}

// describe applies our own description, and returns it with all candidates.
func (s *Session) describe(ctx context.Context, own webrtc.SessionDescription, public []string) (*sdp.SessionDescription, error) {
	if err := s.pc.SetLocalDescription(own); err != nil {
		return nil, fmt.Errorf("apply %s: %w", own.Type, err)
	}
	ctx, cancel := context.WithTimeout(ctx, GatherTimeout)
	defer cancel()
	select {
	case <-s.gathered:
	case <-s.closing:
		return nil, s.Err()
	case <-ctx.Done():
		return nil, Unready(fmt.Errorf("gather candidates: %w", ctx.Err()))
	}
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(s.pc.LocalDescription().SDP); err != nil {
		return nil, fmt.Errorf("read %s: %w", own.Type, err)
	}
	offer.TidyAnswer(desc, public)
	return desc, nil
}

// trickle adds the client's candidates (RFC 9725 §4.3.2). Each makes the server send packets, so there is an end to them.
func (s *Session) trickle(f offer.Fragment) error {
	n := &s.negotiation
	first, _ := n.offer.Description.MediaDescriptions[0].Attribute("mid")
	for _, c := range f.Candidates {
		if slices.Contains(n.candidates, c) {
			continue
		}
		if len(n.candidates) == offer.MaxCandidates {
			return fmt.Errorf("the session has %d already", offer.MaxCandidates)
		}
		n.candidates = append(n.candidates, c)
		if err := s.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: "candidate:" + c, SDPMid: &first}); err != nil {
			return fmt.Errorf("add candidate: %w", err)
		}
	}
	return nil
}

// restart gives the session new ICE credentials on both sides (RFC 9725 §4.3.3). Pion restarts ICE when an offer changes the
// credentials, so the first offer is applied once more with the new ones. All that can be wrong with them has been checked
// before: until then the running ICE session is not touched.
func (s *Session) restart(ctx context.Context, f offer.Fragment, public []string) (*sdp.SessionDescription, error) {
	next, err := s.negotiation.offer.Restarted(f)
	if err != nil {
		return nil, fmt.Errorf("renew offer: %w", err)
	}
	text, err := next.Text()
	if err != nil {
		return nil, fmt.Errorf("write offer: %w", err)
	}
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}); err != nil {
		return nil, fmt.Errorf("apply renewed offer: %w", err)
	}
	desc, err := s.answer(ctx, public)
	if err != nil {
		return nil, err
	}
	s.negotiation.beginICE(next)
	return desc, nil
}

// declareSources adds a source to each section that declares none. It never comes: pion would make a transceiver of each undeclared source,
// and end its track at the next offer. Those that come are read beside it, see adopt.
func declareSources(desc *sdp.SessionDescription) {
	for _, m := range desc.MediaDescriptions {
		_, declared := m.Attribute("ssrc")
		_, simulcast := m.Attribute("simulcast") // layers are known by their names
		if !declared && !simulcast && !offer.IsData(m) {
			m.WithValueAttribute("ssrc", strconv.FormatUint(uint64(rand.Uint32()|1), 10)+" cname:sluice")
		}
	}
}

// beginICE begins an ICE session.
func (n *negotiation) beginICE(o *offer.Offer) {
	n.offer, n.candidates = o, o.Candidates()
	n.etag = strconv.Quote(crand.Text())
}
