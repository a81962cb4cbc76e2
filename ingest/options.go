package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/frames"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/pull"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/ingest/transformed"
	"github.com/sluice-live/sluice/ingest/turn"
	"github.com/sluice-live/sluice/ingest/upload"
)

// Limits that hold unless Options says otherwise, and those that nobody needs to change.
const (
	defaultMaxSDP                  = 64 << 10
	defaultMaxStreams              = 64
	defaultMaxViewers              = 256
	defaultViewerLinger            = 30 * time.Second
	defaultMaxSessions             = 256
	defaultMaxPerAddress           = 64
	defaultMaxConnecting           = 16
	defaultMaxTCP                  = 1024
	defaultMaxTCPPerAddress        = 64
	defaultRequestsPerSecond       = 20
	defaultMaxParticipants         = 16
	defaultMaxRelays               = 1024
	relaysPerSession               = 4 // that a client may have: browsers try UDP and TCP from each of their addresses
	burstSeconds                   = 5 // of requests that an address may save up
	maxFragment              int64 = 16 << 10
)

// Options configures a Server. The zero value listens on a free UDP port of the loopback address.
type Options struct {
	// UDPListen is the host:port for the media of all peers. An empty host, 0.0.0.0 or [::] means every interface.
	// Port 0 takes a free one. Default: 127.0.0.1:0.
	UDPListen string
	// TCPListen is the host:port of the fallback for networks that block UDP (RFC 6544, passive). Default: off.
	TCPListen string
	// MaxTCPConnections bounds the TCP connections of all peers; further ones wait to be accepted. Default: 1024.
	MaxTCPConnections int
	// MaxTCPConnectionsPerAddress bounds those of one client address; further ones are closed. Default: 64.
	MaxTCPConnectionsPerAddress int
	// PublicIPs are announced besides the sockets' own addresses, for a server behind 1:1 NAT.
	PublicIPs []string
	// ICEServers are announced to clients by Link (RFC 9725 §4.6). The server itself does not use them.
	ICEServers []ICEServer
	// TURNListen is the host:port, UDP and TCP, of a TURN server for clients that reach nothing else; it relays to the media of this server
	// and between clients, and is announced with credentials that are good for a day. Default: off.
	TURNListen string
	// MaxRelays bounds the relays of the TURN server, and its TCP connections; one more gets 508. Default: 1024.
	MaxRelays int
	// RTMPListen is the host:port where streams are received over RTMP. Default: off.
	RTMPListen string
	// RTMPSListen is the host:port where they are received over RTMP in TLS. Default: off.
	RTMPSListen string
	// Certificate is that of handshakes there; it is required with RTMPSListen, and called once Run has been.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// SRTListen is the host:port where streams are received over SRT. Default: off.
	SRTListen string
	// SRTPassphrase is what they are encrypted with, 10 to 79 characters. Default: they are not.
	SRTPassphrase string
	// VideoCodecs are those that publishers may send: vp8, vp9, h264 and av1, in order of preference. Of an offer the first of
	// them that it has is taken. Default: all of them, and of each offer the one that the publisher has put first.
	VideoCodecs []string
	// FFmpeg is the program that makes Opus of the AAC of uploads. Default: ffmpeg.
	FFmpeg string
	// RunFFmpeg runs that, and keeps it from all else. Default: it may do what this process may.
	RunFFmpeg upload.Run
	// Frames is what is done with still pictures that come one by one. Default: none are taken.
	Frames frames.Tools
	// Transform makes what viewers get who ask for the stream transformed. Default: they are refused.
	Transform transformed.Func
	// MaxTransformed bounds the streams that are transformed for viewers at once; viewers of one more get 503. Default: one for each two cores.
	MaxTransformed int
	// Reduce makes the video of publishers who send one layer of VP8 or H.264 at a lower bit rate, for viewers over WHEP whose networks are too
	// slow for the whole. Default: they get what their networks carry of it. It is never called where there is an Origin.
	Reduce transformed.ReduceFunc
	// MaxReduced bounds the streams whose video is made so at once. Default: one for each two cores, and none on a machine with one.
	MaxReduced int
	// Room reports, if set, why the machine has no room for one more.
	Room func(ctx context.Context) error
	// Logger gets what operators need to know. Default: slog.Default().
	Logger *slog.Logger
	// MaxStreams bounds publishers; one more gets 503. Default: 64.
	MaxStreams int
	// RefuseTakeover answers 409 to a publisher whose stream another one publishes, as long as that one's media flows. Otherwise
	// the newer one takes over with its first packet.
	RefuseTakeover bool
	// MaxSessions bounds sessions of publishers, echoes and participants; one more gets 503. Default: 256.
	MaxSessions int
	// MaxViewers bounds viewers of all streams together; one more gets 503. Default: 256.
	MaxViewers int
	// ViewerLinger is how long viewers stay connected while nobody publishes their stream; then they are ended. Default: 30 s.
	ViewerLinger time.Duration
	// MaxSessionsPerAddress bounds sessions of one client address (IPv6: one /64); one more gets 429. Default: 64.
	MaxSessionsPerAddress int
	// MaxConnectingPerAddress bounds those of them that have not connected yet; one more gets 429. Default: 16.
	MaxConnectingPerAddress int
	// MaxBitrate bounds what a client sends, in bit/s over 5 s. More is told, and ends the session after another 5 s. 0: no bound.
	MaxBitrate int64
	// MaxParticipants bounds those of one room; one more gets 503. There are at most MaxStreams rooms. Default: 16.
	MaxParticipants int
	// RequestsPerSecond bounds POST, PATCH and DELETE of one client address in the long run; five seconds' worth may come
	// at once. More get 429. Default: 20.
	RequestsPerSecond float64
	// MaxSDP is the longest offer in bytes; a longer one gets 413. Default: 64 KiB.
	MaxSDP int64
	// OnPublish is called for each publisher when its offer has been accepted and before the answer is sent, so that what
	// follows can prepare itself while ICE and DTLS run. The stream is the publisher's once it has begun. An error ends the session: its
	// text goes to the client with 503.
	OnPublish func(*session.Publisher) error
	// OnRoom, if set, hears who enters a room and who leaves it, in each room's order. It must not block.
	OnRoom func(room.Passage)
	// OnViewers, if set, hears how many viewers of a stream are connected by now, when one more is. It must not block.
	OnViewers func(stream string, viewers int)
	// MayEnter refuses who may not publish a stream, or enter a room; "" is the echo, or any of them. Default: nobody is refused.
	MayEnter session.Judge
	// Hidden reports whether a stream is in no list. Default: none is.
	Hidden func(stream string) bool
	// Sockets binds what is listened on, but for SRT, whose library binds its own. Default: the system does.
	Sockets Sockets
	// Origin, if set, is where the streams come from that viewers over WHEP ask for, as long as they are watched. It is made of the first
	// request for each, and is to be forgotten with it but for what speaks for all who watch. Default: streams are published here.
	Origin func(r *http.Request, stream string) pull.Origin
	// Beside has others than Origin be published here: it returns nil for what is ours. Viewers stay no longer than ViewerLinger for either.
	Beside bool
	// SessionPrefix stands before the random name of each session in its address, so that who passes requests on knows where to. Default: nothing.
	SessionPrefix string
	// MayWatch refuses who may not watch a stream. Default: nobody is refused.
	MayWatch session.Judge
}

