// Package config is what sluice is configured with: the keys, how flags, the environment and a YAML file say them, what is wrong
// with them, and how they are shown.
//
// It opens nothing but the file that --config names, and starts nothing.
package config

import (
	"log/slog"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/transcode"
)

// Config is what `sluice serve` runs with. Every field is one key of the
// table in keys.go, which says its name, its help and how it is written.
type Config struct {
	HTTP    HTTP
	HTTPS   HTTPS
	TLS     TLS
	ICE     ICE
	RTMP    RTMP
	SRT     SRT
	Data    string           // directory of live segments and recordings
	Encoder string           // EncoderSoftware, transcode.EncoderAuto or a hardware encoder: what makes renditions of H.264
	Ladder  transcode.Ladder // the best rendition first; empty: cut to what the machine encodes in real time

	Latency string        // LatencyUltra, LatencyLow or LatencyNormal: how far behind the camera viewers over HLS and DASH are
	Segment time.Duration // media segment, a multiple of Part
	Part    time.Duration // CMAF fragment
	Window  time.Duration // length of the live playlists; WindowAll: from the beginning of the broadcast on
	Linger  time.Duration // how long a stream waits for its publisher to return
	// LadderReduce takes renditions away while the machine is too slow for them.
	LadderReduce bool
	// Passthrough lets pictures go to viewers as they come, without an encoder, where players take them.
	Passthrough bool
	Codecs      []string // video codecs that publishers may send, the preferred first; empty: all, as publishers prefer
	// Takeover says what becomes of a second publisher of a stream: TakeoverAllow or TakeoverRefuse.
	Takeover string
	// Transcode says what viewers over WHEP get whose networks are too slow for the only layer of a publisher: TranscodeAuto or TranscodeOff.
	Transcode string
	Logo      string // path of the image that the transform of that name shows; empty: there is none
	// Unlisted are streams that no list has: names, or beginnings of names before a *.
	Unlisted []string
	Slate    string // path of the image that viewers see while the publisher is away; empty: its newest picture

	Record   Record
	Push     Push
	Forward  []Forward // that live streams are pushed to
	Relay    Relay
	Cluster  Cluster
	Webhooks Webhooks
	Auth     Auth
	// Insecure allows an address beyond loopback without Auth.Publish.
	Insecure bool
	Limits   Limits
	Log      Log
	Traces   Traces
	FFmpeg   string // name looked up in PATH, or a path
	OnStop   string // OnStopEnd or OnStopKeep: what becomes of the streams when the service is told to stop
}

// HTTP says where the web server listens, and what is in front of it.
type HTTP struct {
	Listen string // host:port; an empty host means every address
	// TrustedProxies are those whose word on the client is believed: X-Forwarded-For and so on.
	TrustedProxies []netip.Prefix
	Metrics        string // host:port of a server for monitors alone; empty: there is none
	// Hosts are the names in Host that are answered, beside addresses, those of loopback and those that are listened on. Empty: where keys
	// are needed to publish, or by TLS, all others too.
	Hosts    []string
	BasePath string // path below which a reverse proxy shows the service; empty: at the top
	// EmbedOrigins are those whose pages may frame the player alone, beside our own; * is everybody.
	EmbedOrigins []string
}

// HTTPS says where the same is served with TLS.
type HTTPS struct {
	Listen string // empty when there is no HTTPS
}

// ICE is what WebRTC peers reach the server by. Read the addresses
// through Config.ICEUDP and Config.ICETCP, which fill in what is left empty.
type ICE struct {
	UDP      string
	TCP      string
	PublicIP []netip.Addr // addresses that a 1:1 NAT gives this machine
	Servers  []ICEServer  // told to browsers
	TURN     string       // address of a TURN server of our own; empty: none
}

// RTMP is where encoders that do not know WHIP send streams to.
type RTMP struct {
	Listen    string // host:port; empty: nowhere
	TLSListen string // host:port of the same in TLS; empty: nowhere
}

// SRT is where encoders send streams to by SRT.
type SRT struct {
	Listen     string // host:port; empty: nowhere
	Passphrase Secret // that they are encrypted with; empty: they are not
}

// ICEServer is one STUN or TURN server.
type ICEServer struct {
	URL        string
	Username   string
	Credential Secret
	Secret     Secret // in place of both: credentials are made of it
}

// Record is what happens to broadcasts on disk.
type Record struct {
	Enabled  bool
	Keep     time.Duration // age at which a recording goes; 0: never
	MaxBytes int64         // all recordings together; 0: no limit
	MinFree  int64         // bytes that stay free on the disk
	Source   string        // SourceWebM or SourceIVF: what the frames as received are kept in
}

// Push is where streams are put as they are made.
type Push struct {
	URL     string // directory that they are put into; empty: nowhere
	Header  Secret // of each request
	Timeout time.Duration
	Delete  bool // what nobody can ask for any more
}

// StreamKey allows its bearer to publish Stream, or every stream when that
// is empty.
type StreamKey struct {
	Stream string
	Key    Secret
}

