package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/transcode"
)

// Bounds of what nobody else bounds.
const (
	minKeyLength                 = 8
	maxKeyLength                 = 512
	maxStreams                   = 10_000
	maxViewers                   = 10_000
	maxRequests                  = 1_000_000
	maxSessionsPerAddress        = 10_000
	maxParticipants              = 100
	minRequest, maxRequest       = 4 << 10, 1 << 20 // bytes
	minPublishBitrate            = 100_000          // bit/s
	minSecretLength              = 32               // bytes: the output of SHA-256
	maxLeeway                    = 10 * time.Minute
	minCallbackTimeout           = 100 * time.Millisecond
	maxCallbackTimeout           = 8 * time.Second // players give up after 10 s
	maxMinFree             int64 = 1 << 50
)

// fault is one thing that is wrong with a configuration.
type fault struct {
	key     string // the key to change
	problem string // what is wrong and what is allowed
}

// checker gathers faults.
type checker []fault

// want records a fault unless ok.
func (c *checker) want(ok bool, key, format string, args ...any) {
	if !ok {
		*c = append(*c, fault{key, fmt.Sprintf(format, args...)})
	}
}

// Validate reports everything that is wrong, joined.
func (c Config) Validate() error {
	var errs []error
	for _, f := range c.faults() {
		errs = append(errs, fmt.Errorf("%s: %s", f.key, f.problem))
	}
	return errors.Join(errs...)
}

// faults returns everything that is wrong, in the order of the table.
func (c Config) faults() []fault {
	var check checker
	c.checkWeb(&check)
	c.checkICE(&check)
	c.checkAddresses(&check)
	c.checkMedia(&check)
	c.checkRecord(&check)
	c.checkAccess(&check)
	c.checkStages(&check)
	c.checkNames(&check)
	c.checkRelay(&check)
	c.checkCluster(&check)
	c.checkForward(&check)
	c.checkTraces(&check)
	check.want(c.Log.Format == "text" || c.Log.Format == "json", "log.format", "%q is neither text nor json", c.Log.Format)
	return check
}

func (c Config) checkWeb(check *checker) {
	checkAddress(check, "http.listen", c.HTTP.Listen)
	if c.HTTPS.Listen != "" {
		checkAddress(check, "https.listen", c.HTTPS.Listen)
		check.want(c.TLS.given(), "https.listen", "needs a certificate: set tls.cert and tls.key, tls.acme-domain, or tls.self-signed")
	}
	if c.HTTP.Metrics != "" {
		checkAddress(check, "http.metrics", c.HTTP.Metrics)
	}
	for _, host := range c.HTTP.Hosts {
		name := strings.TrimPrefix(host, "*.")
		check.want(name != "" && !strings.ContainsAny(name, "*/:@ "), "http.hosts", "%q is not a name such as tv.example.org or *.example.org, without a port", host)
	}
	for _, origin := range c.HTTP.EmbedOrigins {
		check.want(isOrigin(origin), "http.embed-origins", "%q is not an origin such as https://example.org or https://*.example.org:8443, without a path, nor *", origin)
	}
	_, ok := prefix.Clean(c.HTTP.BasePath)
	check.want(ok, "http.base-path", "%q is not a path such as /media", c.HTTP.BasePath)
	c.checkExposed(check, "http.listen", c.HTTP.Listen)
	c.checkExposed(check, "https.listen", c.HTTPS.Listen)
	c.TLS.check(check, c.HTTPS.Listen != "", c.ServesTLS())
}

// origins are written as host sources of a policy are (CSP3 §2.3.1), with a scheme and without a path.
var origins = regexp.MustCompile(`^(\*|https?://(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?(:([0-9]{1,5}|\*))?)$`)

func isOrigin(s string) bool { return origins.MatchString(s) }

// checkExposed wants publishers to need a key where others can reach us.
func (c Config) checkExposed(check *checker, key, address string) {
	_, _, err := net.SplitHostPort(address)
	safe := err != nil || IsLoopback(address) || c.Auth.PublishNeedsKey() || c.Insecure || c.IsRelay() // which then passes no publishers on
	check.want(safe, key, "%s is reachable from other machines: set auth.publish so that only who has a key may publish, or insecure to let everybody", address)
}

