package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/frames"
	"github.com/sluice-live/sluice/ingest/gst"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/pull"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/ingest/rtmp"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/srt"
	"github.com/sluice-live/sluice/ingest/transformed"
	"github.com/sluice-live/sluice/ingest/turn"
	"github.com/sluice-live/sluice/ingest/upload"
	"github.com/sluice-live/sluice/public/panics"
)

// Server receives WebRTC on its sockets and answers the HTTP requests that set it up.
type Server struct {
	opts         Options
	timers       timers
	sockets      *sockets
	outgoing     *session.Peers // of connections that the server makes
	peers        *session.Peers
	packets      *media.PacketPool
	forwarders   *egress.Forwarders
	sessions     *session.Registry
	viewers      *egress.Viewers
	rooms        *room.Rooms
	uploads      *upload.Uploads
	pictures     *frames.Frames
	transformed  *transformed.Streams
	reductions   *transformed.Reductions
	pulls        *pull.Streams // nil: streams are our own
	gst          *gst.Hub
	rates        *rateLimiter
	pictureRates *rateLimiter
	messages     channel.Counters
	channels     *channel.Streams
	turn         *turn.Server // nil: off
	rtmp         *rtmp.Server // nil: off
	srt          *srt.Server  // nil: off
}

// New binds the sockets. Run gives them back.
func New(o Options) (*Server, error) { return newServer(o, defaultTimers()) }

func newServer(o Options, ts timers) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("ingest options: %w", err)
	}
	o = o.withDefaults()
	pionLog := &slogFactory{o.Logger}
	sockets, err := listen(o, ts, pionLog)
	if err != nil {
		return nil, err
	}
	settings := newSettings(sockets, ts, pionLog)
	if err := announce(&settings, o.PublicIPs); err != nil {
		_ = sockets.close()
		return nil, fmt.Errorf("announce public addresses: %w", err)
	}
	s := &Server{
		opts: o, timers: ts, sockets: sockets, peers: session.NewPeers(settings, sockets.shared()), outgoing: session.NewPeers(settings, session.Sockets{}), packets: media.NewPacketPool(), forwarders: egress.NewForwarders(),
		rates: newRateLimiter(o.RequestsPerSecond), pictureRates: newRateLimiter(frames.Rate),
	}
	if err := s.listenTURN(pionLog); err != nil {
		return nil, errors.Join(err, sockets.close())
	}
	s.viewers = egress.NewViewers(s.forwarders, sockets.batches, o.viewerLinger(), o.OnViewers)
	s.gst = gst.NewHub(o.Hidden)
	s.channels = channel.NewStreams(&s.messages, s.publisherOf)
	s.transformed = transformed.New(s.transformedConfig())
	s.reductions = transformed.NewReductions(s.reductionsConfig())
	s.sessions = session.NewRegistry(o.limits(), session.Several{s.reductions, followers{s.viewers, s.gst}, s.channels, s.transformed})
	s.pulls = s.pullStreams()
	s.rooms = room.NewRooms(s.roomConfig())
	s.uploads = upload.NewUploads(s.uploadConfig())
	s.pictures = frames.New(s.pictureConfig(), runtime.GOMAXPROCS(0))
	if err := s.listenEncoders(); err != nil {
		return nil, errors.Join(err, s.closeTURN(), sockets.close())
	}
	return s, nil
}

// Run serves until ctx ends. Then it ends all sessions, closes the sockets and waits for every goroutine.
func (s *Server) Run(ctx context.Context) error {
	var forwarding sync.WaitGroup
	forward, stop := context.WithCancel(context.WithoutCancel(ctx))
	forwarding.Go(func() {
		panics.Keep(forward, s.opts.Logger, "the forwarding to viewers", func() { s.forwarders.Run(forward) })
	})
	received := s.receive(context.WithoutCancel(ctx))
	<-ctx.Done()
	s.sessions.Stop()
	if s.pulls != nil {
		s.pulls.Close()
	}
	received()
	s.sessions.Wait()
	s.transformed.Close()
	s.reductions.Close()
	stop()
	forwarding.Wait()
	if err := errors.Join(s.sockets.close(), s.closeTURN()); err != nil {
		return fmt.Errorf("close media sockets: %w", err)
	}
	return nil
}

