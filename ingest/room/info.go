package room

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// Info describes a room.
type Info struct {
	Name          string
	Mode          Mode
	Since         time.Time
	OnAir         string // the stream that it makes, or ""
	FollowsSpeech bool   // the output is of the active speaker
	Dropped       uint64 // packets that participants were too slow for
	Participants  []ParticipantInfo
}

// ParticipantInfo describes somebody in a room.
type ParticipantInfo struct {
	signal.Participant
	Address  string        // where its media comes from, or its events did
	State    session.State // of its connection for media; connecting in a mesh
	Watchers int           // participants that get its media
	Loudness int           // of its sound lately, in dB above the lowest there is
	Stats    media.Stats   // of what it sends
}

// List describes all rooms by name, those of the echo left out.
func (rs *Rooms) List() []Info {
	rs.mu.Lock()
	rooms := slices.Collect(maps.Values(rs.byName))
	rs.mu.Unlock()
	infos := make([]Info, 0, len(rooms))
	for _, r := range rooms {
		if r.mode != ModeEcho {
			infos = append(infos, r.info())
		}
	}
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

func (r *room) info() Info {
	info, here, tracks := r.snapshot()
	for i, p := range here { // connections are asked without the lock: they may take their time
		info.Participants[i].Address, info.Participants[i].State = p.session.RemoteAddr(), p.session.State()
		info.Participants[i].Stats = p.session.StatsOf(tracks[i])
	}
	return info
}

// snapshot is what the room itself knows.
func (r *room) snapshot() (info Info, here []*participant, tracks [][]*media.Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info = Info{Name: r.name, Mode: r.mode, Since: r.since, Dropped: r.dropped.Load()}
	if r.output != nil {
		info.OnAir, info.FollowsSpeech = r.output.publisher.Stream(), r.output.followsSpeaker
	}
	for _, p := range r.here {
		info.Participants = append(info.Participants, ParticipantInfo{Participant: r.describe(p), Watchers: len(p.watchers), Loudness: int(p.loud(time.Now()))})
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
		p.session.Close(ErrRemoved)
	}
	return p != nil
}
