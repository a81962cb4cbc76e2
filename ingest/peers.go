package ingest

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// timers of a session. A pair is disconnected when nothing has come for the first, and has failed the second time later:
// together below the 30 s after which consent is lost (RFC 7675 §5.1).
type timers struct {
	disconnected, failed, keepAlive time.Duration
	connect                         time.Duration // for ICE and DTLS together
	body                            time.Duration // for a request's body
}

func defaultTimers() timers {
	return timers{disconnected: 5 * time.Second, failed: 15 * time.Second, keepAlive: 2 * time.Second, connect: 30 * time.Second, body: 10 * time.Second}
}

// Payload types in our own tables; sessions use those of the offer.
const (
	payloadVP8  = 96
	payloadRTX  = 97
	payloadOpus = 111
)

// resendPackets is how many packets of a viewer's video can be sent again: 3 s at 1.5 Mbit/s. A power of two.
const resendPackets = 512

// peers makes peer connections; codecs, header extensions, interceptors and sockets are set up once for all of them.
type peers struct {
	receiving, sending *webrtc.API

	mu    sync.Mutex
	built *feedback // by NewInterceptor for the connection being made
}

func newPeers(settings webrtc.SettingEngine) (*peers, error) {
	p := &peers{}
	var err, err2 error
	p.receiving, err = p.newAPI(settings, receiveFeedback)
	p.sending, err2 = p.newAPI(settings, sendFeedback)
	return p, errors.Join(err, err2)
}

func (p *peers) newAPI(settings webrtc.SettingEngine, configure func(*webrtc.MediaEngine, *interceptor.Registry) error) (*webrtc.API, error) {
	media, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	registry.Add(parsedHeaders{}) // before those that read headers
	registry.Add(p)               // before those that send feedback
	if err := errors.Join(registerCodecs(media), configure(media, registry)); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)), nil
}

// open makes a peer connection, of a viewer or of somebody who sends, and the counters of what it sends back.
func (p *peers) open(viewer bool) (*webrtc.PeerConnection, *feedback, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	api := p.receiving
	if viewer {
		api = p.sending
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	return pc, p.built, err
}

// NewInterceptor implements interceptor.Factory. It runs inside open.
func (p *peers) NewInterceptor(string) (interceptor.Interceptor, error) {
	p.built = &feedback{}
	return p.built, nil
}

// registerCodecs sets up VP8 with retransmission and Opus. Two header extensions are left out on purpose. Without orientation
// (urn:3gpp:video-orientation) the sender turns the picture itself, and recordings stay upright. Without MID, pion tells
// sources that were not declared in the offer by their payload type; with it, it would want the marks of simulcast too.
func registerCodecs(media *webrtc.MediaEngine) error {
	for _, c := range []webrtc.RTPCodecParameters{videoCodec(), retransmission()} {
		if err := media.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	return media.RegisterCodec(audioCodec(), webrtc.RTPCodecTypeAudio)
}

// sendFeedback answers NACKs of viewers from their last packets, 750 KiB each at most. Sender reports are the viewer's own.
func sendFeedback(media *webrtc.MediaEngine, registry *interceptor.Registry) error {
	responder, err := nack.NewResponderInterceptor(nack.ResponderSize(resendPackets))
	if err != nil {
		return err
	}
	registry.Add(responder)
	media.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBNACK}, webrtc.RTPCodecTypeVideo)
	media.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"}, webrtc.RTPCodecTypeVideo)
	return nil
}

// receiveFeedback asks for what is lost and tells senders what has come.
func receiveFeedback(media *webrtc.MediaEngine, registry *interceptor.Registry) error {
	if err := webrtc.ConfigureNack(media, registry); err != nil {
		return err
	}
	if err := webrtc.ConfigureRTCPReports(registry); err != nil {
		return err
	}
	return webrtc.ConfigureTWCCSender(media, registry)
}

func videoCodec() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		PayloadType: payloadVP8,
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"}},
		},
	}
}

func retransmission() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		PayloadType:        payloadRTX,
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"},
	}
}

func audioCodec() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		PayloadType: payloadOpus,
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		},
	}
}

// newSettings holds what all connections share. The agent is a full one, not ICE-lite: it notices by its own checks that a
// peer has gone, and reaches peers that are behind a NAT while the server is too.
func newSettings(s *sockets, ts timers, log *slogFactory) webrtc.SettingEngine {
	var e webrtc.SettingEngine
	e.LoggerFactory = log
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetIncludeLoopbackCandidate(s.loopback)
	e.SetICETimeouts(ts.disconnected, ts.failed, ts.keepAlive)
	e.SetICEUDPMux(s.udp)
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if s.tcp != nil {
		e.SetICETCPMux(s.tcp)
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	e.SetNetworkTypes(networks)
	e.DisableActiveTCP(true)
	return e
}

// feedback counts the RTCP that one connection sends.
type feedback struct {
	interceptor.NoOp
	nacks, plis atomic.Uint64
}

// BindRTCPWriter implements interceptor.Interceptor.
func (f *feedback) BindRTCPWriter(next interceptor.RTCPWriter) interceptor.RTCPWriter {
	return interceptor.RTCPWriterFunc(func(packets []rtcp.Packet, a interceptor.Attributes) (int, error) {
		for _, p := range packets {
			f.count(p)
		}
		return next.Write(packets, a)
	})
}

func (f *feedback) count(p rtcp.Packet) {
	switch p := p.(type) {
	case *rtcp.TransportLayerNack:
		for _, pair := range p.Nacks {
			f.nacks.Add(uint64(len(pair.PacketList())))
		}
	case *rtcp.PictureLossIndication:
		f.plis.Add(1)
	}
}
