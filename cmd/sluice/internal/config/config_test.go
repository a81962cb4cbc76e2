package config

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/command"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/transcode"
)

// writeConfig writes a configuration file and returns its name.
func writeConfig(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sluice.yaml")
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

// parse loads the configuration that a command line and an environment say.
func parse(args, environ []string) (*Loaded, error) {
	grammar := struct{ Flags }{NewFlags()}
	_, err := command.Parse(&grammar, args, io.Discard, ParseDuration)
	return grammar.Load(Surroundings{Environ: environ, Faults: err})
}

func load(args, environ []string) (Config, error) {
	l, err := parse(args, environ)
	return l.Config, err
}

func rendition(name string, width, height, fps, bitrate int) transcode.Rendition {
	return transcode.Rendition{Name: name, Width: width, Height: height, FPS: fps, Bitrate: bitrate}
}

func TestLoadDefaults(t *testing.T) {
	got, err := load(nil, []string{"PATH=/bin", "HOME=/root"})
	require.NoError(t, err)
	require.Equal(t, Default(), got)
	require.NoError(t, got.Validate())
}

func TestLoadPrecedence(t *testing.T) {
	file := writeConfig(t, "segment: 4s\npart: 1s\nlinger: 5s\nhttp:\n  listen: 127.0.0.1:1\n")
	got, err := load(
		[]string{"--config", file, "--segment=6s"},
		[]string{"SLUICE_SEGMENT=5s", "SLUICE_PART=200ms"})
	require.NoError(t, err)
	require.Equal(t, 6*time.Second, got.Segment, "flag over environment and file")
	require.Equal(t, 200*time.Millisecond, got.Part, "environment over file")
	require.Equal(t, 5*time.Second, got.Linger, "file over default")
	require.Equal(t, "127.0.0.1:1", got.HTTP.Listen)
	require.Equal(t, "./data", got.Data, "default")
}

func TestLoadForms(t *testing.T) {
	av1 := rendition("720p-av1", 1280, 720, 30, 1_200_000)
	av1.Codec = transcode.AV1
	codecs := transcode.Ladder{rendition("720p", 1280, 720, 30, 2_500_000), av1}
	ladder := transcode.Ladder{rendition("720p", 1280, 720, 30, 2_500_000), rendition("480p", 854, 480, 30, 1_200_000)}
	turn := ICEServer{URL: "turn:example.org:3478?transport=udp", Username: "u", Credential: "secret"}
	for name, tc := range map[string]struct {
		args, environ []string
		file          string
		want          func(*Config)
	}{
		"ladder as flag": {
			args: []string{"--ladder", "720p=1280x720@30:2500k,480p=854x480@30:1.2M"},
			want: func(c *Config) { c.Ladder = ladder }},
		"ladder as two flags": {
			args: []string{"--ladder", "720p=1280x720@30:2500k", "--ladder", "480p=854x480@30:1.2M"},
			want: func(c *Config) { c.Ladder = ladder }},
		"ladder in file": {
			file: "ladder:\n- {name: 720p, width: 1280, height: 720, fps: 30, bitrate: 2500k}\n- 480p=854x480@30:1200000\n",
			want: func(c *Config) { c.Ladder = ladder }},
		"codecs in ladder": {
			args: []string{"--ladder", "720p=1280x720@30:2500k:h264,720p-av1=1280x720@30:1.2M:av1"},
			want: func(c *Config) { c.Ladder = codecs }},
		"codecs in ladder in file": {
			file: "ladder:\n- 720p=1280x720@30:2500k\n- {name: 720p-av1, width: 1280, height: 720, fps: 30, bitrate: 1200k, codec: av1}\n",
			want: func(c *Config) { c.Ladder = codecs }},
		"encoder in file beside the ladder": {
			file: "ladder:\n  renditions: [720p=1280x720@30:2500k, 480p=854x480@30:1.2M]\n  encoder: vaapi\n",
			want: func(c *Config) { c.Ladder, c.Encoder = ladder, "vaapi" }},
		"encoder in file with a ladder of its own key": {
			file: "ladder: [720p=1280x720@30:2500k, 480p=854x480@30:1.2M]\nladder.encoder: auto\n",
			want: func(c *Config) { c.Ladder, c.Encoder = ladder, "auto" }},
		"ladder auto in environment over file": {
			file: "ladder: [720p=1280x720@30:2500k]", environ: []string{"SLUICE_LADDER=auto"},
			want: func(*Config) {}},
		"record off as one value": {
			file: "record: false", want: func(c *Config) { c.Record.Enabled = false }},
		"record as mapping": {
			file: "record: {enabled: no, keep: 7d, max-bytes: 20GB, min-free: 0, source: ivf}",
			want: func(c *Config) { c.Record = Record{false, 7 * day, 20e9, 0, SourceIVF} }},
		"record flags": {
			args: []string{"--record=false", "--record-keep", "1h"},
			want: func(c *Config) { c.Record.Enabled, c.Record.Keep = false, time.Hour }},
		"bool flag alone": {
			args: []string{"--insecure"}, want: func(c *Config) { c.Insecure = true }},
		"ice servers": {
			file: "ice:\n  servers:\n  - stun:example.org\n  - {url: 'turn:example.org:3478?transport=udp', username: u, credential: secret}\n  - {url: turn:a, secret: shared}\nturn: {listen: ':3478'}\n",
			want: func(c *Config) {
				c.ICE.Servers, c.ICE.TURN = []ICEServer{{URL: "stun:example.org"}, turn, {URL: "turn:a", Secret: "shared"}}, ":3478"
			}},
		"keys": {
			args: []string{"--auth-publish", "everywhere==,cam-1=only-here"}, environ: []string{"SLUICE_AUTH_ADMIN=the-admin"},
			want: func(c *Config) {
				c.Auth.Publish, c.Auth.Admin = []StreamKey{{"", "everywhere=="}, {"cam-1", "only-here"}}, []Secret{"the-admin"}
			}},
		"public addresses": {
			environ: []string{"SLUICE_ICE_PUBLIC_IP=203.0.113.7, 2001:db8::1"},
			want: func(c *Config) {
				c.ICE.PublicIP = []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::1")}
			}},
		"proxies": {
			file: "http: {trusted-proxies: [127.0.0.1, 10.1.2.3/8, '::1'], base-path: /media, hosts: [TV.example.org, '*.example.net']}",
			want: func(c *Config) {
				c.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
				c.HTTP.BasePath, c.HTTP.Hosts = "/media", []string{"tv.example.org", "*.example.net"}
			}},
		"origins that embed": {
			environ: []string{"SLUICE_HTTP_EMBED_ORIGINS=https://Example.org, https://*.example.net"},
			want:    func(c *Config) { c.HTTP.EmbedOrigins = []string{"https://example.org", "https://*.example.net"} }},
		"proxies as two flags": {
			args: []string{"--http-trusted-proxies=127.0.0.1", "--http-trusted-proxies=::1"},
			want: func(c *Config) {
				c.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}
			}},
		"log": {
			args: []string{"--log-level", "DEBUG", "--log-format=json"},
			want: func(c *Config) { c.Log = Log{slog.LevelDebug, "json"} }},
		"limits": {
			file: "limits: {streams: 3, viewers: 5, participants: 6, sessions-per-address: 4, connecting-per-address: 2, publish-bitrate: 2.5M, connections: 60, connections-per-address: 30, requests: 50, requests-per-address: 20, request-bytes: 32KiB}",
			want: func(c *Config) { c.Limits = Limits{3, 5, 6, 4, 2, 2_500_000, 60, 30, 50, 20, 32 << 10} }},
		"push": {
			file: "push: {url: 'https://ingest.example.org/live', header: 'Authorization: Bearer k', timeout: 5s, delete: true}",
			want: func(c *Config) {
				c.Push = Push{"https://ingest.example.org/live", "Authorization: Bearer k", 5 * time.Second, true}
			}},
		"forward": {
			file: "forward: ['rtmp://a/b/c,d', 'cam*=rtmps://a/b/c?d=e', {url: 'https://a/b/c', streams: cam, token: t, name: mine}]",
			want: func(c *Config) {
				c.Forward = []Forward{{URL: "rtmp://a/b/c,d"}, {Streams: "cam*", URL: "rtmps://a/b/c?d=e"}, {"cam", "https://a/b/c", "t", "mine"}}
			}},
		"everything is listed": {
			file: "window: all\n", want: func(c *Config) { c.Window = WindowAll }},
		"last of two flags": {
			args: []string{"--data=a", "--data=b"}, want: func(c *Config) { c.Data = "b" }},
		"alias": {
			file: "segment: &s 2s\nlinger: *s\n", want: func(c *Config) { c.Linger = 2 * time.Second }},
		"empty file":           {file: "# nothing\n", want: func(*Config) {}},
		"group without values": {file: "http:\nlimits:\n", want: func(*Config) {}},
	} {
		t.Run(name, func(t *testing.T) {
			args := tc.args
			if tc.file != "" {
				args = append(args, "--config="+writeConfig(t, tc.file))
			}
			want := Default()
			tc.want(&want)
			got, err := load(args, tc.environ)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestLoadReportsAllFaults(t *testing.T) {
	file := writeConfig(t, strings.Join([]string{
		"http: {listne: x, listen: 10.0.0.1:8080}",
		"part: 7x",
		"part: 200ms",
		"record: [1]",
		"limits: 3",
		"ladder: [{name: audio, width: 3, height: 480, fps: 30, bitrate: 1k}, {name: a, size: 3}]",
		"auth: {publish: ['***']}",
	}, "\n"))
	_, err := load(
		[]string{"--config", file, "--frob", "--http.listen=:80", "--tls", "--window=1s", "surplus", "--log-level=loud"},
		[]string{"SLUICE_DATAA=x", "SLUICE_LIMITS_STREAMS=many", "SLUICE_LOG_FORMAT=xml"})
	require.ErrorIs(t, err, exit.ErrUsage)
	f := "file " + file + " "
	require.Equal(t, []string{
		`flag --frob: there is no such flag, --help lists them`,
		`flag --http.listen: there is no such flag (is it --http-listen?), --help lists them`,
		`flag --tls: there is no such flag (is it --tls-key or --tls-cert or --tls-acme-email?), --help lists them`,
		f + `line 1: http.listne: there is no such key, --help lists them`,
		f + `line 2: part: "7x" is not a duration such as 200ms, 2s, 1h or 7d`,
		f + `line 3: part: given twice`,
		f + `line 4: record: takes one value, not a list or a mapping`,
		f + `line 5: limits: takes a mapping of keys`,
		f + `line 6: ladder: "size" does not belong here: the fields are name, width, height, fps, bitrate, codec, each a single value`,
		f + `line 7: auth.publish: *** is how a key is shown: write the key itself`,
		`environment SLUICE_DATAA: there is no such key, --help lists them`,
		`environment SLUICE_LIMITS_STREAMS: "many" is not a whole number`,
		`flag --log-level: "loud" is none of debug, info, warn, error`,
		f + `line 1: http.listen: 10.0.0.1:8080 is reachable from other machines: set auth.publish so that only who has a key may publish, or insecure to let everybody`,
		`flag --window: 1s is not between 6s and 6h`,
		f + `line 6: ladder: rendition "audio": 3x480: both sides must be even and between 16 and 4096`,
		f + `line 6: ladder: rendition "audio": a bitrate of 1k is not between 50k and 60000k`,
		f + `line 6: ladder: rendition "audio": the name is taken, choose another`,
		`environment SLUICE_LOG_FORMAT: "xml" is neither text nor json`,
	}, strings.Split(err.Error(), "\n"))
}

func TestLoadFileFaults(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"not YAML":      {"a: [", "is not YAML"},
		"not a mapping": {"- a", "the file takes a mapping of keys"},
		"too long":      {"# " + strings.Repeat("x", maxConfigFile), "is longer than 1MiB"},
		"list of lists": {"auth: {admin: [[a]]}", "takes a list of single values"},
		"mapping":       {"auth: {admin: {a: b}}", "takes a list"},
		"alias of self": {"auth: &a\n  publish: *a\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load([]string{"--config", writeConfig(t, tc.file)}, nil)
			require.ErrorIs(t, err, exit.ErrUsage)
			require.ErrorContains(t, err, tc.want)
		})
	}
	_, err := load([]string{"--config", filepath.Join(t.TempDir(), "none.yaml")}, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, err, exit.ErrUsage)
}

func TestValidate(t *testing.T) {
	key := []StreamKey{{Key: "0123456789"}}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string // empty: valid
	}{
		"loopback v6":       {func(c *Config) { c.HTTP.Listen = "[::1]:80" }, ""},
		"localhost":         {func(c *Config) { c.HTTP.Listen = "localhost:0" }, ""},
		"open":              {func(c *Config) { c.HTTP.Listen = ":8080" }, "http.listen: :8080 is reachable from other machines"},
		"open with key":     {func(c *Config) { c.HTTP.Listen = ":8080"; c.Auth.Publish = key }, ""},
		"open insecure":     {func(c *Config) { c.HTTP.Listen = ":8080"; c.Insecure = true }, ""},
		"open HTTPS":        {func(c *Config) { c.HTTPS.Listen = ":8443"; c.TLS.SelfSigned = true }, "https.listen: :8443 is reachable"},
		"metrics":           {func(c *Config) { c.HTTP.Metrics = "127.0.0.1:9090" }, ""},
		"metrics on HTTP's": {func(c *Config) { c.HTTP.Metrics = c.HTTP.Listen }, "http.metrics: 127.0.0.1:8080 is the address of http.listen as well: give one"},
		"metrics nowhere":   {func(c *Config) { c.HTTP.Metrics = "9090" }, `http.metrics: "9090" is not an address`},
		"host with a port":  {func(c *Config) { c.HTTP.Hosts = []string{"a.example:80"} }, `http.hosts: "a.example:80" is not a name`},
		"origins that embed": {func(c *Config) {
			c.HTTP.EmbedOrigins = []string{"*", "https://example.org", "http://localhost:8081", "https://*.example.org:8443", "http://10.0.0.1"}
		}, ""},
		"origin with a path":      {func(c *Config) { c.HTTP.EmbedOrigins = []string{"https://example.org/"} }, `http.embed-origins: "https://example.org/" is not an origin`},
		"origin with more to say": {func(c *Config) { c.HTTP.EmbedOrigins = []string{"https://example.org; script-src *"} }, "is not an origin"},
		"origin without scheme":   {func(c *Config) { c.HTTP.EmbedOrigins = []string{"example.org"} }, "is not an origin"},
		"base path":               {func(c *Config) { c.HTTP.BasePath = "media" }, `http.base-path: "media" is not a path such as /media`},
		"no port":                 {func(c *Config) { c.HTTP.Listen = "127.0.0.1" }, `http.listen: "127.0.0.1" is not an address`},
		"port out of range":       {func(c *Config) { c.HTTP.Listen = "127.0.0.1:65536" }, "is not an address"},
		"HTTPS without pair":      {func(c *Config) { c.HTTPS.Listen = "127.0.0.1:8443" }, "https.listen: needs a certificate"},
		"HTTPS self-signed":       {func(c *Config) { c.HTTPS.Listen = "127.0.0.1:8443"; c.TLS.SelfSigned = true }, ""},
		"HTTPS on HTTP's address": {func(c *Config) { c.HTTPS.Listen = c.HTTP.Listen; c.TLS.SelfSigned = true }, "https.listen: 127.0.0.1:8080 is the address of http.listen as well"},
		"half a pair":             {func(c *Config) { c.HTTPS.Listen = "127.0.0.1:1"; c.TLS.Cert = "a" }, "tls.cert: goes together with tls.key"},
		"pair and self-signed": {func(c *Config) {
			c.HTTPS.Listen = "127.0.0.1:1"
			c.TLS = TLS{Cert: "a", Key: "b", SelfSigned: true}
		}, "tls.self-signed: is for when there is no tls.cert"},
		"HTTPS by ACME": {func(c *Config) {
			c.HTTPS.Listen = "127.0.0.1:1"
			c.TLS.ACME = ACME{[]string{"tv.example.org", "live.example.org"}, "ann@example.org", "https://ca.example.org/directory"}
		}, ""},
		"ACME unused": {func(c *Config) { c.TLS.ACME.Domains = []string{"tv.example.org"} }, "tls.acme-domain: is not used while https.listen is empty"},
		"ACME and self-signed": {func(c *Config) {
			c.HTTPS.Listen, c.TLS.SelfSigned, c.TLS.ACME.Domains = "127.0.0.1:1", true, []string{"tv.example.org"}
		}, "tls.acme-domain: is for when there is no other certificate"},
		"ACME for many names":   {func(c *Config) { c.HTTPS.Listen, c.TLS.ACME.Domains = "127.0.0.1:1", []string{"*.example.org"} }, `"*.example.org" is not a public name`},
		"ACME for this host":    {func(c *Config) { c.HTTPS.Listen, c.TLS.ACME.Domains = "127.0.0.1:1", []string{"tv"} }, `"tv" is not a public name`},
		"ACME without domain":   {func(c *Config) { c.TLS.ACME.Email = "ann@example.org" }, "set it, or none of them"},
		"ACME email":            {func(c *Config) { c.TLS.ACME.Email = "ann" }, `tls.acme-email: "ann" is not an address`},
		"ACME directory":        {func(c *Config) { c.TLS.ACME.Directory = "ca.example.org" }, "tls.acme-directory: "},
		"forward wrong":         {func(c *Config) { c.Forward = []Forward{{URL: "rtmp://a/b/c"}, {URL: "ftp://a/secret"}} }, `forward: target 2 has a URL of "ftp"`},
		"forward of a relay":    {func(c *Config) { c.Forward, c.Relay.Origin = []Forward{{URL: "rtmp://a/b/c"}}, "http://origin" }, "forward: is not used by a relay"},
		"TLS unused":            {func(c *Config) { c.TLS.SelfSigned = true }, "is not used while https.listen and rtmp.tls-listen are empty"},
		"RTMPS without pair":    {func(c *Config) { c.RTMP.TLSListen = "127.0.0.1:1936" }, "rtmp.tls-listen: needs a certificate"},
		"RTMPS taken":           {func(c *Config) { c.RTMP.TLSListen, c.RTMP.Listen = "127.0.0.1:1935", "127.0.0.1:1935" }, "rtmp.tls-listen: 127.0.0.1:1935 is the address of rtmp.listen as well"},
		"media at the pages":    {func(c *Config) { c.ICE.UDP = c.HTTP.Listen }, "ice.tcp: 127.0.0.1:8080 is the address of http.listen as well (media come over TCP where"},
		"media beside pages":    {func(c *Config) { c.ICE.UDP, c.ICE.TCP = c.HTTP.Listen, "off" }, ""},
		"every address":         {func(c *Config) { c.RTMP.Listen, c.Insecure = ":8080", true }, "rtmp.listen: :8080 is the address of http.listen as well"},
		"every address of IPv4": {func(c *Config) { c.HTTP.Metrics, c.HTTP.Listen, c.Insecure = "127.0.0.1:9000", "0.0.0.0:9000", true }, "http.metrics: 127.0.0.1:9000 is the address of http.listen as well"},
		"IPv6 beside IPv4":      {func(c *Config) { c.HTTP.Metrics, c.HTTP.Listen, c.Insecure = "[::1]:9000", "0.0.0.0:9000", true }, ""},
		"any ports": {func(c *Config) {
			c.HTTP.Listen, c.HTTP.Metrics, c.ICE.UDP = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		}, ""},
		"open RTMPS":    {func(c *Config) { c.RTMP.TLSListen, c.TLS.SelfSigned = ":1936", true }, "rtmp.tls-listen: :1936 is reachable"},
		"ICE name":      {func(c *Config) { c.ICE.UDP = "example.org:1" }, "browsers are given addresses"},
		"ICE at a name": {func(c *Config) { c.HTTP.Listen = "example.org:1"; c.Insecure = true }, `ice.udp: "example.org" is not an IP address`},
		"ICE TCP off":   {func(c *Config) { c.ICE.TCP = "off" }, ""},
		"ICE UDP off":   {func(c *Config) { c.ICE.UDP = "off" }, "ice.udp"},
		"ICE server":    {func(c *Config) { c.ICE.Servers = []ICEServer{{URL: "http://x"}} }, "ice.servers"},
		"STUN, secret":  {func(c *Config) { c.ICE.Servers = []ICEServer{{URL: "stun:x", Secret: "s"}} }, "a secret is for TURN servers"},
		"TURN, two credentials": {func(c *Config) {
			c.ICE.Servers = []ICEServer{{URL: "turn:x", Username: "u", Credential: "c", Secret: "s"}}
		}, "in place of username"},
		"TURN by name":           {func(c *Config) { c.ICE.TURN = "turn.example.org:3478" }, "turn.listen"},
		"TURN, no credential":    {func(c *Config) { c.ICE.Servers = []ICEServer{{URL: "turn:x"}} }, "needs a username"},
		"segment not a multiple": {func(c *Config) { c.Part = 300 * time.Millisecond }, "segment: 2s is not a multiple of the part, which is 300ms"},
		"no part":                {func(c *Config) { c.Part = 0 }, "part: must be more than 0"},
		"short window":           {func(c *Config) { c.Window = 5 * time.Second }, "window: 5s is not between 6s and 6h"},
		"takeover":               {func(c *Config) { c.Takeover = "perhaps" }, "takeover"},
		"transcode":              {func(c *Config) { c.Transcode = "on" }, `whep.transcode: "on" is neither auto nor off`},
		"unknown ending":         {func(c *Config) { c.OnStop = "pause" }, `on-stop: "pause" is neither end nor keep`},
		"negative linger":        {func(c *Config) { c.Linger = -time.Second }, "linger"},
		"no data":                {func(c *Config) { c.Data = "" }, "data: must name"},
		"no ffmpeg":              {func(c *Config) { c.FFmpeg = "" }, "ffmpeg: must name"},
		"rendition":              {func(c *Config) { c.Ladder = transcode.Ladder{rendition("a", 640, 480, 25, 1e6)} }, ""},
		"rendition twice": {func(c *Config) {
			c.Ladder = transcode.Ladder{rendition("a", 640, 480, 25, 1e6), rendition("a", 320, 240, 25, 5e5)}
		}, "twice"},
		"rendition name": {func(c *Config) { c.Ladder = transcode.Ladder{rendition("-a", 640, 480, 25, 1e6)} }, "the name must be 1 to 64 letters"},
		"rendition fps": {func(c *Config) {
			c.Segment, c.Part = 1500*time.Millisecond, 100*time.Millisecond
			c.Ladder = transcode.Ladder{rendition("a", 640, 480, 25, 1e6)}
		}, "segment: 1.5s does not end at a key frame, of which there is one every 1s: choose 1s or 2s"},
		"many renditions": {func(c *Config) { c.Ladder = make(transcode.Ladder, 9) }, "ladder: 9 renditions are not between 1 and 8"},
		"short key":       {func(c *Config) { c.Auth.Admin = []Secret{"short"} }, "auth.admin: a key of 5 characters"},
		"key alphabet":    {func(c *Config) { c.Auth.Publish = []StreamKey{{Key: "with a space"}} }, "letters, digits and -._~+/ only"},
		"key's stream":    {func(c *Config) { c.Auth.Publish = []StreamKey{{"a/b", "0123456789"}} }, `stream "a/b"`},
		"no requests":     {func(c *Config) { c.Limits.Requests = 0 }, "limits.requests: 0 is not between 1 and 1000000"},
		"no streams":      {func(c *Config) { c.Limits.Streams = 0 }, "limits.streams: 0 is not between 1 and 10000"},
		"huge body":       {func(c *Config) { c.Limits.RequestBytes = 1 << 30 }, "limits.request-bytes: 1GiB is not between 4KiB and 1MiB"},
		"negative keep":   {func(c *Config) { c.Record.Keep = -time.Second }, "record.keep: -1s is negative"},
	} {
		t.Run(name, func(t *testing.T) {
			c := Default()
			tc.change(&c)
			err := c.Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "0123456789", "a key in an error")
		})
	}
}

