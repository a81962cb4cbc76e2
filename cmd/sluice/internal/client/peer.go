package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/cmd/sluice/internal/whip"
)

// RTP clock rates (RFC 7741 §6.1, RFC 7587 §4.1).
const (
	videoClock = 90000
	audioClock = 48000
)

// Dynamic payload types (RFC 3551 §3). Video has every number from its first on, seven formats and their retransmissions.
const (
	firstVideoPayload = 96
	opusPayload       = 111
)

// Why a connection is over.
var (
	errConnectionLost = errors.New("the connection to the server is lost")
	errStreamEnded    = errors.New("the stream has ended")
)

// peer is the connection to a server. Retransmission and transport feedback are pion's.
type peer struct {
	pc        *webrtc.PeerConnection
	connected chan struct{} // closed when media can flow
	over      chan struct{} // closed when the connection is gone
	why       error         // once it is: errConnectionLost or, when either side has closed it, errStreamEnded
	late      chan string   // candidates that the offer has not got; closed behind the last
}

// maxLate is how many candidates may wait to be told; more are not.
const maxLate = 64

// newPeer makes a connection, by these ICE servers, that can have these codecs and Opus; Close ends it.
func newPeer(video []videoCodec, servers []whip.Server) (*peer, error) {
	api, err := newAPI(video)
	if err != nil {
		return nil, err
	}
	configuration := webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle}
	for _, s := range servers {
		configuration.ICEServers = append(configuration.ICEServers, webrtc.ICEServer{URLs: []string{s.URL}, Username: s.Username, Credential: s.Credential})
	}
	pc, err := api.NewPeerConnection(configuration)
	if err != nil {
		return nil, err
	}
	p := &peer{pc: pc, connected: make(chan struct{}), over: make(chan struct{}), late: make(chan string, maxLate)}
	pc.OnConnectionStateChange(p.stateChanged())
	return p, nil
}

// stateChanged returns the handler that closes connected and over, each once; pion calls it for one change at a time.
func (p *peer) stateChanged() func(webrtc.PeerConnectionState) {
	var up bool
	return func(state webrtc.PeerConnectionState) {
		switch {
		case state == webrtc.PeerConnectionStateConnected && !up:
			up = true
			close(p.connected)
		case state == webrtc.PeerConnectionStateFailed && p.why == nil:
			p.why = errConnectionLost
			close(p.over)
		case state == webrtc.PeerConnectionStateClosed && p.why == nil:
			p.why = errStreamEnded
			close(p.over)
		}
	}
}

// gatherFor is how long candidates are waited for before the offer is made: those of this machine are there at once, those of servers
// that answer follow, and for others nobody should wait.
const gatherFor = 500 * time.Millisecond

// Offer returns the offer with the candidates that are there soon; late has the others.
func (p *peer) Offer(ctx context.Context) (string, error) {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("make the offer: %w", err)
	}
	gathered := make(chan struct{})
	p.pc.OnICECandidate(func(c *webrtc.ICECandidate) { // one at a time
		if c == nil {
			close(p.late)
			close(gathered)
			return
		}
		select {
		case p.late <- c.ToJSON().Candidate:
		default:
		}
	})
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("make the offer: %w", err)
	}
	select {
	case <-gathered:
	case <-time.After(gatherFor):
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
	return p.pc.LocalDescription().SDP, nil
}

// trickle tells the server of candidates that the offer has not got, as they come, until all have or the server does not want them.
func (p *peer) trickle(ctx context.Context, offer string, tell func(ctx context.Context, fragment string) error) {
	for {
		select {
		case c, more := <-p.late:
			if more && strings.Contains(offer, c) {
				continue
			}
			if !more && strings.Contains(offer, "a=end-of-candidates") {
				return
			}
			if tell(ctx, fragmentOf(offer, c)) != nil || !more {
				return // the connection may come up without them
			}
		case <-p.over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// fragmentOf is what tells a candidate, or with "" that there are no more, of the first section of an offer, which has all (RFC 8840 §4.4).
func fragmentOf(offer, candidate string) string {
	var b strings.Builder
	for _, name := range []string{"a=ice-ufrag:", "a=ice-pwd:", "m=", "a=mid:"} {
		for line := range strings.Lines(offer) {
			if strings.HasPrefix(line, name) {
				b.WriteString(strings.TrimSpace(line) + "\r\n")
				break
			}
		}
	}
	if candidate == "" {
		return b.String() + "a=end-of-candidates\r\n"
	}
	return b.String() + "a=" + candidate + "\r\n"
}

// accept takes the answer and waits until media can flow.
func (p *peer) accept(ctx context.Context, answer string) error {
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("take the answer: %w", err)
	}
	select {
	case <-p.connected:
		return nil
	case <-p.over:
		return errors.New("no connection: none of the server's addresses can be reached")
	case <-ctx.Done():
		return fmt.Errorf("no connection to the server's addresses yet: %w", ctx.Err())
	}
}

// Close ends the connection.
func (p *peer) Close() error { return p.pc.Close() }

// registerVideo offers codecs in that order, each format with its retransmissions (RFC 4588).
func registerVideo(media *webrtc.MediaEngine, offered []videoCodec) error {
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	payloadType := webrtc.PayloadType(firstVideoPayload)
	register := func(mimeType, format string, feedback []webrtc.RTCPFeedback) error {
		capability := webrtc.RTPCodecCapability{MimeType: mimeType, ClockRate: videoClock, SDPFmtpLine: format, RTCPFeedback: feedback}
		parameters := webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: payloadType}
		payloadType++
		return media.RegisterCodec(parameters, webrtc.RTPCodecTypeVideo)
	}
	for _, c := range offered {
		for _, format := range c.formats {
			original := payloadType
			err := register(c.mimeType, format, feedback)
			if err == nil {
				err = register(webrtc.MimeTypeRTX, fmt.Sprintf("apt=%d", original), nil)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// newAPI offers video codecs and Opus, and loopback addresses too: the
// server may be on this machine.
func newAPI(video []videoCodec) (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: audioClock, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1"}
	interceptors := &interceptor.Registry{}
	err := errors.Join(
		registerVideo(media, video),
		media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: opusPayload}, webrtc.RTPCodecTypeAudio),
		webrtc.ConfigureNack(media, interceptors),
		webrtc.ConfigureTWCCSender(media, interceptors),
	)
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(interceptors), webrtc.WithSettingEngine(settings)), err
}
