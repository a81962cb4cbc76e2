package session

import (
	"errors"
	"slices"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
)

// Peers makes peer connections, each with the codecs of its offer and no others. Sockets and settings are the same for all.
type Peers struct {
	settings webrtc.SettingEngine
	sockets  Sockets
}

// NewPeers makes what makes peer connections with these settings and sockets; without sockets each has its own.
func NewPeers(settings webrtc.SettingEngine, sockets Sockets) *Peers {
	return &Peers{settings, sockets}
}

// Open makes a peer connection for the offer, of a viewer or of somebody who sends, and its link.
//
// Two header extensions are left out on purpose. Without orientation (urn:3gpp:video-orientation) the sender turns the picture
// itself, and recordings stay upright. With MID, pion wants the marks of simulcast too, so it is there for a simulcast alone.
func (p *Peers) Open(o *offer.Offer, viewer bool) (*webrtc.PeerConnection, *Link, error) {
	engine, registry, link := &webrtc.MediaEngine{}, &interceptor.Registry{}, &Link{}
	registry.Add(parsedHeaders{}) // before those that read headers
	registry.Add(&link.sent)      // before those that send feedback
	err := o.Register(engine)
	if o.Video != nil {
		err = errors.Join(err, describeFrames(engine, *o.Video))
	}
	if viewer {
		takeFeedback(engine)
		err = errors.Join(err, takeArrivals(engine))
		link.control = bandwidth.NewController(time.Now())
	} else {
		err = errors.Join(err, receiveFeedback(engine, registry))
	}
	if err != nil {
		return nil, nil, err
	}
	pc, err := p.api(engine, registry, link).NewPeerConnection(Bundled())
	return pc, link, err
}

// Ask makes the peer connection of what comes from another server in one of these formats, and its link.
func (p *Peers) Ask(formats ...media.Format) (*webrtc.PeerConnection, *Link, error) {
	engine, registry, link := &webrtc.MediaEngine{}, &interceptor.Registry{}, &Link{}
	registry.Add(parsedHeaders{}) // before those that read headers
	registry.Add(&link.sent)      // before those that send feedback
	var err error
	for _, f := range formats {
		err = errors.Join(err, offer.Register(engine, f))
	}
	if err = errors.Join(err, describeFrames(engine, formats...), receiveFeedback(engine, registry)); err != nil {
		return nil, nil, err
	}
	pc, err := p.api(engine, registry, link).NewPeerConnection(Bundled())
	return pc, link, err
}

func (p *Peers) api(engine *webrtc.MediaEngine, registry *interceptor.Registry, link *Link) *webrtc.API {
	settings, kept := p.settings, &interceptor.Registry{}
	settings.BufferFactory = link.streams.open
	if p.sockets.UDP != nil {
		settings.SetICEUDPMux(boundedUDP{p.sockets.UDP, &link.streams})
	}
	if p.sockets.TCP != nil {
		settings.SetICETCPMux(boundedTCP{p.sockets.TCP, &link.streams})
	}
	kept.Add(keptChain{registry, link})
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(kept), webrtc.WithSettingEngine(settings))
}

// Bundled is the configuration of all peer connections: one transport for all media (RFC 9143).
func Bundled() webrtc.Configuration {
	return webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle}
}

// Meet returns what makes the peer connection of one participant of a room, who sends and gets these formats, in layers too if simulcast says so,
// and its link.
func (p *Peers) Meet(simulcast bool, formats ...media.Format) (*webrtc.API, *Link, error) {
	engine, registry, link := &webrtc.MediaEngine{}, &interceptor.Registry{}, &Link{control: bandwidth.NewController(time.Now())}
	registry.Add(parsedHeaders{}) // before those that read headers
	registry.Add(&link.sent)      // before those that send feedback
	reports, err := report.NewReceiverInterceptor()
	if err != nil {
		return nil, nil, err
	}
	registry.Add(reports) // those of what is sent are the viewers' own
	for _, f := range formats {
		err = errors.Join(err, offer.Register(engine, f))
	}
	err = errors.Join(
		err,
		engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.AudioLevelURI}, webrtc.RTPCodecTypeAudio),
		askAgain(registry), webrtc.ConfigureTWCCSender(engine, registry),
	)
	takeFeedback(engine)
	if simulcast {
		err = errors.Join(err, webrtc.ConfigureSimulcastExtensionHeaders(engine)) // packets tell which layer they are of (RFC 8852)
	}
	settings := p.settings
	// Both sides offer in turn, and the roles of DTLS stay what they were at first (RFC 8842 §5.5): the client answers a=setup:active.
	if err := errors.Join(err, settings.SetAnsweringDTLSRole(webrtc.DTLSRoleServer)); err != nil {
		return nil, nil, err
	}
	return (&Peers{settings, p.sockets}).api(engine, registry, link), link, nil
}

// askAgain asks for packets that are lost.
func askAgain(registry *interceptor.Registry) error {
	generator, err := nack.NewGeneratorInterceptor()
	if err == nil {
		registry.Add(generator)
	}
	return err
}

// takeFeedback makes viewers tell what they have lost. That is answered from the viewer's buffer, and sender reports are its own
// too.
func takeFeedback(engine *webrtc.MediaEngine) {
	engine.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBNACK}, webrtc.RTPCodecTypeVideo)
	engine.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"}, webrtc.RTPCodecTypeVideo)
}

// describeFrames has packets tell what layer they are of in a header extension, where one of the codecs needs that.
func describeFrames(engine *webrtc.MediaEngine, formats ...media.Format) error {
	described := func(f media.Format) bool { return f.Codec != nil && f.Codec.Described != nil }
	if !slices.ContainsFunc(formats, described) {
		return nil
	}
	return engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: media.DescriptorURI}, webrtc.RTPCodecTypeVideo)
}

// takeArrivals makes viewers tell when each packet has come (draft-holmer-rmcat-transport-wide-cc-extensions-01).
func takeArrivals(engine *webrtc.MediaEngine) (err error) {
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		engine.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC}, kind)
		err = errors.Join(err, engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.TransportCCURI}, kind))
	}
	return err
}

// receiveFeedback asks for what is lost and tells senders what has come.
func receiveFeedback(engine *webrtc.MediaEngine, registry *interceptor.Registry) error {
	if err := webrtc.ConfigureNack(engine, registry); err != nil {
		return err
	}
	if err := webrtc.ConfigureRTCPReports(registry); err != nil {
		return err
	}
	return webrtc.ConfigureTWCCSender(engine, registry)
}
