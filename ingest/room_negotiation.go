package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/signal"
)

// spareSections is how many more media sections a participant's description may have than the room has use for.
const spareSections = 4

// hear takes an event of negotiation. The error is a sentence for the client.
func (p *participant) hear(e signal.Event) error {
	switch e.Kind {
	case signal.Offer:
		return p.hearOffer(e.SDP)
	case signal.Answer:
		return p.hearAnswer(e.SDP)
	case signal.Candidate:
		return p.hearCandidate(e.Candidate)
	}
	return nil
}

// hearOffer answers, unless the server has offered too: then the client is to take that (WebRTC §10.7).
func (p *participant) hearOffer(text string) error {
	if p.pc.SignalingState() != webrtc.SignalingStateStable {
		return nil
	}
	if err := p.describe(webrtc.SDPTypeOffer, text); err != nil {
		return err
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return p.broken(err)
	}
	text, err = p.settle(answer)
	if err != nil {
		return p.broken(err)
	}
	p.seat.Send(signal.Event{Kind: signal.Answer, To: p.id, SDP: text})
	return nil
}

func (p *participant) hearAnswer(text string) error {
	if p.pc.SignalingState() != webrtc.SignalingStateHaveLocalOffer {
		return errors.New("nothing has been offered that is not answered")
	}
	return p.describe(webrtc.SDPTypeAnswer, text)
}

// describe applies what the client has described, and the candidates that came before it.
func (p *participant) describe(kind webrtc.SDPType, text string) error {
	text, err := p.checkDescription(text)
	if err != nil {
		return err
	}
	before := p.pc.SignalingState()
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: text}); err != nil {
		if p.pc.SignalingState() != before {
			return p.broken(err)
		}
		return err
	}
	early := p.candidates[len(p.candidates)-p.waiting:]
	p.waiting = 0
	for _, c := range early {
		if err := p.addCandidate(c); err != nil {
			return err
		}
	}
	return nil
}

// broken ends a session whose negotiation cannot go on.
func (p *participant) broken(err error) error {
	p.close(fmt.Errorf("negotiate: %w", err))
	return err
}

// checkDescription bounds what pion gets to see, and leaves out candidates that cannot be reached from here.
func (p *participant) checkDescription(text string) (string, error) {
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(text); err != nil {
		return "", fmt.Errorf("it is not SDP that can be read: %w", err)
	}
	most := 2*p.room.server.opts.MaxParticipants + spareSections
	if n := len(desc.MediaDescriptions); n == 0 || n > most {
		return "", fmt.Errorf("it has %d media sections: send 1 to %d", n, most)
	}
	for _, m := range desc.MediaDescriptions {
		if kind := m.MediaName.Media; kind != string(KindAudio) && kind != string(KindVideo) {
			return "", fmt.Errorf("it has a section of kind %q: send audio and video only", kind)
		}
		if _, problem := primarySources(m); problem != nil {
			return "", problem
		}
	}
	if problem := keepCandidates(desc); problem != nil {
		return "", problem
	}
	out, err := desc.Marshal()
	return string(out), err
}

// hearCandidate adds a candidate; one that has come early waits for its description.
func (p *participant) hearCandidate(c *signal.ICECandidate) error {
	if c == nil || c.Candidate == "" {
		return nil // there are no more
	}
	parsed, err := parseCandidate(c.Candidate)
	switch {
	case err != nil:
		return err
	case parsed == "":
		return nil // it cannot be reached from here
	case len(p.candidates) == maxCandidates:
		return fmt.Errorf("there have been %d already", maxCandidates)
	}
	p.candidates = append(p.candidates, parsed)
	if p.pc.RemoteDescription() == nil {
		p.waiting++
		return nil
	}
	return p.addCandidate(parsed)
}

func (p *participant) addCandidate(c string) error {
	var first uint16 // all media is on one transport
	return p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: "candidate:" + c, SDPMLineIndex: &first})
}

// offer offers what has changed, when nothing is being negotiated; and once more what has been offered, to a client that has come back
// and may not have got it.
func (p *participant) offer() error {
	if p.pc.SignalingState() == webrtc.SignalingStateHaveLocalOffer {
		return p.offerAgain()
	}
	if p.offersFirst && p.pc.RemoteDescription() == nil {
		return nil
	}
	changed, err := p.watchOthers()
	if err != nil || !changed && p.offered {
		return err
	}
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("create offer: %w", err)
	}
	text, err := p.settle(offer)
	if err != nil {
		return err
	}
	p.offered = true
	p.seat.Send(signal.Event{Kind: signal.Offer, To: p.id, SDP: text})
	return nil
}

func (p *participant) offerAgain() error {
	if !p.returned.CompareAndSwap(true, false) {
		return nil
	}
	text, err := tidyDescription(p.pc.PendingLocalDescription().SDP, p.room.server.opts.PublicIPs)
	if err == nil {
		p.seat.Send(signal.Event{Kind: signal.Offer, To: p.id, SDP: text})
	}
	return err
}

// settle applies our own description, and returns it with all candidates.
func (p *participant) settle(description webrtc.SessionDescription) (string, error) {
	if err := p.pc.SetLocalDescription(description); err != nil {
		return "", fmt.Errorf("apply %s: %w", description.Type, err)
	}
	if !p.gatheredOnce {
		timeout := time.NewTimer(gatherTimeout)
		defer timeout.Stop()
		select {
		case <-p.gathered:
		case <-p.closing:
			return "", p.endReason()
		case <-timeout.C:
			return "", errors.New("gather candidates: timed out")
		}
		p.gatheredOnce = true
	}
	return tidyDescription(p.pc.LocalDescription().SDP, p.room.server.opts.PublicIPs)
}

// tidyDescription is a description of ours as clients get it.
func tidyDescription(text string, public []string) (string, error) {
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(text); err != nil {
		return "", fmt.Errorf("read description: %w", err)
	}
	tidyAnswer(desc, public)
	out, err := desc.Marshal()
	return string(out), err
}

// comeBack gives a participant's seat to a client that has its key.
func (s *Server) comeBack(p *participant) (*signal.Seat, *problem) {
	if p == nil {
		return nil, refuse(http.StatusGone, "There is no such seat: it has been given up. Authenticate anew.")
	}
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.welcome(p, true)
	p.returned.Store(true)
	p.look()
	return p.seat, nil
}