// What a stage would refuse only when a publisher comes is refused at the start, with the key to change and what to write instead.
func TestValidateAsksTheStages(t *testing.T) {
	ladder := func(fps, bitrate int) func(*Config) {
		return func(c *Config) { c.Ladder = transcode.Ladder{rendition("a", 640, 480, fps, bitrate)} }
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string // empty: valid
	}{
		"part between pictures": {func(c *Config) { c.Part = 250 * time.Millisecond },
			`part: rendition "720p": a part of 250ms is not a whole number of pictures at 30 fps: choose a part of 200ms or 400ms, or 28 or 32 fps`},
		"segment between key frames": {func(c *Config) { c.Segment, c.Part = 2500*time.Millisecond, 500*time.Millisecond },
			"segment: 2.5s does not end at a key frame, of which there is one every 1s: choose 2s or 3s"},
		"24 fps": {ladder(24, 1e6),
			`ladder: rendition "a": a part of 200ms is not a whole number of pictures at 24 fps: choose a part of 125ms or 250ms, or 20 or 25 fps`},
		"24 fps in parts that it fills": {func(c *Config) { ladder(24, 1e6)(c); c.Part = 250 * time.Millisecond }, ""},
		"name in capitals":              {func(c *Config) { c.Ladder = transcode.Ladder{rendition("HD_720", 640, 480, 30, 1e6)} }, ""},
		"bitrate too low":               {ladder(30, 30_000), `ladder: rendition "a": a bitrate of 30k is not between 50k and 60000k`},
		"bitrate too high":              {ladder(30, 80_000_000), `ladder: rendition "a": a bitrate of 80000k is not between 50k and 60000k`},
		"no frame rate":                 {ladder(0, 1e6), `ladder: rendition "a": 0 fps is not between 1 and 120`},
		"segment too long":              {func(c *Config) { c.Segment = 11 * time.Second }, "segment: 11s is not between 1s and 10s"},
		"linger too long":               {func(c *Config) { c.Linger = 2 * time.Hour }, "linger: 2h is not between 0s and 1h"},
		"codec twice":                   {func(c *Config) { c.Codecs = []string{"vp8", "vp8"} }, "codecs: vp8 is there twice"},
		"unknown codec":                 {func(c *Config) { c.Codecs = []string{"hevc"} }, `codecs: "hevc" is none of vp8, vp9, h264, av1`},
		"TURN credential in a header": {func(c *Config) {
			c.ICE.Servers = []ICEServer{{URL: "turn:a.example", Username: "u", Credential: "one;two"}}
		}, `ice.servers: "turn:a.example": user name and credential must be free of , ; " and`},
		"too little to publish":   {func(c *Config) { c.Limits.PublishBitrate = 20 }, "limits.publish-bitrate: 20 is less than 100k, which is sound alone; 0 is no limit"},
		"negative limits of disk": {func(c *Config) { c.Record.MaxBytes = -1 }, "record.max-bytes: -1 is negative"},
	} {
		t.Run(name, func(t *testing.T) {
			c := Default()
			tc.change(&c)
			err := c.Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "\n", "said once")
			require.NotRegexp(t, "^:", err.Error(), "every fault has a key")
		})
	}
}

