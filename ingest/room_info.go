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

// List describes all rooms by name, those of the echo left out.
func (rs *Rooms) List() []RoomInfo {
	rs.mu.Lock()
	rooms := slices.Collect(maps.Values(rs.byName))
	rs.mu.Unlock()
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
		info.Participants[i].Address, info.Participants[i].State = p.session.RemoteAddr(), p.session.State()
		info.Participants[i].Stats = p.session.StatsOf(tracks[i])
	}
	return info
}

// snapshot is what the room itself knows.
func (r *room) snapshot() (info RoomInfo, here []*participant, tracks [][]*media.Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info = RoomInfo{Name: r.name, Mode: r.mode, Since: r.since, Dropped: r.dropped.Load()}
	if r.air != nil {
		info.OnAir, info.FollowsSpeech = r.air.publisher.Stream(), r.air.follows
	}
	for _, p := range r.here {
		info.Participants = append(info.Participants, ParticipantInfo{Participant: r.describe(p), Loudness: int(p.loud(time.Now()))})
		tracks = append(tracks, p.tracks)
	}
	return info, slices.Clone(r.here), tracks
}

// Remove ends a participant's stay in a room, and reports whether it was there.
func (rs *Rooms) Remove(room, id string) bool {
	r := rs.room(room)
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.called(id)
	if p != nil {
		p.session.close(ErrRemoved)
	}
	return p != nil
}
