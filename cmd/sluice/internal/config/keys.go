package config

import "slices"

// key is one row of the configuration table. Flags, environment variables,
// the YAML file, --print-config, --help, README's table and the sample file
// all come from these rows.
type key struct {
	name  string // dotted: http.listen
	group string // heading in --help
	kind  kind   // what the value looks like
	help  string // one sentence, without the default
	value value  // bound to a field of a Config
}

// kind names the form of a value; --help explains each.
type kind string

const (
	kindAddress  kind = "address"
	kindBool     kind = "bool"
	kindDuration kind = "duration"
	kindSize     kind = "size"
	kindNumber   kind = "number"
	kindRate     kind = "bitrate"
	kindPath     kind = "path"
	kindWord     kind = "word"
	kindIPs      kind = "ip,…"
	kindURLs     kind = "url,…"
	kindLadder   kind = "ladder"
	kindKeys     kind = "key,…"
	kindCodecs   kind = "codec,…"
	kindPrefixes kind = "prefix,…"
	kindHosts    kind = "host,…"
	kindOrigins  kind = "origin,…"
	kindHeader   kind = "header"
	kindWords    kind = "word,…"
	kindText     kind = "text"
	kindNames    kind = "name,…"
)

// groups is the order of the headings.
const (
	groupWeb      = "Web"
	groupWebRTC   = "WebRTC"
	groupEncoders = "Encoders without WHIP"
	groupMedia    = "Media"
	groupRecord   = "Recording"
	groupPush     = "Pushing"
	groupRelay    = "Relay"
	groupCluster  = "Cluster"
	groupHooks    = "Webhooks"
	groupAccess   = "Access"
	groupOther    = "Other"
)

