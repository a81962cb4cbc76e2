package main

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/internal/name"
	"github.com/sluice-live/sluice/internal/problem"
)

const maxAirBody = 1 << 10 // bytes

// apiRoom is a room as /api/v1/rooms tells it.
type apiRoom struct {
	Name          string           `json:"name"`
	Mode          string           `json:"mode"` // sfu or mesh
	Since         time.Time        `json:"since"`
	OnAir         string           `json:"onAir"`         // the stream that it makes, else ""
	FollowsSpeech bool             `json:"followsSpeech"` // who is on air is whoever speaks
	Dropped       uint64           `json:"dropped"`       // packets that participants were too slow for
	Participants  []apiParticipant `json:"participants"`
}

// apiParticipant is what events tell of a participant, and how its media arrives. It leaves out the key of the seat: who knows that can
// take it.
type apiParticipant struct {
	signal.Participant
	State    string    `json:"state"`    // of its connection for media: connecting, connected, disconnected or closed
	Loudness int       `json:"loudness"` // of its sound lately, in dB above the lowest level there is
	Bitrate  float64   `json:"bitrate"`
	RTT      float64   `json:"rtt"` // seconds, 0 while unknown
	Lost     uint64    `json:"lost"`
	NACKs    uint64    `json:"nacks"`
	PLIs     uint64    `json:"plis"`
	Sends    []apiSent `json:"sends"`
}

// apiSent is a medium that a participant sends.
type apiSent struct {
	Kind string `json:"kind"`
	apiTrack
}

func describeRoom(info ingest.RoomInfo) apiRoom {
	room := apiRoom{
		Name: info.Name, Mode: string(info.Mode), Since: info.Since.UTC().Truncate(time.Millisecond), OnAir: info.OnAir, FollowsSpeech: info.FollowsSpeech,
		Dropped: info.Dropped, Participants: []apiParticipant{},
	}
	for _, p := range info.Participants {
		described := apiParticipant{
			Participant: p.Participant, State: string(p.State), Loudness: p.Loudness, Bitrate: p.Stats.Bitrate, RTT: p.Stats.RTT.Seconds(), NACKs: p.Stats.NACKs, PLIs: p.Stats.PLIs,
			Sends: []apiSent{},
		}
		for _, t := range p.Stats.Tracks {
			described.Lost += t.Lost
			described.Sends = append(described.Sends, apiSent{string(t.Kind), describeTrack(t)})
		}
		room.Participants = append(room.Participants, described)
	}
	return room
}

func (s *service) serveRooms(w http.ResponseWriter, _ *http.Request) {
	rooms := []apiRoom{}
	for _, info := range s.ingest.Rooms().List() {
		rooms = append(rooms, describeRoom(info))
	}
	writeJSON(w, rooms)
}

func (s *service) serveRoom(w http.ResponseWriter, r *http.Request) {
	for _, info := range s.ingest.Rooms().List() {
		if info.Name == r.PathValue("room") {
			writeJSON(w, describeRoom(info))
			return
		}
	}
	problem.Write(w, http.StatusNotFound, "There is no such room: it begins when somebody enters it at /rooms/"+r.PathValue("room")+".")
}

// serveSendOut ends a participant's stay.
func (s *service) serveSendOut(w http.ResponseWriter, r *http.Request) {
	if !s.ingest.Rooms().Remove(r.PathValue("room"), r.PathValue("participant")) {
		problem.Write(w, http.StatusNotFound, "There is nobody of this id in this room.")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// servePutOnAir makes a stream of a participant, or of whoever speaks. Who does that needs a key for the room and one for the stream; it is
// one key that is sent, so it has to be good for both.
func (s *service) servePutOnAir(keys access.Keys) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var wanted struct{ Stream, Participant string }
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAirBody)).Decode(&wanted)
		switch {
		case err != nil || !name.Valid(wanted.Stream):
			problem.Write(w, http.StatusBadRequest, `Send {"stream": NAME, "participant": ID} as JSON, with "" for whoever speaks. A stream's name is `+name.Rule+".")
			return
		case !keys.Allows(wanted.Stream, access.Token(r)):
			problem.Write(w, http.StatusForbidden, "This key is for another stream: use one that is good for "+wanted.Stream+" too.")
			return
		}
		if status, err := s.ingest.Rooms().StartOutput(r.PathValue("room"), wanted.Participant, wanted.Stream, r); err != nil {
			problem.Write(w, status, err.Error())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *service) serveTakeOffAir(w http.ResponseWriter, r *http.Request) {
	if !s.ingest.Rooms().StopOutput(r.PathValue("room")) {
		problem.Write(w, http.StatusNotFound, "Nobody of this room is on air.")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
