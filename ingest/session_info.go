package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"github.com/sluice-live/sluice/ingest/media"
	"slices"
	"strings"
	"time"
)

// SessionInfo describes a session: what it is for, and what flows in both directions.
type SessionInfo struct {
	ID      string // says nothing of the session's own name: who knows that can end the session
	Kind    string // publisher, viewer, echo, upload, participant, or air for the stream of a room
	Name    string // of the stream or the room; "" for an echo
	Address string // where media comes from, host:port, or where the client was before
	State   State
	Since   time.Time
	RTT     time.Duration // of the ICE pair; 0 while unknown

	Received []media.TrackStats
	NACKs    uint64 // packets that the server has asked for again
	PLIs     uint64 // key frames that it has asked for
	Sent     []media.SentStats
}

// SessionInfos describes all sessions, the oldest first.
func (s *Server) SessionInfos() []SessionInfo {
	s.mu.Lock()
	sessions := make([]*session, 0, len(s.sessions))
	for _, sess := range s.sessions {
		sessions = append(sessions, sess)
	}
	s.mu.Unlock()
	infos := make([]SessionInfo, 0, len(sessions))
	for _, sess := range sessions {
		infos = append(infos, sess.info())
	}
	slices.SortFunc(infos, func(a, b SessionInfo) int {
		if order := a.Since.Compare(b.Since); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return infos
}

func (s *session) info() SessionInfo {
	kind, name, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(s.path, "/"+s.id), "/"), "/")
	digest := sha256.Sum256([]byte(s.id))
	info := SessionInfo{
		ID: hex.EncodeToString(digest[:6]), Kind: sessionKind(kind), Name: name, Address: s.remoteAddr(), State: s.connectionState(), Since: s.started,
		RTT: s.rtt(), NACKs: s.feedback.nacks.Load(), PLIs: s.feedback.plis.Load(),
	}
	s.mu.Lock()
	tracks, outbound := slices.Clone(s.tracks), slices.Clone(s.outbound)
	s.mu.Unlock()
	for _, t := range tracks {
		info.Received = append(info.Received, t.Stats())
	}
	for _, o := range outbound {
		info.Sent = append(info.Sent, o.Stats())
	}
	return info
}

// sessionKind is what an address is for.
func sessionKind(prefix string) string {
	switch prefix {
	case "whip":
		return "publisher"
	case "whep":
		return "viewer"
	case "rooms":
		return "participant"
	}
	return prefix // echo, upload, air
}