// Sockets binds the sockets of a Server, each for an option such as TCPListen, and knows then which they are.
type Sockets interface {
	ListenTCP(option, address string) (*net.TCPListener, error)
	ListenUDP(option, network, address string) (*net.UDPConn, error)
}

// ICEServer is a STUN or TURN server that clients are told about.
type ICEServer struct {
	URLs       []string // stun:, turn: or turns: (RFC 7064, RFC 7065)
	Username   string
	Credential string
	Secret     string // which the server shares, in place of both: clients get credentials that are good for a day (draft-uberti-behave-turn-rest)
}

// told is the server as one client is told about it.
func (s ICEServer) told() ICEServer {
	if s.Secret != "" {
		s.Username, s.Credential = turn.Credentials(s.Secret)
	}
	return s
}

// OptionError is one fault of Options.
type OptionError struct {
	Option string // the field's name, such as "ICEServers"
	Reason string // what is wrong and what to write instead
}

// Error is the fault in one line.
func (e *OptionError) Error() string { return e.Option + ": " + e.Reason }

// optionFaults gathers what is wrong with Options.
type optionFaults []error

// want records a fault unless ok.
func (f *optionFaults) want(ok bool, option, format string, args ...any) {
	if !ok {
		*f = append(*f, &OptionError{option, fmt.Sprintf(format, args...)})
	}
}

