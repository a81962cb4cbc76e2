package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
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

const videoTrackID = "video"

// sendPeer is the WebRTC side of a publisher: a connection with the tracks
// that are sent. Retransmission and transport feedback are pion's.
type sendPeer struct {
	pc           *webrtc.PeerConnection
	offered      []videoCodec
	codec        videoCodec        // of the video; the one that the answer has chosen after Connect
	video, audio *webrtc.RTPSender // nil when not sent
	lost         chan struct{}     // closed when the connection is gone
	connected    chan struct{}     // closed when media can be sent
}

// newSendPeer makes the connection; Close ends it.
func newSendPeer(o publishOptions) (*sendPeer, error) {
	api, err := publishAPI(sent(o.Codecs))
	if err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, err
	}
	p := &sendPeer{pc: pc, offered: o.Codecs, codec: o.Codecs[0], lost: make(chan struct{}), connected: make(chan struct{})}
	pc.OnConnectionStateChange(p.stateChanged())
	if !o.NoAudio {
		p.audio, err = p.add(webrtc.MimeTypeOpus, "audio")
	}
	if !o.NoVideo && err == nil {
		p.video, err = p.add(p.codec.mimeType, videoTrackID)
	}
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	return p, nil
}

// stateChanged returns the handler that closes connected and lost, each once;
// pion calls it for one change at a time.
func (p *sendPeer) stateChanged() func(webrtc.PeerConnectionState) {
	var up, down bool
	return func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			if !up {
				up = true
				close(p.connected)
			}
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			if !down {
				down = true
				close(p.lost)
			}
		}
	}
}

// sent leaves each codec the one format that is sent.
func sent(offered []videoCodec) []videoCodec {
	offered = slices.Clone(offered)
	for i := range offered {
		offered[i].formats = offered[i].formats[:1]
	}
	return offered
}

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

// publishAPI offers video codecs and Opus, and loopback addresses too: the
// server may be on this machine.
func publishAPI(video []videoCodec) (*webrtc.API, error) {
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

// add adds a track; both are of one MediaStream (RFC 9725 §4.4.2).
func (p *sendPeer) add(mimeType, id string) (*webrtc.RTPSender, error) {
	track, err := newSendTrack(mimeType, id)
	if err != nil {
		return nil, err
	}
	transceiver, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	return transceiver.Sender(), nil
}

func newSendTrack(mimeType, id string) (*webrtc.TrackLocalStaticRTP, error) {
	return webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mimeType}, id, "sluice")
}

// choose makes the video track one of the codec that the answer has chosen: a track has only one.
func (p *sendPeer) choose(answer string) error {
	if p.video == nil {
		return nil
	}
	chosen, ok := answeredVideo(answer, p.offered)
	if !ok {
		return fmt.Errorf("the server's answer takes no video of %s", codecNames(p.offered))
	}
	track, err := newSendTrack(chosen.mimeType, videoTrackID)
	if err != nil {
		return err
	}
	p.codec = chosen
	return p.video.ReplaceTrack(track)
}

// senders returns those of the tracks that are sent.
func (p *sendPeer) senders() []*webrtc.RTPSender {
	return slices.DeleteFunc([]*webrtc.RTPSender{p.video, p.audio}, func(s *webrtc.RTPSender) bool { return s == nil })
}

// rtpSender returns what puts frames on a track.
func (p *sendPeer) rtpSender(sender *webrtc.RTPSender, payload rtp.Payloader, clock int64, counts *counter) *rtpSender {
	ssrc := uint32(sender.GetParameters().Encodings[0].SSRC)
	report := func(r *rtcp.SenderReport) error {
		r.SSRC = ssrc
		return p.pc.WriteRTCP([]rtcp.Packet{r, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: ssrc,
			Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "sluice"}},
		}}}})
	}
	return newRTPSender(sender.Track().(*webrtc.TrackLocalStaticRTP), payload, clock, report, counts)
}

// Offer returns the offer with all candidates in it.
func (p *sendPeer) Offer(ctx context.Context) (string, error) { return gatherOffer(ctx, p.pc) }

func gatherOffer(ctx context.Context, pc *webrtc.PeerConnection) (string, error) {
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("make the offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("make the offer: %w", err)
	}
	select {
	case <-gathered:
		return pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
}

// Connect takes the answer and waits until media can be sent.
func (p *sendPeer) Connect(ctx context.Context, answer string) error {
	if err := p.choose(answer); err != nil {
		return fmt.Errorf("take the answer: %w", err)
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("take the answer: %w", err)
	}
	select {
	case <-p.connected:
		return nil
	case <-p.lost:
		return errors.New("no connection: none of the server's addresses can be reached")
	case <-ctx.Done():
		return fmt.Errorf("no connection to the server's addresses yet: %w", ctx.Err())
	}
}

// readReports reads what the receiver says of one track until the connection
// is closed; the interceptors work on it as it passes.
func (p *sendPeer) readReports(sender *webrtc.RTPSender, counts *counters) error {
	for {
		packets, _, err := sender.ReadRTCP()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read reports: %w", err)
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				counts.keyRequests.Add(1)
			}
		}
	}
}

// Close ends the connection.
func (p *sendPeer) Close() error { return p.pc.Close() }