func TestConfigAddresses(t *testing.T) {
	for name, tc := range map[string]struct {
		http, https, udp, tcp string
		wantUDP, wantTCP      string
		loopback              bool
	}{
		"default":              {http: "127.0.0.1:8080", wantUDP: "127.0.0.1:8189", wantTCP: "127.0.0.1:8189", loopback: true},
		"everywhere":           {http: ":8080", wantUDP: ":8189", wantTCP: ":8189"},
		"IPv6":                 {http: "[::1]:8080", wantUDP: "[::1]:8189", wantTCP: "[::1]:8189", loopback: true},
		"only HTTPS is beyond": {http: "127.0.0.1:8080", https: "192.0.2.1:8443", wantUDP: "192.0.2.1:8189", wantTCP: "192.0.2.1:8189"},
		"set":                  {http: ":80", udp: ":1", tcp: ":2", wantUDP: ":1", wantTCP: ":2"},
		"TCP follows UDP":      {http: ":80", udp: ":1", wantUDP: ":1", wantTCP: ":1"},
		"TCP off":              {http: ":80", tcp: "off", wantUDP: ":8189"},
	} {
		t.Run(name, func(t *testing.T) {
			c := Config{HTTP: HTTP{Listen: tc.http}, HTTPS: HTTPS{tc.https}, ICE: ICE{UDP: tc.udp, TCP: tc.tcp}}
			require.Equal(t, tc.wantUDP, c.ICEUDP())
			require.Equal(t, tc.wantTCP, c.ICETCP())
			require.Equal(t, tc.loopback, c.Loopback())
		})
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	c := Config{Auth: Auth{Publish: []StreamKey{{"cam", "hush-hush"}}, Admin: []Secret{"hush-hush"}}}
	c.ICE.Servers = []ICEServer{{"turn:x", "u", "hush-hush", "hush-hush"}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("configuration", "config", c, "key", c.Auth.Admin[0])
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	for _, s := range []string{log.String(), string(asJSON), fmt.Sprintf("%v %+v %#v", c, c, c)} {
		require.Contains(t, s, masked)
		require.NotContains(t, s, "hush-hush")
	}
}

func FuzzLoadNode(f *testing.F) {
	f.Add([]byte(sampleConfig()))
	f.Add([]byte("record: {enabled: [a, {b: c}]}\nauth: &a {publish: *a}\n"))
	f.Add([]byte("ladder: [{name: a, width: 2}, b=1x2@3:4k]\nice: {servers: [{url: x}]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var document yaml.Node
		if yaml.Unmarshal(data, &document) != nil || len(document.Content) == 0 {
			return
		}
		l := newLoaded()
		l.loadNode("f", "", document.Content[0])
		if l.err() == nil {
			requireRoundTrip(t, l)
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"64KiB", "1.5GiB", "2500k", "7d", "1h30m", "-1s", "1e400", "NaN", "65535d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := parseSize(s); err == nil {
			again, err := parseSize(FormatSize(n))
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, int64(0))
			if n < 1<<53 { // beyond, a number with a unit is rounded
				require.Equal(t, n, again)
			}
		}
		if n, err := ParseRate(s); err == nil {
			again, err := ParseRate(FormatRate(n))
			require.NoError(t, err)
			require.Equal(t, n, again)
		}
		if d, err := ParseDuration(s); err == nil {
			again, err := ParseDuration(FormatDuration(d))
			require.NoError(t, err)
			if d >= 0 {
				require.Equal(t, d, again)
			}
		}
	})
}

// What is listened on already counts more than all that is said, and is judged like it.
func TestSocketsOfServiceManager(t *testing.T) {
	flags := NewFlags()
	loaded, err := flags.Load(Surroundings{Environ: []string{"SLUICE_HTTP_LISTEN=127.0.0.1:1"}, Sockets: map[string]string{"http.listen": "127.0.0.1:80", "http.metrics": "127.0.0.1:9000"}})
	require.NoError(t, err)
	require.Equal(t, HTTP{Listen: "127.0.0.1:80", Metrics: "127.0.0.1:9000"}, loaded.HTTP)
	require.Contains(t, loaded.YAML(), "listen: 127.0.0.1:80 # socket of the service manager: http.listen")
	_, err = flags.Load(Surroundings{Sockets: map[string]string{"http.listen": "[::]:80", "https.listen": "[::]:443"}})
	require.ErrorContains(t, err, "socket of the service manager: http.listen: [::]:80 is reachable from other machines: set auth.publish")
	require.ErrorContains(t, err, "socket of the service manager: https.listen: needs a certificate")
}