// Validate reports all faults at once, each an [*OptionError] within what errors.Join returns.
func (o Options) Validate() error {
	var faults optionFaults
	faults.want(o.UDPListen == "" || isAddress(o.UDPListen), "UDPListen", "%q is not host:port", o.UDPListen)
	faults.want(o.TCPListen == "" || isAddress(o.TCPListen), "TCPListen", "%q is not host:port", o.TCPListen)
	faults.want(o.TURNListen == "" || isAddress(o.TURNListen), "TURNListen", "%q is not host:port", o.TURNListen)
	faults.want(o.SRTListen == "" || isAddress(o.SRTListen), "SRTListen", "%q is not host:port", o.SRTListen)
	n := len(o.SRTPassphrase)
	faults.want(n == 0 || 10 <= n && n <= 79, "SRTPassphrase", "a passphrase of %d characters: SRT needs 10 to 79", n)
	faults.want(o.RTMPListen == "" || isAddress(o.RTMPListen), "RTMPListen", "%q is not host:port", o.RTMPListen)
	faults.want(o.RTMPSListen == "" || isAddress(o.RTMPSListen), "RTMPSListen", "%q is not host:port", o.RTMPSListen)
	for _, ip := range o.PublicIPs {
		_, err := netip.ParseAddr(ip)
		faults.want(err == nil, "PublicIPs", "%q: write an address such as 203.0.113.7", ip)
	}
	for _, s := range o.ICEServers {
		s.check(&faults)
	}
	for i, codec := range o.VideoCodecs {
		faults.want(slices.Contains(offer.VideoCodecNames(), codec), "VideoCodecs", "%q is none of %s", codec, strings.Join(offer.VideoCodecNames(), ", "))
		faults.want(!slices.Contains(o.VideoCodecs[:i], codec), "VideoCodecs", "%s is there twice", codec)
	}
	o.checkLimits(&faults)
	return errors.Join(faults...)
}

// isAddress reports whether s is host:port. Whether there is such a host is seen when it is listened on.
func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

// checkLimits wants 0, which is the default, or a positive number.
func (o Options) checkLimits(faults *optionFaults) {
	limit := func(option string, n float64) {
		faults.want(n >= 0, option, "%v: write 0 for the default or a positive number", n)
	}
	limit("MaxStreams", float64(o.MaxStreams))
	limit("MaxSessions", float64(o.MaxSessions))
	limit("MaxViewers", float64(o.MaxViewers))
	limit("ViewerLinger", o.ViewerLinger.Seconds())
	limit("MaxSessionsPerAddress", float64(o.MaxSessionsPerAddress))
	limit("MaxConnectingPerAddress", float64(o.MaxConnectingPerAddress))
	limit("MaxTCPConnections", float64(o.MaxTCPConnections))
	limit("MaxTCPConnectionsPerAddress", float64(o.MaxTCPConnectionsPerAddress))
	limit("MaxParticipants", float64(o.MaxParticipants))
	limit("MaxRelays", float64(o.MaxRelays))
	faults.want(o.MaxBitrate >= 0, "MaxBitrate", "%d: write 0 for none or a positive number of bit/s", o.MaxBitrate)
	limit("MaxTransformed", float64(o.MaxTransformed))
	limit("RequestsPerSecond", o.RequestsPerSecond)
	limit("MaxSDP", float64(o.MaxSDP))
}

