package room

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// A client may offer so often each second, and so often at once: each offer makes the server look for ways to the client.
const (
	offersPerSecond = 5
	offersAtOnce    = 40
)

// spareSections is how many more media sections a participant's description may have than the room has use for.
const spareSections = 4

// hear takes an event of negotiation. The error is a sentence for the client.
func (p *participant) hear(e signal.Event) error {
	switch e.Kind {
	case signal.Offer:
		return p.hearOffer(e.SDP)
	case signal.Answer:
		return p.hearAnswer(e)
	case signal.Candidate:
		return p.hearCandidate(e.Candidate)
	case signal.View:
		p.view(e.Views)
	}
	return nil
}

// hearOffer answers, unless the server has offered too: then the client is to take that (WebRTC §10.7).
func (p *participant) hearOffer(text string) error {
	switch {
	case p.session.PeerConnection().SignalingState() != webrtc.SignalingStateStable:
		return nil
	case !p.offers.Allow():
		return errors.New("you offer too often: wait a second")
	}
	if err := p.describe(webrtc.SDPTypeOffer, text); err != nil {
		return err
	}
	answer, err := p.session.PeerConnection().CreateAnswer(nil)
	if err != nil {
		return p.broken(err)
	}
	text, err = p.settle(answer)
	if err != nil {
		return p.broken(err)
	}
	p.signalling.Send(signal.Event{Kind: signal.Answer, To: p.session.ID(), SDP: text})
	return nil
}

// hearAnswer takes the answer to the newest offer. One to another offer, or a second one, comes of offers that were repeated.
func (p *participant) hearAnswer(e signal.Event) error {
	if p.session.PeerConnection().SignalingState() != webrtc.SignalingStateHaveLocalOffer || e.Answers != 0 && e.Answers != p.offered.id && e.Answers != p.offered.repeated {
		return nil
	}
	return p.describe(webrtc.SDPTypeAnswer, e.SDP)
}

// describe applies what the client has described, and the candidates that came before it.
func (p *participant) describe(kind webrtc.SDPType, text string) error {
	text, err := p.checkDescription(kind, text)
	if err != nil {
		return err
	}
	before := p.session.PeerConnection().SignalingState()
	if err := p.session.PeerConnection().SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: text}); err != nil {
		if p.session.PeerConnection().SignalingState() != before {
			return p.broken(err)
		}
		return err
	}
	early := p.candidates[len(p.candidates)-p.waiting:]
	p.waiting = 0
	for _, c := range early {
		_ = p.addCandidate(c) // one that cannot be used is no reason to refuse the description
	}
	return nil
}

// broken ends a session whose negotiation cannot go on.
func (p *participant) broken(err error) error {
	p.session.Close(fmt.Errorf("negotiate: %w", err))
	return err
}

// checkDescription bounds what pion gets to see, and leaves out candidates that cannot be reached from here.
func (p *participant) checkDescription(kind webrtc.SDPType, text string) (string, error) {
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(offer.TidyLines(text)); err != nil {
		return "", fmt.Errorf("it is not SDP that can be read: %w", err)
	}
	most := 2*p.room.rooms.config.MaxParticipants + spareSections
	if n := len(desc.MediaDescriptions); n == 0 || n > most && kind == webrtc.SDPTypeOffer { // pion compares an answer with its offer
		return "", fmt.Errorf("it has %d media sections: send 1 to %d", n, most)
	}
	for _, m := range desc.MediaDescriptions {
		switch kind := m.MediaName.Media; {
		case offer.IsData(m):
			if problem := offer.CheckData(m); problem != nil {
				return "", problem
			}
		case kind != string(media.KindAudio) && kind != string(media.KindVideo):
			return "", fmt.Errorf("it has a section of kind %q: send audio, video and data channels only", kind)
		}
		if _, problem := offer.PrimarySources(m); problem != nil {
			return "", problem
		}
		offer.TidyLayers(m, p.simulcast)
	}
	if problem := offer.KeepCandidates(desc); problem != nil {
		return "", problem
	}
	p.boundCandidates(desc.MediaDescriptions[0])
	out, err := desc.Marshal()
	return string(out), err
}

// boundCandidates counts the candidates of a description like those that come by themselves, and leaves out what is too many: each makes the
// server send packets.
func (p *participant) boundCandidates(m *sdp.MediaDescription) {
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
		if a.Key != "candidate" || slices.Contains(p.candidates, a.Value) {
			return false
		}
		if len(p.candidates) >= offer.MaxCandidates {
			return true
		}
		// In front of those that wait, which are the last ones.
		p.candidates = slices.Insert(p.candidates, len(p.candidates)-p.waiting, a.Value)
		return false
	})
}

