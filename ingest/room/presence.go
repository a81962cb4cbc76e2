package room

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/sluice-live/sluice/ingest/signal"
)

// presence tells which streams are published, and who is in which room.
func (rs *Rooms) presence() signal.Event {
	e := signal.Event{Kind: signal.List, Streams: []string{}, Rooms: []signal.Room{}}
	for _, p := range rs.config.Sessions.Publishers() {
		e.Streams = append(e.Streams, p.Stream())
	}
	rs.mu.Lock()
	rooms := slices.Collect(maps.Values(rs.byName))
	rs.mu.Unlock()
	for _, r := range rooms {
		if r.mode != ModeEcho {
			e.Rooms = append(e.Rooms, r.listed())
		}
	}
	slices.SortFunc(e.Rooms, func(a, b signal.Room) int { return cmp.Compare(a.Name, b.Name) })
	return e
}

func (r *room) listed() signal.Room {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := signal.Room{Name: r.name, Mode: string(r.mode), Participants: []string{}}
	for _, p := range r.here {
		out.Participants = append(out.Participants, p.name)
	}
	return out
}

// tellPresence tells those who have asked for the list of streams and rooms, when it is another one than they have got. The room's goroutine
// calls it.
func (r *room) tellPresence() {
	r.mu.Lock()
	who := slices.DeleteFunc(slices.Clone(r.here), func(p *participant) bool { return !p.follows.Load() })
	r.mu.Unlock()
	if len(who) == 0 {
		return
	}
	e := r.rooms.presence()
	text, err := json.Marshal(e)
	if err != nil { // which names cannot be the cause of
		return
	}
	for _, p := range who {
		if list := string(text); list != p.list {
			p.list = list
			p.signalling.Send(e)
		}
	}
}
