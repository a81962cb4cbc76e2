package ingest

import (
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/pull"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/ingest/upload"
)

// timers of a session. A pair is disconnected when nothing has come for the first, and has failed the second time later:
// together the 30 s after which consent is lost (RFC 7675 §5.1).
type timers struct {
	disconnected, failed, keepAlive time.Duration
	connect                         time.Duration // for ICE and DTLS together
	firstSTUN                       time.Duration // for the first message of a TCP connection
	body                            time.Duration // for a request's body
	uploads                         upload.Timers
	silence                         time.Duration // of a publisher over RTMP or SRT
	rooms                           room.Timers
	transformed                     time.Duration // after the last viewer of a transformed stream
	reduced                         time.Duration // after the last viewer of a stream's video at a lower bit rate
	pulled                          pull.Timers   // but for Wanted, which is an option
}

func defaultTimers() timers {
	return timers{
		disconnected: 5 * time.Second, failed: 25 * time.Second, keepAlive: 2 * time.Second, connect: 15 * time.Second, firstSTUN: 5 * time.Second,
		body: 10 * time.Second, transformed: 3 * time.Second, reduced: 30 * time.Second, silence: 30 * time.Second,
		pulled: pull.Timers{Connect: 15 * time.Second, Linger: 5 * time.Second, Quiet: pullQuiet, Away: pullAway},
	}
}

// newSettings holds what all connections share besides the sockets. The agent is a full one, not ICE-lite: it notices by its own checks that a
// peer has gone, and reaches peers that are behind a NAT while the server is too.
func newSettings(s *sockets, ts timers, log *slogFactory) webrtc.SettingEngine {
	var e webrtc.SettingEngine
	e.LoggerFactory = log
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetIncludeLoopbackCandidate(s.loopback)
	e.SetICETimeouts(ts.disconnected, ts.failed, ts.keepAlive)
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if s.tcp != nil {
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	e.SetNetworkTypes(networks)
	e.DisableActiveTCP(true)
	e.SetSCTPMaxMessageSize(channel.MaxMessage)
	e.SetSCTPMaxReceiveBufferSize(channel.ReceiveBuffer)
	return e
}