// Limits bounds what others can make the server do.
type Limits struct {
	Streams              int
	Viewers              int // over WHEP
	Participants         int // of one room
	SessionsPerAddress   int
	ConnectingPerAddress int // of those sessions
	PublishBitrate       int // bit/s that a client may send; 0: no limit
	// Connections are those of the web servers; 0: as many as open files allow.
	Connections, ConnectionsPerAddress int
	// Requests are those of each kind that are under way at once.
	Requests, RequestsPerAddress int
	RequestBytes                 int64 // of a signalling request's body
}

// Log is the form of the log.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// Files are the files that the configuration names and that may be others while the service runs.
func (c Config) Files() []string {
	var files []string
	for _, name := range []string{c.TLS.Cert, c.TLS.Key, c.Auth.JWT.Keys} {
		if name != "" && !strings.Contains(name, "://") {
			files = append(files, name)
		}
	}
	return files
}

// masked stands for every secret wherever one would be shown.
const masked = "***"

// Secret is a string that shows itself masked; string(s) is the value.
type Secret string

// Secrets are the values of all keys and credentials.
func (c Config) Secrets() []string {
	var all []string
	for _, k := range c.Auth.Publish {
		all = append(all, string(k.Key))
	}
	for _, k := range c.Auth.Play {
		all = append(all, string(k.Key))
	}
	for _, k := range c.Auth.Admin {
		all = append(all, string(k))
	}
	all = append(all, string(c.Auth.JWT.Secret), string(c.SRT.Passphrase), string(c.Relay.Secret), string(c.Cluster.Secret), string(c.Traces.Header))
	all = append(all, c.Webhooks.secrets()...)
	for _, f := range c.Forward {
		all = append(all, f.target().Secrets("")...)
	}
	for _, s := range c.ICE.Servers {
		all = append(all, string(s.Credential))
	}
	return all
}

// String returns the mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue is String, for every slog handler.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, for JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Default returns what is in force when nothing is configured.
func Default() Config {
	return Config{
		HTTP:         HTTP{Listen: "127.0.0.1:8080"},
		Data:         "./data",
		Latency:      LatencyLow,
		Segment:      2 * time.Second,
		Part:         200 * time.Millisecond,
		Window:       time.Minute,
		Linger:       30 * time.Second,
		Takeover:     TakeoverAllow,
		Transcode:    TranscodeAuto,
		LadderReduce: true,
		Passthrough:  true,
		Record:       Record{Enabled: true, MinFree: 1 << 30, Source: SourceWebM},
		Push:         Push{Timeout: 10 * time.Second},
		Traces:       Traces{Every: 100},
		Relay:        Relay{Cache: 256 << 20},
		Auth: Auth{
			JWT: JWT{Leeway: 30 * time.Second}, Callback: Callback{Timeout: 3 * time.Second, Actions: []string{"publish", "watch", "record"}}, Interval: 5 * time.Minute,
		},
		Limits: Limits{
			Streams: 16, Viewers: 200, Participants: 16, SessionsPerAddress: 16, ConnectingPerAddress: 8, PublishBitrate: 20_000_000,
			ConnectionsPerAddress: 2_000, Requests: 10_000, RequestsPerAddress: 2_000, RequestBytes: 64 << 10,
		},
		Log:    Log{Level: slog.LevelInfo, Format: "text"},
		FFmpeg: "ffmpeg", Encoder: EncoderSoftware,
		OnStop: OnStopEnd,
	}
}

// What Config.Takeover may be.
const (
	TakeoverAllow  = "allow"
	TakeoverRefuse = "refuse"
)

// WindowAll as Config.Window lists broadcasts from their beginning on.
const WindowAll time.Duration = math.MaxInt64

// What Config.OnStop may be.
const (
	OnStopEnd  = "end"
	OnStopKeep = "keep"
)

// What Record.Source may be.
const (
	SourceWebM = "webm"
	SourceIVF  = "ivf"
)

// icePort is the port of WebRTC media when none is configured.
const icePort = "8189"

// ICEOff as ice.tcp turns the TCP fallback off.
const ICEOff = "off"

// ICEUDP returns the one UDP address of all peers: ice.udp, or port 8189 on
// the host that browsers reach the pages by.
func (c Config) ICEUDP() string {
	if c.ICE.UDP != "" {
		return c.ICE.UDP
	}
	listen := c.HTTP.Listen
	if c.HTTPS.Listen != "" && IsLoopback(listen) {
		listen = c.HTTPS.Listen
	}
	host, _, _ := net.SplitHostPort(listen)
	return net.JoinHostPort(host, icePort)
}

// ICETCP returns the TCP address for peers without UDP, empty when it is off.
func (c Config) ICETCP() string {
	switch c.ICE.TCP {
	case "":
		return c.ICEUDP()
	case ICEOff:
		return ""
	}
	return c.ICE.TCP
}

// IsUnlisted reports whether no list has a stream of that name.
func (c Config) IsUnlisted(stream string) bool {
	return slices.ContainsFunc(c.Unlisted, func(pattern string) bool { return name.Matches(pattern, stream) })
}