// checkAddress wants host:port with a port from 0 (any) to 65535.
func checkAddress(check *checker, key, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	check.want(err == nil, key, "%q is not an address such as 127.0.0.1:8080 or :8080", address)
}

func (c Config) checkICE(check *checker) {
	checkICEAddress(check, "ice.udp", c.ICEUDP())
	if c.ICE.TCP != "" && c.ICE.TCP != ICEOff {
		checkICEAddress(check, "ice.tcp", c.ICE.TCP)
	}
	if c.ICE.TURN != "" {
		checkICEAddress(check, "turn.listen", c.ICE.TURN)
	}
	c.checkRTMP(check, "rtmp.listen", c.RTMP.Listen)
	c.checkRTMP(check, "rtmp.tls-listen", c.RTMP.TLSListen)
	check.want(c.RTMP.TLSListen == "" || c.TLS.given(), "rtmp.tls-listen", "needs a certificate: set tls.cert and tls.key, tls.acme-domain, or tls.self-signed")
	if c.SRT.Listen != "" {
		checkAddress(check, "srt.listen", c.SRT.Listen)
		c.checkExposed(check, "srt.listen", c.SRT.Listen)
	}
	check.want(c.SRT.Listen != "" || c.SRT.Passphrase == "", "srt.passphrase", "is not used while srt.listen is empty")
	for _, s := range c.ICE.Servers {
		checkICEServer(check, s)
	}
}

// checkRTMP wants an address, if there is one, that strangers cannot publish at.
func (c Config) checkRTMP(check *checker, key, address string) {
	if address == "" {
		return
	}
	checkAddress(check, key, address)
	c.checkExposed(check, key, address)
}

// checkICEAddress wants an address that candidates can be made of.
func checkICEAddress(check *checker, key, address string) {
	checkAddress(check, key, address)
	host, _, err := net.SplitHostPort(address)
	_, notIP := netip.ParseAddr(host)
	check.want(err != nil || notIP == nil || host == "" || host == "localhost", key, "%q is not an IP address: browsers are given addresses, not names", host)
}

func checkICEServer(check *checker, s ICEServer) {
	uri, err := stun.ParseURI(s.URL)
	if err != nil {
		check.want(false, "ice.servers", "%q is not a URL such as stun:stun.example.org:3478 or turn:turn.example.org:3478?transport=udp", s.URL)
		return
	}
	relay := uri.Scheme == stun.SchemeTypeTURN || uri.Scheme == stun.SchemeTypeTURNS
	known := s.Username != "" && s.Credential != ""
	check.want(!relay || known || s.Secret != "", "ice.servers",
		"%s needs a username and a credential, written in the file as {url, username, credential}, or {url, secret}", s.URL)
	check.want(s.Secret == "" || relay && s.Username == "" && s.Credential == "", "ice.servers", "%s: a secret is for TURN servers, in place of username and credential", s.URL)
}

func (c Config) checkMedia(check *checker) {
	encoders := []string{EncoderSoftware, transcode.EncoderAuto}
	for _, kind := range transcode.HardwareEncoders() {
		encoders = append(encoders, kind.String())
	}
	c.checkLatency(check)
	check.want(c.Data != "", "data", "must name a directory")
	check.want(c.FFmpeg != "", "ffmpeg", "must name a program")
	check.want(c.Segment != 0, "segment", "must be more than 0")
	check.want(c.Part != 0, "part", "must be more than 0")
	check.want(c.Window != 0, "window", "must be more than 0")
	check.want(slices.Contains(encoders, c.Encoder), "ladder.encoder", "%q is none of %s", c.Encoder, strings.Join(encoders, ", "))
	check.want(c.Takeover == TakeoverAllow || c.Takeover == TakeoverRefuse, "takeover", "%q is neither allow nor refuse", c.Takeover)
	check.want(c.Transcode == TranscodeAuto || c.Transcode == TranscodeOff, "whep.transcode", "%q is neither auto nor off", c.Transcode)
	check.want(c.OnStop == OnStopEnd || c.OnStop == OnStopKeep, "on-stop", "%q is neither end nor keep", c.OnStop)
}