// check refuses what cannot stand in a Link header: naive clients split it on commas and semicolons.
func (s ICEServer) check(faults *optionFaults) {
	want := func(ok bool, format string, args ...any) { faults.want(ok, "ICEServers", format, args...) }
	if len(s.URLs) == 0 {
		want(false, "a server without URL: write stun:host:port or turn:host:port")
		return
	}
	for _, u := range s.URLs {
		scheme, rest, _ := strings.Cut(u, ":")
		known := slices.Contains([]string{"stun", "stuns", "turn", "turns"}, scheme)
		want(known && rest != "" && !strings.ContainsAny(u, "<>,;\" \r\n"), "%q: write stun:host:port, turn:host:port or turns:host:port", u)
	}
	want(!strings.ContainsAny(s.Username+s.Credential, ",;\"\\\r\n"), "%q: user name and credential must be free of , ; \" and \\", s.URLs[0])
}

func (o Options) limits() session.Limits {
	return session.Limits{
		Logger: o.Logger, Streams: o.MaxStreams, Sessions: o.MaxSessions, Viewers: o.MaxViewers, PerAddress: o.MaxSessionsPerAddress, Connecting: o.MaxConnectingPerAddress,
		Bitrate: o.MaxBitrate, RefuseTakeover: o.RefuseTakeover, Prefix: o.SessionPrefix,
	}
}

// signalServers are the ICE servers as a client of a room is told about them.
func (s *Server) signalServers() []signal.ICEServer {
	var servers []signal.ICEServer
	for _, i := range s.ICEServers() {
		servers = append(servers, signal.ICEServer{URLs: i.URLs, Username: i.Username, Credential: i.Credential})
	}
	return servers
}

func (o Options) withDefaults() Options {
	o.UDPListen = orDefault(o.UDPListen, "127.0.0.1:0")
	o.Logger = orDefault(o.Logger, slog.Default())
	if o.Sockets == nil {
		o.Sockets = System{}
	}
	o.MaxStreams = orDefault(o.MaxStreams, defaultMaxStreams)
	o.MaxViewers = orDefault(o.MaxViewers, defaultMaxViewers)
	o.ViewerLinger = orDefault(o.ViewerLinger, defaultViewerLinger)
	o.MaxSessions = orDefault(o.MaxSessions, defaultMaxSessions)
	o.MaxSessionsPerAddress = orDefault(o.MaxSessionsPerAddress, defaultMaxPerAddress)
	o.MaxConnectingPerAddress = orDefault(o.MaxConnectingPerAddress, defaultMaxConnecting)
	o.MaxTCPConnections = orDefault(o.MaxTCPConnections, defaultMaxTCP)
	o.MaxTCPConnectionsPerAddress = orDefault(o.MaxTCPConnectionsPerAddress, defaultMaxTCPPerAddress)
	o.RequestsPerSecond = orDefault(o.RequestsPerSecond, defaultRequestsPerSecond)
	o.MaxSDP = orDefault(o.MaxSDP, defaultMaxSDP)
	o.MaxParticipants = orDefault(o.MaxParticipants, defaultMaxParticipants)
	o.MaxRelays = orDefault(o.MaxRelays, defaultMaxRelays)
	o.MaxReduced = orDefault(o.MaxReduced, runtime.GOMAXPROCS(0)/2)
	o.MaxTransformed = orDefault(o.MaxTransformed, max(runtime.GOMAXPROCS(0)/2, 1)) // as a ladder may use half of the cores
	if o.OnPublish == nil {
		o.OnPublish = func(*session.Publisher) error { return nil }
	}
	return o
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