// hearCandidate adds a candidate; one that has come early waits for its description.
func (p *participant) hearCandidate(c *signal.ICECandidate) error {
	if c == nil || c.Candidate == "" {
		return nil // there are no more
	}
	parsed, err := offer.ParseCandidate(c.Candidate)
	switch {
	case err != nil:
		return err
	case parsed == "":
		return nil // it cannot be reached from here
	case slices.Contains(p.candidates, parsed):
		return nil
	case len(p.candidates) >= offer.MaxCandidates:
		return fmt.Errorf("there have been %d already", offer.MaxCandidates)
	}
	p.candidates = append(p.candidates, parsed)
	if p.session.PeerConnection().RemoteDescription() == nil {
		p.waiting++
		return nil
	}
	return p.addCandidate(parsed)
}

func (p *participant) addCandidate(c string) error {
	var first uint16 // all media is on one transport
	return p.session.PeerConnection().AddICECandidate(webrtc.ICECandidateInit{Candidate: "candidate:" + c, SDPMLineIndex: &first})
}

// offer offers what has changed, when nothing is being negotiated; and once more what has been offered, to a client that has come back
// and may not have got it.
func (p *participant) offer() error {
	if p.session.PeerConnection().SignalingState() == webrtc.SignalingStateHaveLocalOffer {
		return p.offerAgain()
	}
	if p.offersFirst && p.session.PeerConnection().RemoteDescription() == nil {
		return nil
	}
	changed, err := p.watchOthers()
	if err != nil || !changed && p.offered.id > 0 {
		return err
	}
	offered, err := p.session.PeerConnection().CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("create offer: %w", err)
	}
	text, err := p.settle(offered)
	if err != nil {
		return err
	}
	p.offered.id, p.offered.repeated = p.signalling.Send(signal.Event{Kind: signal.Offer, To: p.session.ID(), SDP: text}), 0
	return nil
}

func (p *participant) offerAgain() error {
	if seen := p.returned.Swap(0); seen == 0 || seen < max(p.offered.id, p.offered.repeated) {
		return nil // it has not come back, or gets the offer with all else that it has missed
	}
	text, err := p.tidyDescription(p.session.PeerConnection().PendingLocalDescription())
	if err == nil {
		p.offered.repeated = p.signalling.Send(signal.Event{Kind: signal.Offer, To: p.session.ID(), SDP: text})
	}
	return err
}

// settle applies our own description, and returns it with all candidates.
func (p *participant) settle(description webrtc.SessionDescription) (string, error) {
	if err := p.session.PeerConnection().SetLocalDescription(description); err != nil {
		return "", fmt.Errorf("apply %s: %w", description.Type, err)
	}
	if err := p.awaitCandidates(); err != nil {
		return "", err
	}
	return p.tidyDescription(p.session.PeerConnection().LocalDescription())
}

// awaitCandidates waits until ours are known: at first, and again after the client has restarted ICE.
func (p *participant) awaitCandidates() error {
	timeout, look := time.NewTimer(session.GatherTimeout), time.NewTicker(10*time.Millisecond)
	defer timeout.Stop()
	defer look.Stop()
	for p.session.PeerConnection().ICEGatheringState() != webrtc.ICEGatheringStateComplete {
		select {
		case <-look.C:
		case <-p.session.Closing():
			return p.session.Err()
		case <-timeout.C:
			return errors.New("gather candidates: timed out")
		}
	}
	return nil
}

// tidyDescription is a description of ours as clients get it.
func (p *participant) tidyDescription(d *webrtc.SessionDescription) (string, error) {
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(d.SDP); err != nil {
		return "", fmt.Errorf("read description: %w", err)
	}
	if p.simulcast && d.Type == webrtc.SDPTypeOffer {
		askForLayers(desc, sentLayers(p.session.PeerConnection().RemoteDescription()))
	}
	offer.TidyAnswer(desc, p.room.rooms.config.PublicIPs)
	out, err := desc.Marshal()
	return string(out), err
}

// comeBack gives a participant's signalling session to a client that has its key.
func (rs *Rooms) comeBack(p *participant, last uint64) (*signal.Session, *refusal.Refusal) {
	if p == nil {
		return nil, refusal.New(http.StatusGone, "There is no such seat: it has been given up. Authenticate anew.")
	}
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.welcome(p, true)
	p.returned.Store(last)
	p.look()
	return p.signalling, nil
}
