package api

import (
	"github.com/sluice-live/sluice/cmd/sluice/internal/logs"
	"github.com/sluice-live/sluice/packager/recording"
)

// Page is what every list has that may be long.
type Page struct {
	Next string `json:"next_page_token,omitempty"` // the page_token of the next page; absent on the last one
}

// StreamList is the answer of GET /api/v1/streams: streams that have not ended, by name.
type StreamList struct {
	Streams []Stream `json:"streams"`
	Missing []string `json:"missing,omitempty"` // nodes of the cluster that have not answered, whose streams are not there
	Page
}

// SessionList is the answer of GET /api/v1/sessions: every session, the oldest first.
type SessionList struct {
	Sessions []Session `json:"sessions"`
	Missing  []string  `json:"missing,omitempty"` // nodes of the cluster that have not answered, whose sessions are not there
	Page
}

// RecordingList is the answer of GET /recordings: recordings that the client may watch, the newest first.
type RecordingList struct {
	Recordings []recording.Info `json:"recordings"`
	Missing    []string         `json:"missing,omitempty"` // nodes of the cluster that have not answered, whose recordings are not there
	Page
}

// RoomList is the answer of GET /api/v1/rooms: rooms that somebody is in.
type RoomList struct {
	Rooms []Room `json:"rooms"`

	Missing []string `json:"missing,omitempty"` // nodes of the cluster that have not answered, whose rooms are not there
}

// LogLines is the answer of GET /api/v1/logs: the lines that are kept, the oldest first.
type LogLines struct {
	Lines []logs.Line `json:"lines"`
}

// Presence is the data of the events of GET /api/v1/events: who and what is there.
type Presence struct {
	Streams []Stream `json:"streams"`
	Rooms   []Room   `json:"rooms,omitempty"` // absent for who may not read them, and while there are none
}