// keys returns the table bound to the fields of c.
func (c *Config) keys() []key {
	return slices.Concat([]key{
		{"http.listen", groupWeb, kindAddress, "where pages, signalling and media are served; beyond loopback it needs auth.publish or insecure", text(&c.HTTP.Listen)},
		{"http.trusted-proxies", groupWeb, kindPrefixes, "reverse proxies, such as 10.0.0.0/8, whose X-Forwarded-For, -Proto, -Host and -Prefix, or Forwarded, are believed: limits and logs count the client behind them; they have to set or remove each of these headers", prefixes(&c.HTTP.TrustedProxies)},
		{"http.hosts", groupWeb, kindHosts, "names, such as tv.example.org or *.example.org, that Host headers may have beside IP addresses, localhost and what is listened on; others get 421. Empty: others are answered where auth.publish is set, or over HTTPS", words(&c.HTTP.Hosts, "")},
		{"http.base-path", groupWeb, kindPath, "path, such as /media, below which a reverse proxy shows the service; X-Forwarded-Prefix of a trusted proxy does too", text(&c.HTTP.BasePath)},
		{"http.embed-origins", groupWeb, kindOrigins, "sites, such as https://example.org or https://*.example.org, whose pages may frame the player at /embed; * is everybody. Empty: pages of the same origin alone, and no oEmbed or Open Graph tag offers the player to others", words(&c.HTTP.EmbedOrigins, "")},
		{"http.metrics", groupWeb, kindAddress, "an address of its own for /metrics and /debug/pprof/, without a key: for who monitors, and nobody else; empty is off", text(&c.HTTP.Metrics)},
		{"https.listen", groupWeb, kindAddress, "the same over HTTPS, which browsers want for cameras except on localhost; empty is off", text(&c.HTTPS.Listen)},
		{"tls.cert", groupWeb, kindPath, "certificate chain of HTTPS and RTMPS, a PEM file", text(&c.TLS.Cert)},
		{"tls.key", groupWeb, kindPath, "its private key, a PEM file", text(&c.TLS.Key)},
		{"tls.self-signed", groupWeb, kindBool, "make and keep a certificate of its own; browsers warn once", boolean(&c.TLS.SelfSigned)},
		{"tls.acme-domain", groupWeb, kindHosts, "names of this machine, such as tv.example.org, that a certificate is had for and renewed by ACME from an authority, to whose terms you agree by this; it has to reach https.listen at port 443, or http.listen at port 80", words(&c.TLS.ACME.Domains, "")},
		{"tls.acme-email", groupWeb, kindText, "where the authority may write to", text(&c.TLS.ACME.Email)},
		{"tls.acme-directory", groupWeb, kindPath, "URL of the directory of another authority, such as one of your own; empty is Let's Encrypt", text(&c.TLS.ACME.Directory)},
	}, c.iceKeys(), c.encoderKeys(), []key{
		{"data", groupMedia, kindPath, "directory of live segments, recordings and keys", text(&c.Data)},
		{"ladder", groupMedia, kindLadder, "renditions to encode, the best first, those of h265 and av1 behind those of H.264; auto is 720p 480p 240p cut to what the machine encodes in real time", renditions(&c.Ladder)},
		{"ladder.encoder", groupMedia, kindWord, "what encodes renditions of H.264: software (x264); vaapi, nvenc or qsv, which a trial at the start has to prove, with x264 in its place where it fails; auto: the first of them that works", text(&c.Encoder)},
		{"ladder.reduce", groupMedia, kindBool, "take renditions away while the machine is too slow for them, and give them back once it has room; false: all are encoded as configured, and pictures are dropped", boolean(&c.LadderReduce)},
		{"latency", groupMedia, kindWord, "how far behind the camera viewers over HLS and DASH are to be: ultra, 0.4 s, for quick machines and networks; low, 0.7 to 1 s; normal, 2.2 to 2.4 s, for CDNs and bad networks. It sets segment and part, unless they are given, how far players stay behind the newest part, and how encoders place keyframes and spend their bitrate", text(&c.Latency)},
		{"segment", groupMedia, kindDuration, "length of a media segment, a multiple of part; by default what latency says: 2s, or 4s with normal", duration(&c.Segment)},
		{"part", groupMedia, kindDuration, "length of a fragment; by default what latency says: 100ms with ultra, 200ms, or 400ms with normal", duration(&c.Part)},
		{"window", groupMedia, kindDuration, "how far back the live playlists reach; all: to the beginning of the broadcast, a day at most", window(&c.Window)},
		{"linger", groupMedia, kindDuration, "how long a stream waits for its publisher to return before it ends; 0s: not at all", duration(&c.Linger)},
		{"passthrough", groupMedia, kindBool, "pass on as they come: H.264, as the best rendition, with the smaller renditions encoded beside it; VP9 and AV1, as one more beside the whole ladder", boolean(&c.Passthrough)},
		{"whep.transcode", groupMedia, kindWord, "what viewers over WHEP get whose networks are too slow for the only layer of a publisher (OBS, RTMP, SRT, uploads, Firefox): auto encodes VP8 and H.264 once more while somebody needs it, at 300 kbit/s and 360p at most, for all of them, where the machine has two cores and room; off: what a network carries of the layer, from keyframe to keyframe", text(&c.Transcode)},
		{"codecs", groupMedia, kindCodecs, "video codecs that publishers may send, of vp8, vp9, h264 and av1, the preferred first; any is all of them, in the order that the publisher prefers", words(&c.Codecs, "any")},
		{"takeover", groupMedia, kindWord, "a second publisher of a stream: allow ends the first one's session, refuse answers 409 while the first one's media flows", text(&c.Takeover)},
		{"logo", groupMedia, kindPath, "an image that the transform “logo” puts into pictures; empty: there is none", text(&c.Logo)},
		{"slate", groupMedia, kindPath, "an image that viewers of HLS and DASH see while the publisher is away; empty: its newest picture stands still", text(&c.Slate)},
		{"on-stop", groupMedia, kindWord, "what SIGTERM does to live streams: end, or keep for the service's next start to go on with them", text(&c.OnStop)},
		{"ffmpeg", groupMedia, kindPath, "the ffmpeg program, version 5.1 or later", text(&c.FFmpeg)},
	}, c.outputKeys(), c.accessKeys(), []key{
		{"unlisted", groupAccess, kindNames, "streams, such as rehearsal or private-*, that no list has but that of who may steer them; whoever knows the name may watch", names(&c.Unlisted)},
		{"insecure", groupAccess, kindBool, "let everybody who reaches an address beyond loopback publish; nobody may administer there (end streams, transform, see sessions) without auth.admin", boolean(&c.Insecure)},
		{"limits.streams", groupAccess, kindNumber, "live streams at once", number(&c.Limits.Streams)},
		{"limits.viewers", groupAccess, kindNumber, "WHEP viewers at once, of all streams", number(&c.Limits.Viewers)},
		{"limits.participants", groupAccess, kindNumber, "people in one room", number(&c.Limits.Participants)},
		{"limits.sessions-per-address", groupAccess, kindNumber, "WebRTC sessions at once from one address", number(&c.Limits.SessionsPerAddress)},
		{"limits.connecting-per-address", groupAccess, kindNumber, "those of them that have not connected yet; they have 15 s for it", number(&c.Limits.ConnectingPerAddress)},
		{"limits.publish-bitrate", groupAccess, kindRate, "what a client may send, over 5 s; more is told in the log and the API, and ends its session after another 5 s; 0 is no limit", bitrate(&c.Limits.PublishBitrate)},
		{"limits.connections", groupAccess, kindNumber, "HTTP connections at once; further ones wait; 0 is as many as the limit of open files allows, at most 20000", number(&c.Limits.Connections)},
		{"limits.connections-per-address", groupAccess, kindNumber, "those of one client address, or half of them if that is less; further ones are closed; http.trusted-proxies may have all", number(&c.Limits.ConnectionsPerAddress)},
		{"limits.requests", groupAccess, kindNumber, "requests under way at once, of each kind: playlists that are waited for, other live media, events, signalling of rooms, downloads of recordings; one more gets 503", number(&c.Limits.Requests)},
		{"limits.requests-per-address", groupAccess, kindNumber, "those of one client address, or half of them if that is less; one more gets 429, or 503 where players ask", number(&c.Limits.RequestsPerAddress)},
		{"limits.request-bytes", groupAccess, kindSize, "longest body of a signalling request", size(&c.Limits.RequestBytes)},

		{"traces.endpoint", groupOther, kindPath, "URL of a collector that takes traces by OTLP over HTTP, such as http://127.0.0.1:4318: of requests, and of how long parts take until viewers can have them; empty: nothing is traced", text(&c.Traces.Endpoint)},
		{"traces.header", groupOther, kindHeader, "header of each request to it, such as Authorization: Bearer KEY", secret(&c.Traces.Header)},
		{"traces.every", groupOther, kindNumber, "of so many requests, and of so many parts, one is traced", number(&c.Traces.Every)},
		{"log.level", groupOther, kindWord, "debug, info, warn or error", level(&c.Log.Level)},
		{"log.format", groupOther, kindWord, "text or json", text(&c.Log.Format)},
	})
}