// UDPAddr is where media is received.
func (s *Server) UDPAddr() net.Addr { return s.sockets.udpAddr }

// TCPAddr is where media is received over TCP; nil when that is off.
func (s *Server) TCPAddr() net.Addr {
	if s.sockets.tcpAddr == nil {
		return nil
	}
	return s.sockets.tcpAddr
}

// Sessions are those of publishers, viewers, echoes, uploads and participants.
func (s *Server) Sessions() *session.Registry { return s.sessions }

// Viewers are those of all streams, over WHEP.
func (s *Server) Viewers() *egress.Viewers { return s.viewers }

// Transformed are the streams that are transformed for viewers over WHEP.
func (s *Server) Transformed() *transformed.Streams { return s.transformed }

// Reductions are the streams whose video is made at a lower bit rate for viewers over WHEP.
func (s *Server) Reductions() *transformed.Reductions { return s.reductions }

// Channels are the data channels of streams: of who publishes them, and of their viewers.
func (s *Server) Channels() *channel.Streams { return s.channels }

// Messages counts those of all data channels.
func (s *Server) Messages() *channel.Counters { return &s.messages }

// publisherOf is the session that publishes a stream; "" when nobody does.
func (s *Server) publisherOf(stream string) string {
	if p, ok := s.sessions.Publisher(stream); ok {
		return p.ID()
	}
	return ""
}

// Rooms are those in which somebody is.
func (s *Server) Rooms() *room.Rooms { return s.rooms }

func (s *Server) roomConfig() room.Config {
	return room.Config{
		Sessions: s.sessions, Peers: s.peers, Messages: &s.messages, Forwarders: s.forwarders, Packets: s.packets, Timers: s.timers.rooms, Connect: s.timers.connect,
		Body: s.timers.body, MaxRooms: s.opts.MaxStreams, MaxParticipants: s.opts.MaxParticipants, PublicIPs: s.opts.PublicIPs,
		ICEServers: s.signalServers, MayEnter: s.opts.MayEnter, OnPublish: s.opts.OnPublish, OnPassage: s.opts.OnRoom, MayAsk: s.mayAsk, Logger: s.opts.Logger,
	}
}

func (s *Server) uploadConfig() upload.Config {
	return upload.Config{
		Sessions: s.sessions, Packets: s.packets, Timers: s.timers.uploads, Connect: s.timers.connect, Body: s.timers.body,
		OnPublish: s.opts.OnPublish, Logger: s.opts.Logger, FFmpeg: s.opts.FFmpeg, Run: s.opts.RunFFmpeg,
	}
}

func (s *Server) pictureConfig() frames.Config {
	return frames.Config{
		Tools: s.opts.Frames, Sessions: s.sessions, Packets: s.packets, Connect: s.timers.connect, Body: s.timers.body,
		OnPublish: s.opts.OnPublish, Logger: s.opts.Logger,
	}
}

func (s *Server) transformedConfig() transformed.Config {
	return transformed.Config{
		Transform: s.opts.Transform, Viewers: s.viewers, Packets: s.packets, Most: s.opts.MaxTransformed, Linger: s.timers.transformed, Logger: s.opts.Logger,
	}
}

func (s *Server) reductionsConfig() transformed.ReductionsConfig {
	c := transformed.ReductionsConfig{
		Reduce: s.opts.Reduce, Room: s.opts.Room, Packets: s.packets, Most: s.opts.MaxReduced, Linger: s.timers.reduced, Logger: s.opts.Logger,
	}
	if s.opts.Origin != nil && !s.opts.Beside {
		c.Reduce = nil
	}
	return c
}
