package session

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/media"
)

// Info describes a session: what it is for, and what flows in both directions.
type Info struct {
	ID      string // says nothing of the session's own name: who knows that can end the session
	Kind    Kind
	Name    string // of the stream or the room; "" for an echo
	Address string // where media comes from, host:port, or where the client was before
	State   State
	Since   time.Time
	RTT     time.Duration // of the ICE pair; 0 while unknown

	Bandwidth *bandwidth.Stats // of what is sent; nil: its client does not tell of it

	Received []media.TrackStats
	NACKs    uint64 // packets that the server has asked for again
	PLIs     uint64 // key frames that it has asked for
	Sent     []media.SentStats
	Ignored  []string // tracks of an upload that are not passed on, and why
}

// Kind is what a session is for.
type Kind string

// The kinds of sessions.
const (
	KindPublisher   Kind = "publisher"
	KindViewer      Kind = "viewer"
	KindEcho        Kind = "echo"
	KindUpload      Kind = "upload"
	KindFrames      Kind = "frames" // still pictures that come one by one
	KindRTMP        Kind = "rtmp"   // a publisher over RTMP
	KindSRT         Kind = "srt"    // a publisher over SRT
	KindParticipant Kind = "participant"
	KindOutput      Kind = "air"      // the stream of a room
	KindProducer    Kind = "producer" // a publisher over GStreamer's signalling
	KindConsumer    Kind = "consumer" // a viewer over GStreamer's signalling
	KindPull        Kind = "pull"     // a stream of another server, which is pulled as long as it is watched
	KindForward     Kind = "forward"  // another server that a stream is sent to
)

// Watches reports whether such a session only gets what others publish.
func (k Kind) Watches() bool { return k == KindViewer || k == KindConsumer || k == KindForward }

// publishes reports whether such a session makes a stream.
func (k Kind) publishes() bool {
	switch k {
	case KindPublisher, KindUpload, KindFrames, KindRTMP, KindSRT, KindOutput, KindProducer, KindPull:
		return true
	}
	return false
}

// Path is the address of a session's resource (RFC 9725 §4.2).
func (k Kind) Path(name, id string) string {
	switch k {
	case KindPublisher:
		return "/whip/" + name + "/" + id
	case KindViewer:
		return "/whep/" + name + "/" + id
	case KindParticipant:
		return "/rooms/" + name + "/" + id
	case KindEcho:
		return "/echo/" + id
	}
	return "/" + string(k) + "/" + name + "/" + id
}

// PublicID names the session to others. It says nothing of the session's own name.
func (s *Session) PublicID() string {
	digest := sha256.Sum256([]byte(s.id))
	return hex.EncodeToString(digest[:6])
}

// Sent is how many bytes of RTP payload were sent, as of the last sender reports.
func (s *Session) Sent() (bytes uint64) {
	s.mu.Lock()
	outbound := slices.Clone(s.outbound)
	s.mu.Unlock()
	for _, o := range outbound {
		bytes += o.Stats().Bytes
	}
	return bytes
}

func (s *Session) info() Info {
	info := Info{
		ID: s.PublicID(), Kind: s.at.Kind, Name: s.at.name, Address: s.RemoteAddr(), State: s.State(), Since: s.started, Ignored: s.Ignored(),
		RTT: s.rtt(), NACKs: s.link.sent.nacks.Load(), PLIs: s.link.sent.plis.Load(),
	}
	if c := s.Bandwidth(); c != nil {
		if st := c.Stats(time.Now()); st.Active {
			info.Bandwidth = &st
		}
	}
	s.mu.Lock()
	tracks, outbound := slices.Clone(s.tracks), slices.Clone(s.outbound)
	s.mu.Unlock()
	info.Received = s.stats(tracks, time.Now())
	for _, o := range outbound {
		info.Sent = append(info.Sent, o.Stats())
	}
	return info
}

// hasConnected reports whether there is, or was, an ICE pair. Before that pion may still be writing what tells of it.
func (s *Session) hasConnected() bool {
	select {
	case <-s.connected:
		return s.pc != nil
	default:
		return false
	}
}

// rtt is that of the ICE pair; 0 while unknown.
func (s *Session) rtt() time.Duration {
	if !s.hasConnected() {
		return 0
	}
	st, ok := s.iceTransport().GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(st.CurrentRoundTripTime * float64(time.Second))
}