// iceKeys are those of connections over WebRTC.
func (c *Config) iceKeys() []key {
	return []key{
		{"ice.udp", groupWebRTC, kindAddress, "one UDP address for the media of all peers; empty is port 8189 on the host of http.listen (of https.listen, when http.listen is loopback)", text(&c.ICE.UDP)},
		{"ice.tcp", groupWebRTC, kindAddress, "TCP address for peers without UDP; empty is the same as ice.udp, off is none", text(&c.ICE.TCP)},
		{"ice.public-ip", groupWebRTC, kindIPs, "addresses that a 1:1 NAT (a cloud, Docker) gives this machine", ips(&c.ICE.PublicIP)},
		{"ice.servers", groupWebRTC, kindURLs, "STUN and TURN servers told to browsers; one with credentials is {url, username, credential} in the file, or {url, secret} where the server makes them of a shared secret", iceServers(&c.ICE.Servers)},
		{"turn.listen", groupWebRTC, kindAddress, "UDP and TCP address of a TURN server for clients that reach nothing else, such as 0.0.0.0:3478; it relays to the media of this service and between people in rooms, for whoever was given credentials; empty is off", text(&c.ICE.TURN)},
	}
}

// encoderKeys are those of encoders that do not know WHIP.
func (c *Config) encoderKeys() []key {
	return []key{
		{"rtmp.listen", groupEncoders, kindAddress, "TCP address where OBS, ffmpeg and other encoders publish over RTMP, such as 127.0.0.1:1935, or :1935 for every address, which needs auth.publish or insecure; empty is off", text(&c.RTMP.Listen)},
		{"rtmp.tls-listen", groupEncoders, kindAddress, "TCP address where they publish over RTMPS, which is RTMP in TLS, such as :1936, with the certificate of tls.*; empty is off", text(&c.RTMP.TLSListen)},
		{"srt.listen", groupEncoders, kindAddress, "UDP address where they publish over SRT, such as 127.0.0.1:8890, or :8890 for every address, which needs auth.publish or insecure; empty is off", text(&c.SRT.Listen)},
		{"srt.passphrase", groupEncoders, kindText, "what they have to encrypt SRT with, 10 to 79 characters, beside the key that may publish; empty: they need not, and may not", secret(&c.SRT.Passphrase)},
	}
}

