package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/internal/problem"
)

// apiSession is a session as /api/v1/sessions tells it, seen from the server: what it receives and what it sends.
type apiSession struct {
	ID       string        `json:"id"`   // not the session's own name: who knows that can end it
	Kind     string        `json:"kind"` // publisher, viewer, echo, upload, participant or air
	Name     string        `json:"name"` // of the stream or the room
	Address  string        `json:"address"`
	State    string        `json:"state"`
	Since    time.Time     `json:"since"`
	RTT      float64       `json:"rtt"` // seconds, 0 while unknown
	Received apiDirection  `json:"received"`
	Sent     apiDirection  `json:"sent"`
	Media    []apiReceived `json:"media"` // received
}

// apiDirection sums up the media of one direction.
type apiDirection struct {
	Bitrate float64 `json:"bitrate"` // bit/s
	Bytes   uint64  `json:"bytes"`
	Packets uint64  `json:"packets"`
	Lost    uint64  `json:"lost"`   // packets; of what is sent, as the client tells
	Loss    float64 `json:"loss"`   // of what is sent: the share lost lately, 0 to 1, as the client tells, the largest
	Jitter  float64 `json:"jitter"` // seconds, the largest; of what is sent, as the client tells
	RTT     float64 `json:"rtt"`    // seconds, by RTCP, of what is sent
	NACKs   uint64  `json:"nacks"`  // packets asked for again by who gets them
	PLIs    uint64  `json:"plis"`   // key frames asked for by who gets them
}

// apiReceived is a medium that a session sends to the server.
type apiReceived struct {
	Kind   string  `json:"kind"`
	FPS    float64 `json:"fps"`
	Width  int     `json:"width"` // of VP8; 0 while unknown
	Height int     `json:"height"`
	apiTrack
}

func describeSession(info ingest.Info) apiSession {
	session := apiSession{
		ID: info.ID, Kind: string(info.Kind), Name: info.Name, Address: info.Address, State: string(info.State), Since: info.Since.UTC().Truncate(time.Millisecond),
		RTT: info.RTT.Seconds(), Received: apiDirection{NACKs: info.NACKs, PLIs: info.PLIs}, Media: []apiReceived{},
	}
	for _, t := range info.Received {
		in := &session.Received
		in.Bitrate += t.Bitrate
		in.Bytes += t.Bytes
		in.Packets += t.Packets
		in.Lost += t.Lost
		in.Jitter = max(in.Jitter, t.Jitter.Seconds())
		session.Media = append(session.Media, apiReceived{
			Kind: string(t.Kind), FPS: t.FPS, Width: t.Width, Height: t.Height, apiTrack: describeTrack(t),
		})
	}
	for _, o := range info.Sent {
		out := &session.Sent
		out.Bitrate += o.Bitrate
		out.Bytes += o.Bytes
		out.Packets += o.Packets
		out.Lost += o.Lost
		out.Jitter, out.RTT = max(out.Jitter, o.Jitter.Seconds()), max(out.RTT, o.RTT.Seconds())
		out.Loss = max(out.Loss, o.LossRate)
		out.NACKs += o.NACKs
		out.PLIs += o.PLIs
	}
	return session
}

func (s *service) sessions() []apiSession {
	sessions := []apiSession{}
	for _, info := range s.ingest.Sessions().Infos() {
		sessions = append(sessions, describeSession(info))
	}
	return sessions
}

func (s *service) serveSessions(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.sessions()) }

// serveSessionEvents tells of all sessions each second, until the client or the service ends.
func (s *service) serveSessionEvents(w http.ResponseWriter, r *http.Request) {
	stopping := s.Stopping()
	if stopping == nil {
		problem.Write(w, http.StatusServiceUnavailable, "The service is starting or stopping.")
		return
	}
	events := startEvents(w)
	err := events.say(fmt.Sprintf("retry: %d\n\n", eventsRetry.Milliseconds()))
	each := time.NewTicker(broadcast.StatusEvery)
	defer each.Stop()
	for err == nil {
		err = events.send(eventStatistics, s.sessions())
		select {
		case <-each.C:
		case <-r.Context().Done():
			return
		case <-stopping:
			return
		}
	}
}

func describeOfSession(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("sluice_session_"+name, help, []string{"session", "kind", "name", "direction"}, nil)
}

var (
	descSessionBitrate = describeOfSession("bitrate", "What flows, in bit/s; direction is received or sent by the server.")
	descSessionPackets = describeOfSession("packets_total", "RTP packets.")
	descSessionLost    = describeOfSession("lost_packets_total", "RTP packets that have not come.")
	descSessionJitter  = describeOfSession("jitter_seconds", "Jitter of arrival.")
	descSessionNACKs   = describeOfSession("nacks_total", "Packets asked for again by who gets them.")
	descSessionPLIs    = describeOfSession("key_frame_requests_total", "Key frames asked for by who gets them.")
	descSessionRTT     = prometheus.NewDesc("sluice_session_rtt_seconds", "Round trip of the connection; 0 while unknown.", []string{"session", "kind", "name"}, nil)
)

func collectSessions(ch chan<- prometheus.Metric, sessions []apiSession) {
	for _, s := range sessions {
		ch <- prometheus.MustNewConstMetric(descSessionRTT, prometheus.GaugeValue, s.RTT, s.ID, s.Kind, s.Name)
		for direction, flow := range map[string]apiDirection{"received": s.Received, "sent": s.Sent} {
			labels := []string{s.ID, s.Kind, s.Name, direction}
			ch <- prometheus.MustNewConstMetric(descSessionBitrate, prometheus.GaugeValue, flow.Bitrate, labels...)
			ch <- prometheus.MustNewConstMetric(descSessionJitter, prometheus.GaugeValue, flow.Jitter, labels...)
			ch <- prometheus.MustNewConstMetric(descSessionPackets, prometheus.CounterValue, float64(flow.Packets), labels...)
			ch <- prometheus.MustNewConstMetric(descSessionLost, prometheus.CounterValue, float64(flow.Lost), labels...)
			ch <- prometheus.MustNewConstMetric(descSessionNACKs, prometheus.CounterValue, float64(flow.NACKs), labels...)
			ch <- prometheus.MustNewConstMetric(descSessionPLIs, prometheus.CounterValue, float64(flow.PLIs), labels...)
		}
	}
}
