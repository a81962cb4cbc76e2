package api

import (
	"time"

	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/ingest/signal"
)

// Room is a room as /api/v1/rooms tells it.
type Room struct {
	Name          string        `json:"name"`
	Mode          string        `json:"mode" jsonschema:"enum=sfu,enum=mesh"`
	Since         time.Time     `json:"since"`
	OnAir         string        `json:"onAir"`         // the stream that it makes, else ""
	FollowsSpeech bool          `json:"followsSpeech"` // who is on air is whoever speaks
	Dropped       uint64        `json:"dropped"`       // packets that participants were too slow for
	Participants  []Participant `json:"participants"`
}

// Participant is what events tell of a participant, and how its media arrives. It leaves out the key of the seat: whoever knows
// that can take it.
type Participant struct {
	signal.Participant
	State    string  `json:"state"`    // of its connection for media: connecting, connected, disconnected or closed
	Loudness int     `json:"loudness"` // of its sound lately, in dB above the lowest level there is
	Bitrate  float64 `json:"bitrate"`
	RTT      float64 `json:"rtt"` // seconds, 0 while unknown
	Lost     uint64  `json:"lost"`
	NACKs    uint64  `json:"nacks"`
	PLIs     uint64  `json:"plis"`
	Sends    []Sent  `json:"sends"`
}

// Sent is a medium that a participant sends.
type Sent struct {
	Kind string `json:"kind"`
	Track
}

func newRoom(info room.Info) Room {
	room := Room{
		Name: info.Name, Mode: string(info.Mode), Since: info.Since.UTC().Truncate(time.Millisecond), OnAir: info.OnAir, FollowsSpeech: info.FollowsSpeech,
		Dropped: info.Dropped, Participants: []Participant{},
	}
	for _, p := range info.Participants {
		described := Participant{
			Participant: p.Participant, State: string(p.State), Loudness: p.Loudness, Bitrate: p.Stats.Bitrate, RTT: p.Stats.RTT.Seconds(), NACKs: p.Stats.NACKs, PLIs: p.Stats.PLIs,
			Sends: []Sent{},
		}
		for _, t := range p.Stats.Tracks {
			described.Lost += t.Lost
			described.Sends = append(described.Sends, Sent{string(t.Kind), describeTrack(t)})
		}
		room.Participants = append(room.Participants, described)
	}
	return room
}