// outputKeys are those of what becomes of streams beside being watched.
func (c *Config) outputKeys() []key {
	return []key{
		{"record", groupRecord, kindBool, "record every broadcast; those that are not can be recorded on demand", boolean(&c.Record.Enabled)},
		{"record.keep", groupRecord, kindDuration, "age at which a recording is deleted; 0 is never", duration(&c.Record.Keep)},
		{"record.max-bytes", groupRecord, kindSize, "what all recordings may take together, the oldest of the stream that takes most go first; 0 is no limit", size(&c.Record.MaxBytes)},
		{"record.min-free", groupRecord, kindSize, "what stays free on the disk; below it recording stops", size(&c.Record.MinFree)},
		{"record.source", groupRecord, kindWord, "what the frames as received are kept in: webm, or ivf for VP8, VP9 and AV1 with the audio in Ogg beside it; H.264 is always in Matroska", text(&c.Record.Source)},

		{"push.url", groupPush, kindPath, "directory of a server, such as a CDN's ingest at https://ingest.example.org/live, that each stream is put into as it is made, by HTTP PUT: segments, then the playlists and the MPD that name them; empty: nowhere", text(&c.Push.URL)},
		{"push.header", groupPush, kindHeader, "header of each request, such as Authorization: Bearer KEY", secret(&c.Push.Header)},
		{"push.timeout", groupPush, kindDuration, "what a request may take before it is tried again", duration(&c.Push.Timeout)},
		{"push.delete", groupPush, kindBool, "delete segments there once nobody can ask for them any more", boolean(&c.Push.Delete)},

		{"forward", groupPush, kindURLs, "servers that live streams are pushed to, by RTMP, such as rtmps://live.example.org/app/KEY, by SRT, such as srt://live.example.org:9000?streamid=ID, or by WHIP, such as https://live.example.org/whip/cam: URL for every stream, STREAM=URL or STR*=URL for some; {stream} in a URL is the name of the stream. In the file one may be {url, streams, token, name}, with the bearer token of WHIP and what it is called by in place of its host, and URLs may have commas", forwards(&c.Forward)},

		{"relay.origin", groupRelay, kindPath, "URL of another Sluice, such as https://origin.example.org, of which this one is a relay: it owns no streams and serves those of the other; empty: it is none", text(&c.Relay.Origin)},
		{"relay.cache", groupRelay, kindSize, "memory for what a relay keeps of its origin's media", size(&c.Relay.Cache)},
		{"relay.secret", groupRelay, kindText, "secret of 32 bytes at least that relays and their origin have in common: the origin believes them who their clients are, and both take each other's signed addresses", secret(&c.Relay.Secret)},

		{"cluster.etcd", groupCluster, kindURLs, "URLs of etcd, such as http://10.0.0.1:2379, in which the nodes of a cluster find each other: whoever publishes or watches may ask any of them for any stream; empty: this service stands alone", names(&c.Cluster.Etcd)},
		{"cluster.etcd-ca", groupCluster, kindPath, "certificates of the authority that has issued those of etcd, a PEM file; empty: those that the system trusts", text(&c.Cluster.EtcdCA)},
		{"cluster.etcd-cert", groupCluster, kindPath, "certificate that this node shows etcd, a PEM file, read anew for each connection; empty: none", text(&c.Cluster.EtcdCert)},
		{"cluster.etcd-key", groupCluster, kindPath, "its private key, a PEM file", text(&c.Cluster.EtcdKey)},
		{"cluster.node", groupCluster, kindWord, "what this node is called, in small letters, digits and -; each has another", text(&c.Cluster.Node)},
		{"cluster.url", groupCluster, kindPath, "URL, such as http://10.0.0.1:8080, where the other nodes reach this one", text(&c.Cluster.URL)},
		{"cluster.ca", groupCluster, kindPath, "certificates of the authority that has issued those of the other nodes, where their cluster.url is https, a PEM file; empty: those that the system trusts", text(&c.Cluster.CA)},
		{"cluster.secret", groupCluster, kindText, "secret of 32 bytes at least that all nodes have in common: what one asks of another is signed with it", secret(&c.Cluster.Secret)},

		{"webhooks", groupHooks, kindURLs, "URLs that are told of events, by signed requests; in the file one may be {url, secret, events}, where events are names such as stream.started or stream.*", webhooks(&c.Webhooks.Targets)},
		{"webhooks.secret", groupHooks, kindText, "secret that these requests are signed with where a URL has none of its own: whsec_ and base64 of 24 to 64 bytes, or another text of 24 bytes at least", secret(&c.Webhooks.Secret)},
	}
}