// EncoderSoftware as Config.Encoder is x264.
const EncoderSoftware = "software"

// What Config.Transcode may be.
const (
	TranscodeAuto = "auto" // an encoding of it at a lower bit rate, where the machine has room for one
	TranscodeOff  = "off"  // what their networks carry of it
)

// checkNames keeps renditions from taking the names of what stands beside them.
func (c Config) checkNames(check *checker) {
	for _, r := range c.Ladder {
		taken := slices.Contains([]string{"audio", "index", "manifest", broadcast.SourceName}, r.Name)
		check.want(!taken, "ladder", "rendition %q: the name is taken, choose another", r.Name)
	}
}

// checkRange wants low <= v <= high.
func checkRange[T int | int64 | time.Duration](check *checker, key string, v, low, high T, format func(T) string) {
	check.want(low <= v && v <= high, key, "%s is not between %s and %s", format(v), format(low), format(high))
}

func (c Config) checkRecord(check *checker) {
	check.want(c.Record.MinFree <= maxMinFree, "record.min-free", "%s is more than %s", FormatSize(c.Record.MinFree), FormatSize(maxMinFree))
	check.want(c.Record.Source == SourceWebM || c.Record.Source == SourceIVF, "record.source", "%q is neither webm nor ivf", c.Record.Source)
}

func (c Config) checkAccess(check *checker) {
	c.Auth.check(check)
	c.checkUnlisted(check)
	checkRange(check, "limits.streams", c.Limits.Streams, 1, maxStreams, strconv.Itoa)
	checkRange(check, "limits.viewers", c.Limits.Viewers, 1, maxViewers, strconv.Itoa)
	checkRange(check, "limits.participants", c.Limits.Participants, 1, maxParticipants, strconv.Itoa)
	checkRange(check, "limits.sessions-per-address", c.Limits.SessionsPerAddress, 1, maxSessionsPerAddress, strconv.Itoa)
	checkRange(check, "limits.connecting-per-address", c.Limits.ConnectingPerAddress, 1, maxSessionsPerAddress, strconv.Itoa)
	check.want(c.Limits.PublishBitrate == 0 || c.Limits.PublishBitrate >= minPublishBitrate, "limits.publish-bitrate", "%s is less than %s, which is sound alone; 0 is no limit",
		FormatRate(c.Limits.PublishBitrate), FormatRate(minPublishBitrate))
	checkRange(check, "limits.connections", c.Limits.Connections, 0, maxRequests, strconv.Itoa)
	checkRange(check, "limits.connections-per-address", c.Limits.ConnectionsPerAddress, 1, maxRequests, strconv.Itoa)
	checkRange(check, "limits.requests", c.Limits.Requests, 1, maxRequests, strconv.Itoa)
	checkRange(check, "limits.requests-per-address", c.Limits.RequestsPerAddress, 1, maxRequests, strconv.Itoa)
	checkRange(check, "limits.request-bytes", c.Limits.RequestBytes, minRequest, maxRequest, FormatSize)
}

// checkKey wants what an Authorization header can carry: token68 of RFC 9110
// §11.2.
func checkKey(check *checker, key string, k Secret) {
	check.want(minKeyLength <= len(k) && len(k) <= maxKeyLength, key, "a key of %d characters: it needs between %d and %d", len(k), minKeyLength, maxKeyLength)
	allowed := strings.IndexFunc(strings.TrimRight(string(k), "="), notToken68) < 0
	check.want(allowed, key, "a key may have letters, digits and -._~+/ only")
}

// notToken68 reports whether r is not a character of token68.
func notToken68(r rune) bool {
	letter := 'a' <= r|0x20 && r|0x20 <= 'z'
	return !letter && !('0' <= r && r <= '9') && !strings.ContainsRune("-._~+/", r)
}
