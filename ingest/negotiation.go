package ingest

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/media"
)

// gatherTimeout bounds the wait for local candidates. They are known at once: no server is asked for them.
const gatherTimeout = 5 * time.Second

// negotiation is what a session and its client have agreed on. mu serializes their exchanges.
type negotiation struct {
	mu         sync.Mutex
	offer      *offer
	candidates []string // of the client, in this ICE session
	etag       string   // quoted, names the ICE session (RFC 9725 §4.3.1)
}

// accept applies the first offer. Media does not flow yet.
func (s *session) accept(o *offer) error {
	text, err := o.text()
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
	s.negotiation.begin(o)
	return nil
}

// receive makes tracks of what the offer brings, in its order.
func (s *session) receive(pool *media.PacketPool) {
	o := s.negotiation.offer
	for _, m := range o.desc.MediaDescriptions {
		kind, f := media.KindAudio, o.audio
		if m.MediaName.Media == string(media.KindVideo) {
			kind, f = media.KindVideo, o.video
		}
		t := media.NewTrack(kind, *f, pool)
		if kind == media.KindVideo && o.layers != nil {
			t.MakeSimulcast(len(o.layers), s.requestKeyFrame)
		}
		s.adopt(t)
	}
}

// answer starts ICE and DTLS and returns the answer with all candidates (RFC 9725 §4.3.2).
func (s *session) answer(ctx context.Context, public []string) (*sdp.SessionDescription, error) {
	answer, err := s.pc.CreateAnswer(&webrtc.AnswerOptions{OfferAnswerOptions: webrtc.OfferAnswerOptions{ICETricklingSupported: true}})
	if err != nil {
		return nil, fmt.Errorf("create answer: %w", err)
	}
	if err := s.pc.SetLocalDescription(answer); err != nil {
		return nil, fmt.Errorf("apply answer: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	select {
	case <-s.gathered:
	case <-s.closing:
		return nil, s.endReason()
	case <-ctx.Done():
		return nil, unready{fmt.Errorf("gather candidates: %w", ctx.Err())}
	}
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(s.pc.LocalDescription().SDP); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	tidyAnswer(desc, public)
	return desc, nil
}

// trickle adds the client's candidates (RFC 9725 §4.3.2). Each makes the server send packets, so there is an end to them.
func (s *session) trickle(f fragment) error {
	n := &s.negotiation
	first, _ := n.offer.desc.MediaDescriptions[0].Attribute("mid")
	for _, c := range f.candidates {
		if slices.Contains(n.candidates, c) {
			continue
		}
		if len(n.candidates) == maxCandidates {
			return fmt.Errorf("the session has %d already", maxCandidates)
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
func (s *session) restart(ctx context.Context, f fragment, public []string) (*sdp.SessionDescription, error) {
	next, err := s.negotiation.offer.restarted(f)
	if err != nil {
		return nil, fmt.Errorf("renew offer: %w", err)
	}
	s.declareSources(next.desc)
	text, err := next.text()
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
	s.negotiation.begin(next)
	return desc, nil
}

// declareSources writes the SSRCs that the client uses without having offered them: pion would take their absence from a
// second offer as the end of the track.
func (s *session) declareSources(desc *sdp.SessionDescription) {
	for _, m := range desc.MediaDescriptions {
		if _, declared := m.Attribute("ssrc"); declared {
			continue
		}
		t := s.track(media.Kind(m.MediaName.Media))
		if t == nil || t.IsSimulcast() {
			continue // nothing comes from a viewer; layers are known by their names
		}
		if ssrc, ok := t.Source(); ok {
			m.WithValueAttribute("ssrc", strconv.FormatUint(uint64(ssrc), 10)+" cname:sluice")
		}
	}
}

// begin starts an ICE session.
func (n *negotiation) begin(o *offer) {
	n.offer, n.candidates = o, o.candidates()
	n.etag = strconv.Quote(rand.Text())
}

// tidyAnswer leaves out candidates for RTCP, which is multiplexed, says so (RFC 9725 §4.4.1), and puts the candidate that
// reaches most clients first, since some try no other.
func tidyAnswer(desc *sdp.SessionDescription, public []string) {
	for _, m := range desc.MediaDescriptions {
		withoutParameterSets(m)
		var candidates []sdp.Attribute
		rest := make([]sdp.Attribute, 0, len(m.Attributes)+1)
		for _, a := range m.Attributes {
			switch f := strings.Fields(a.Value); {
			case a.Key == "candidate" && f[1] == "1":
				candidates = append(candidates, a)
			case a.Key == "candidate", a.Key == "end-of-candidates":
			case a.Key == "rtcp-mux":
				rest = append(rest, a, sdp.NewPropertyAttribute("rtcp-mux-only"))
			default:
				rest = append(rest, a)
			}
		}
		slices.SortStableFunc(candidates, func(a, b sdp.Attribute) int {
			return candidateRank(a.Value, public) - candidateRank(b.Value, public)
		})
		m.Attributes = append(rest, candidates...)
	}
	desc.MediaDescriptions[0].WithPropertyAttribute("end-of-candidates")
}

// withoutParameterSets leaves out what the offer has told of the sender's own stream: of ours there is none, or it is another one's
// (RFC 6184 §8.2.2).
func withoutParameterSets(m *sdp.MediaDescription) {
	for i, a := range m.Attributes {
		payload, line, _ := strings.Cut(a.Value, " ")
		if a.Key != "fmtp" || !strings.Contains(line, "sprop-parameter-sets") {
			continue
		}
		kept := slices.DeleteFunc(strings.Split(line, ";"), func(p string) bool { return parameter(p, "sprop-parameter-sets", "") != "" })
		m.Attributes[i].Value = payload + " " + strings.Join(kept, ";")
	}
}

// candidateRank: UDP before TCP; public addresses, then IPv4, then IPv6, then loopback.
func candidateRank(value string, public []string) int {
	f := strings.Fields(value)
	rank := 0
	if !strings.EqualFold(f[2], "udp") {
		rank = 10
	}
	switch address := f[4]; {
	case slices.Contains(public, address):
		return rank
	case strings.HasPrefix(address, "127."), address == "::1":
		return rank + 3
	case strings.Contains(address, ":"):
		return rank + 2
	}
	return rank + 1
}

// answerFragment is the part of an answer that a restart returns (RFC 9725 §4.3.3).
func answerFragment(desc *sdp.SessionDescription) []byte {
	var b strings.Builder
	for _, a := range desc.Attributes {
		if a.Key == "ice-options" || a.Key == "group" {
			fmt.Fprintf(&b, "a=%s:%s\r\n", a.Key, a.Value)
		}
	}
	first := desc.MediaDescriptions[0]
	fmt.Fprintf(&b, "m=%s\r\n", first.MediaName.String())
	for _, key := range []string{"mid", "ice-ufrag", "ice-pwd"} {
		fmt.Fprintf(&b, "a=%s:%s\r\n", key, attribute(desc, first, key))
	}
	for _, a := range first.Attributes {
		if a.Key == "candidate" {
			fmt.Fprintf(&b, "a=candidate:%s\r\n", a.Value)
		}
	}
	b.WriteString("a=end-of-candidates\r\n")
	return []byte(b.String())
}