// accessKeys are those of who may do what.
func (c *Config) accessKeys() []key {
	jwt, callback := &c.Auth.JWT, &c.Auth.Callback
	return []key{
		{"auth.publish", groupAccess, kindKeys, "keys that may publish: KEY for every stream, STREAM=KEY for one; none is everybody", streamKeys(&c.Auth.Publish)},
		{"auth.play", groupAccess, kindKeys, "keys that may watch: KEY for every stream, STREAM=KEY for one; keys of auth.publish and auth.admin may too; none is everybody", streamKeys(&c.Auth.Play)},
		{"auth.required", groupAccess, kindWords, "what takes a key, of publish, watch and record, although no other auth key is for it: keys that are made while it runs (sluice ctl key) are", words(&c.Auth.Required, "")},
		{"auth.admin", groupAccess, kindKeys, "keys that may administer; none: a stream is steered with its key of auth.publish", secrets(&c.Auth.Admin)},
		{"auth.jwt", groupAccess, kindPath, "public keys of the JSON Web Tokens that are rights: URL of a JWKS, or path of a JWKS or PEM file; empty: none", text(&jwt.Keys)},
		{"auth.jwt-secret", groupAccess, kindKeys, "secret of tokens that are signed by HMAC", secret(&jwt.Secret)},
		{"auth.jwt-algorithms", groupAccess, kindWords, "algorithms that they may be signed by; none: EdDSA, ES256 and RS256, or HS256 with the secret", words(&jwt.Algorithms, "")},
		{"auth.jwt-audience", groupAccess, kindText, "audience (claim aud) that they have to name", text(&jwt.Audience)},
		{"auth.jwt-issuer", groupAccess, kindText, "issuer (claim iss) that they have to be from", text(&jwt.Issuer)},
		{"auth.jwt-leeway", groupAccess, kindDuration, "how far the clock of whoever makes them may be from this one", duration(&jwt.Leeway)},
		{"auth.jwt-actions", groupAccess, kindWords, "what they are judged for, of publish, watch, record, admin and metrics; all is everything", words(&jwt.Actions, "all")},
		{"auth.callback", groupAccess, kindPath, "URL that is asked, by POST, who may do what; empty: none", text(&callback.URL)},
		{"auth.callback-timeout", groupAccess, kindDuration, "how long its answer is waited for; without one nobody is let in by it", duration(&callback.Timeout)},
		{"auth.interval", groupAccess, kindDuration, "viewers whose rights end within the same interval share the addresses of playlists and MPDs, and so what caches keep; viewing ends so much later at most, or a twelfth of what is left", duration(&c.Auth.Interval)},
		{"auth.callback-actions", groupAccess, kindWords, "what it is asked about, of publish, watch, record, admin and metrics", words(&callback.Actions, "")},
	}
}
