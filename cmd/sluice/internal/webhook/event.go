package webhook

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Types of events. What is told of each is in cmd/sluice/README.md.
const (
	StreamStarted     = "stream.started"     // somebody publishes it
	StreamInterrupted = "stream.interrupted" // its publisher has gone
	StreamResumed     = "stream.resumed"     // somebody publishes it again
	StreamEnded       = "stream.ended"       // it is over
	StreamViewerPeak  = "stream.viewer_peak" // it has more viewers than ever before

	LadderReduced  = "ladder.reduced"  // fewer renditions are encoded
	LadderRestored = "ladder.restored" // more are again

	RecordingStarted  = "recording.started"  // something is kept
	RecordingFinished = "recording.finished" // it is on the disk
	RecordingFailed   = "recording.failed"   // the disk has stopped it
	RecordingReady    = "recording.ready"    // its video.mp4 is there

	ClipReady  = "clip.ready"  // a clip has been cut, and its video.mp4 is there
	ClipFailed = "clip.failed" // the disk has stopped it

	ParticipantJoined = "participant.joined" // somebody has entered a room
	ParticipantLeft   = "participant.left"

	DiskFailed    = "disk.failed"    // live streams cannot be written
	DiskRecovered = "disk.recovered" // they can again
)

// Types are those of all events.
func Types() []string {
	return []string{
		StreamStarted, StreamInterrupted, StreamResumed, StreamEnded, StreamViewerPeak, LadderReduced, LadderRestored,
		RecordingStarted, RecordingFinished, RecordingFailed, RecordingReady, ClipReady, ClipFailed, ParticipantJoined, ParticipantLeft, DiskFailed, DiskRecovered,
	}
}

// Event is what has happened.
type Event struct {
	Type string
	// About is what the order of events is kept of: a stream, a room, the disk.
	About string
	At    time.Time
	// Data is told as JSON, and changed no more.
	Data any
}

// Bounds of messages, in bytes. Longer ones are not made here, and not read.
const (
	maxBody  = 16 << 10
	maxField = 200
)

// message is an event as it is told, and told again.
type message struct {
	ID    string          `json:"id"`
	Type  string          `json:"type"`
	About string          `json:"about"`
	At    time.Time       `json:"at"`
	Body  json.RawMessage `json:"body"`
}

// payload is a message's body.
type payload struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// newMessage gives an event its id, by which a receiver knows what it has had.
func newMessage(e Event) (*message, error) {
	m := &message{ID: "msg_" + rand.Text(), Type: e.Type, About: e.About, At: e.At.UTC().Truncate(time.Millisecond)}
	var err error
	m.Body, err = json.Marshal(payload{m.ID, m.Type, m.At, e.Data})
	return m, err
}

// valid reports whether it is a message as they are made here.
func (m *message) valid() bool {
	return m.ID != "" && len(m.ID) <= maxField && !strings.ContainsFunc(m.ID, notOfID) && len(m.Type) <= maxField && len(m.About) <= maxField &&
		slices.Contains(Types(), m.Type) && len(m.Body) > 0 && len(m.Body) <= maxBody
}

// notOfID is what no id has: it stands in a header, and a full stop would end it where it is signed.
func notOfID(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}
