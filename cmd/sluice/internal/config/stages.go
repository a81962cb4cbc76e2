package config

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook"
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/push"
	"github.com/sluice-live/sluice/transcode"
)

// Directories below Data.
const (
	recordingsDir = "recordings"
	liveDir       = "live"
	webhooksDir   = "webhooks"
)

// Packager returns the options of the packager that are configured.
func (c Config) Packager() packager.Options {
	window, event := c.Window, c.Window == WindowAll
	if event {
		window = 0
	}
	return packager.Options{
		LiveDir: filepath.Join(c.Data, liveDir), RecordingsDir: filepath.Join(c.Data, recordingsDir),
		Segment: c.Segment, Part: c.Part, Distance: c.latency().distance, Window: window, Event: event, Linger: c.linger(),
		Record: c.Record.Enabled, Keep: c.Record.Keep, MaxBytes: c.Record.MaxBytes, MinFree: c.Record.MinFree,
		Push: push.Target{URL: c.Push.URL, Header: string(c.Push.Header), Timeout: c.Push.Timeout, Delete: c.Push.Delete},
	}
}

// Ingest returns the options of the ingest server that are configured.
func (c Config) Ingest() ingest.Options {
	options := ingest.Options{
		UDPListen: c.ICEUDP(), TCPListen: c.ICETCP(), TURNListen: c.ICE.TURN, RTMPListen: c.RTMP.Listen, RTMPSListen: c.RTMP.TLSListen, SRTListen: c.SRT.Listen, SRTPassphrase: string(c.SRT.Passphrase),
		MaxStreams: c.Limits.Streams, MaxViewers: c.Limits.Viewers, ViewerLinger: c.linger(),
		MaxSessionsPerAddress: c.Limits.SessionsPerAddress, MaxConnectingPerAddress: c.Limits.ConnectingPerAddress,
		MaxSDP:          c.Limits.RequestBytes,
		MaxBitrate:      int64(c.Limits.PublishBitrate),
		VideoCodecs:     c.Codecs,
		FFmpeg:          c.FFmpeg,
		RefuseTakeover:  c.Takeover == TakeoverRefuse,
		MaxParticipants: c.Limits.Participants,
	}
	for _, ip := range c.ICE.PublicIP {
		options.PublicIPs = append(options.PublicIPs, ip.String())
	}
	for _, server := range c.ICE.Servers {
		options.ICEServers = append(options.ICEServers, ingest.ICEServer{
			URLs: []string{server.URL}, Username: server.Username, Credential: string(server.Credential), Secret: string(server.Secret),
		})
	}
	return options
}

// Webhook returns the options of the webhooks that are configured.
func (c Config) Webhook() webhook.Options {
	return webhook.Options{Dir: filepath.Join(c.Data, webhooksDir), Targets: c.Webhooks.targets()}
}

// linger is Linger for those to whom 0 means a default of their own.
func (c Config) linger() time.Duration { return cmp.Or(c.Linger, time.Millisecond) }

// checkStages asks the stages, each of which knows its own bounds, and tells their faults under our keys.
func (c Config) checkStages(check *checker) {
	check.stage(c.Packager().Validate(), func(fault error) (option, reason string) {
		if o := (*packager.OptionError)(nil); errors.As(fault, &o) {
			return o.Option, o.Reason
		}
		return "", fault.Error()
	})
	check.stage(webhook.Validate(c.Webhooks.targets()), func(fault error) (option, reason string) { return "Webhooks", fault.Error() })
	encoder := transcode.Options{Dir: c.Data, FFmpeg: c.FFmpeg, Video: depay.VP8, Audio: depay.Opus, Ladder: c.Ladder,
		Segment: c.Segment, Part: c.Part, KeyFrames: c.KeyFrames(), Buffer: c.Buffer()}
	check.stage(encoder.Validate(), func(fault error) (option, reason string) {
		if o := (*transcode.OptionError)(nil); errors.As(fault, &o) {
			return o.Option, o.Reason
		}
		return "", fault.Error()
	})
	check.stage(c.Ingest().Validate(), func(fault error) (option, reason string) {
		if o := (*ingest.OptionError)(nil); errors.As(fault, &o) {
			return o.Option, o.Reason
		}
		return "", fault.Error()
	})
}

// stage records a stage's faults, which read takes apart. A key in which somebody else has found a fault is left out: most stages
// look at the durations, and one of them is enough to say what is wrong.
func (c *checker) stage(joined error, read func(error) (option, reason string)) {
	before := slices.Clone(*c)
	faults, _ := joined.(interface{ Unwrap() []error })
	if faults == nil {
		return
	}
	for _, err := range faults.Unwrap() {
		option, reason := read(err)
		key := keyOf(option)
		known := slices.ContainsFunc(before, func(f fault) bool { return f.key == key })
		c.want(known, key, "%s", reason)
	}
}

// keyOf returns the key that sets an option of a stage.
func keyOf(option string) string {
	return map[string]string{
		"LiveDir": "data", "Dir": "data", "RecordingsDir": "data",
		"Distance": "latency", "Buffer": "latency", "Segment": "segment", "Part": "part", "Window": "window", "Linger": "linger", "ViewerLinger": "linger", "Ladder": "ladder",
		"Keep": "record.keep", "MaxBytes": "record.max-bytes", "MinFree": "record.min-free",
		"Push.URL": "push.url", "Push.Header": "push.header", "Push.Timeout": "push.timeout",
		"Webhooks":  "webhooks",
		"UDPListen": "ice.udp", "TCPListen": "ice.tcp", "PublicIPs": "ice.public-ip", "ICEServers": "ice.servers", "TURNListen": "turn.listen", "RTMPListen": "rtmp.listen", "RTMPSListen": "rtmp.tls-listen", "SRTListen": "srt.listen", "SRTPassphrase": "srt.passphrase", "VideoCodecs": "codecs",
		"MaxStreams": "limits.streams", "MaxViewers": "limits.viewers", "MaxParticipants": "limits.participants",
		"MaxSessionsPerAddress": "limits.sessions-per-address", "MaxConnectingPerAddress": "limits.connecting-per-address", "MaxSDP": "limits.request-bytes", "MaxBitrate": "limits.publish-bitrate",
	}[option]
}
