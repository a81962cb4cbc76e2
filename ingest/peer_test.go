package ingest

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/stretchr/testify/require"
)

// peer is a client with its own connection.
type peer struct {
	testing.TB
	pc           *webrtc.PeerConnection
	net          *silencer
	onRTCP       func(rtcp.Packet) // set before connecting
	video, audio *webrtc.TrackLocalStaticRTP
	mark         []byte // at the end of each packet of video; set before keepSending
	connected    chan struct{}
	location     string
	etag         string
	answer       string
}

type peerOptions struct {
	direction webrtc.RTPTransceiverDirection
	audioOnly bool
	answers   bool // it waits for an offer, and has nothing to send
	dataOnly  bool
	simulcast bool   // its packets tell their layer
	red       bool   // it prefers to send sound with redundancy
	codec     string // MIME type of the only one it has; all, when empty, and VP8 is sent
	networks  []webrtc.NetworkType
	wrap      func(transport.UDPConn) transport.UDPConn // its sockets, if not nil
	servers   []webrtc.ICEServer                        // if any, it reaches nothing but these TURN servers
}

// silencer is a network that can be cut.
type silencer struct {
	transport.Net
	wrap func(transport.UDPConn) transport.UDPConn
	cut  atomic.Bool
}

func (s *silencer) ListenUDP(network string, addr *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := s.Net.ListenUDP(network, addr)
	if err == nil && s.wrap != nil {
		conn = s.wrap(conn)
	}
	return &silencedConn{conn, s}, err
}

type silencedConn struct {
	transport.UDPConn
	net *silencer
}

func (c *silencedConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if c.net.cut.Load() {
		return len(b), nil
	}
	return c.UDPConn.WriteTo(b, addr)
}

// vanish cuts the peer off without a word.
func (p *peer) vanish() { p.net.cut.Store(true) }

func newPeer(t testing.TB, o peerOptions) *peer {
	t.Helper()
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.LoggerFactory = &slogFactory{slog.New(slog.DiscardHandler)}
	if o.networks != nil {
		e.SetNetworkTypes(o.networks)
	}
	base, err := stdnet.NewNet()
	require.NoError(t, err)
	network := &silencer{Net: base, wrap: o.wrap}
	e.SetNet(network)
	engine, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	video := mediatest.Format(webrtc.MimeTypeVP8)
	if o.red {
		preferred := mediatest.Opus()
		preferred.Red = "63"
		redundant := webrtc.RTPCodecParameters{RTPCodecCapability: preferred.REDCapability(), PayloadType: 63}
		require.NoError(t, engine.RegisterCodec(redundant, webrtc.RTPCodecTypeAudio))
	}
	if o.codec == "" {
		require.NoError(t, engine.RegisterDefaultCodecs())
	} else {
		video = mediatest.Format(o.codec)
		require.NoError(t, offer.Register(engine, video))
		require.NoError(t, offer.Register(engine, mediatest.Opus()))
	}
	if o.simulcast {
		require.NoError(t, webrtc.ConfigureSimulcastExtensionHeaders(engine))
	}
	require.NoError(t, webrtc.RegisterDefaultInterceptors(engine, registry))
	require.NoError(t, webrtc.ConfigureTWCCHeaderExtensionSender(engine, registry)) // as browsers do
	api := webrtc.NewAPI(webrtc.WithSettingEngine(e), webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry))
	configuration := webrtc.Configuration{}
	if o.servers != nil {
		configuration = webrtc.Configuration{ICEServers: o.servers, ICETransportPolicy: webrtc.ICETransportPolicyRelay}
	}
	pc, err := api.NewPeerConnection(configuration)
	require.NoError(t, err)
	p := &peer{TB: t, pc: pc, net: network, connected: make(chan struct{}, 8)}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			p.connected <- struct{}{}
		}
	})
	if o.direction == 0 {
		o.direction = webrtc.RTPTransceiverDirectionSendonly
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	if o.answers || o.dataOnly {
		return p
	}
	p.audio = p.add(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, o.direction)
	if !o.audioOnly {
		p.video = p.add(webrtc.RTPCodecCapability{MimeType: video.Codec.MimeType, ClockRate: 90000, SDPFmtpLine: video.Parameters}, o.direction)
	}
	return p
}

func (p *peer) add(c webrtc.RTPCodecCapability, direction webrtc.RTPTransceiverDirection) *webrtc.TrackLocalStaticRTP {
	if direction == webrtc.RTPTransceiverDirectionRecvonly {
		_, err := p.pc.AddTransceiverFromKind(webrtc.NewRTPCodecType(c.MimeType[:5]), webrtc.RTPTransceiverInit{Direction: direction})
		require.NoError(p, err)
		return nil
	}
	local, err := webrtc.NewTrackLocalStaticRTP(c, c.MimeType[:5], "stream")
	require.NoError(p, err)
	tr, err := p.pc.AddTransceiverFromTrack(local, webrtc.RTPTransceiverInit{Direction: direction})
	require.NoError(p, err)
	go func() { // interceptors see feedback only if somebody reads it
		b := make([]byte, 1500)
		for {
			n, _, err := tr.Sender().Read(b)
			if err != nil {
				return
			}
			packets, _ := rtcp.Unmarshal(b[:n])
			for _, packet := range packets {
				if p.onRTCP != nil {
					p.onRTCP(packet)
				}
			}
		}
	}()
	return local
}

func (p *peer) offer() string {
	p.Helper()
	gathered := webrtc.GatheringCompletePromise(p.pc)
	o, err := p.pc.CreateOffer(nil)
	require.NoError(p, err)
	require.NoError(p, p.pc.SetLocalDescription(o))
	<-gathered
	return p.pc.LocalDescription().SDP
}

// publish posts the offer and applies the answer.
func (p *peer) publish(f *fixture, path string) {
	p.Helper()
	resp := f.post(path, p.offer())
	p.answer = text(p, resp)
	require.Equal(p, http.StatusCreated, resp.StatusCode, p.answer)
	p.location, p.etag = resp.Header.Get("Location"), resp.Header.Get("ETag")
	require.NoError(p, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.answer}))
}

func (p *peer) waitConnected() {
	p.Helper()
	rtptest.Wait(p, p.connected, "the connection")
}
