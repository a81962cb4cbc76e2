package ingest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/signal"
)

// RoomInfo describes a room.
type RoomInfo struct {
	Name          string
	Mode          Mode
	Since         time.Time
	OnAir         string // the stream that it makes, or ""
	FollowsSpeech bool   // who is on air is whoever speaks
	Dropped       uint64 // packets that participants were too slow for
	Participants  []ParticipantInfo
}

// ParticipantInfo describes somebody in a room.
type ParticipantInfo struct {
	signal.Participant
	Address  string      // where its media comes from, or its events did
	State    State       // of its connection for media; connecting in a mesh
	Loudness int         // of its sound lately, in dB above the lowest there is
	Stats    media.Stats // of what it sends
}

// Rooms describes all rooms by name, those of the echo left out.
func (s *Server) Rooms() []RoomInfo {
	s.rooms.mu.Lock()
	rooms := slices.Collect(maps.Values(s.rooms.byName))
	s.rooms.mu.Unlock()
	infos := make([]RoomInfo, 0, len(rooms))
	for _, r := range rooms {
		if r.mode != ModeEcho {
			infos = append(infos, r.info())
		}
	}
	slices.SortFunc(infos, func(a, b RoomInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

func (r *room) info() RoomInfo {
	info, here, tracks := r.snapshot()
	for i, p := range here { // connections are asked without the lock: they may take their time
		info.Participants[i].Address, info.Participants[i].State = p.remoteAddr(), p.connectionState()
		info.Participants[i].Stats = p.statsOf(tracks[i])
	}
	return info
}

// snapshot is what the room itself knows.
func (r *room) snapshot() (info RoomInfo, here []*participant, tracks [][]*media.Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info = RoomInfo{Name: r.name, Mode: r.mode, Since: r.since, Dropped: r.audience.dropped.Load()}
	if r.air != nil {
		info.OnAir, info.FollowsSpeech = r.air.stream, r.air.follows
	}
	for _, p := range r.here {
		info.Participants = append(info.Participants, ParticipantInfo{Participant: r.describe(p), Loudness: int(p.loud(time.Now()))})
		tracks = append(tracks, p.tracks)
	}
	return info, slices.Clone(r.here), tracks
}

// SendOut ends a participant's stay in a room, and reports whether it was there.
func (s *Server) SendOut(room, id string) bool {
	r := s.room(room)
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.called(id)
	if p != nil {
		p.close(ErrSentOut)
	}
	return p != nil
}
