package signal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kinds of events. From the client come authenticate, offer, answer, candidate, message, ping and leave; to it go all the others
// and these but authenticate and leave.
const (
	Authenticate  = "authenticate"  // token, name, offers; or seat and last of who comes back
	Authenticated = "authenticated" // seat, self, participants, mode, grace, resumed; iceServers
	Joined        = "joined"        // participant
	Updated       = "updated"       // participant: what it sends, and whether it speaks, has changed
	Left          = "left"          // from, detail: why
	Offer         = "offer"         // sdp
	Answer        = "answer"        // sdp, answers
	Candidate     = "candidate"     // candidate; null says that there are no more
	Message       = "message"       // text; to somebody, or to all without to
	Stream        = "stream"        // of a data channel: stream, state, self
	Faces         = "faces"         // of a data channel: stream, data
	Ping          = "ping"          // answered by pong, from either side
	Pong          = "pong"
	Leave         = "leave"
	View          = "view"  // views
	List          = "list"  // asked for once; streams, rooms, again when they have changed
	Error         = "error" // code, detail: what to do
)

// Limits of what a client may send, in bytes unless they say otherwise.
const (
	MaxSDP       = 256 << 10
	MaxEvent     = MaxSDP + MaxSDP/4 // JSON writes each line break as two characters
	MaxText      = 4096
	MaxName      = 64 // characters
	maxToken     = 8192
	maxKey       = 64
	maxCandidate = 512
	maxViews     = 64      // participants
	maxPixels    = 1 << 16 // of a side
)

// Event is what happens, with the fields that its kind has.
type Event struct {
	Kind string `json:"event"`
	ID   uint64 `json:"id,omitempty"`   // of those to the client, from 1; 0 for those that are not kept
	From string `json:"from,omitempty"` // a participant; absent: the server
	To   string `json:"to,omitempty"`   // a participant; absent: the server, or all of a message

	// Recipients are those of an event for several; To is empty then.
	Recipients []string `json:"-"`

	Token string `json:"token,omitempty"`
	Name  string `json:"name,omitempty"` // 1 to 64 characters, to be shown
	Seat  string `json:"seat,omitempty"` // key of the client's session: a secret
	Last  uint64 `json:"last,omitempty"` // the newest event that the client has seen
	// Offers says that the client makes the first offer; otherwise the server does.
	Offers bool `json:"offers,omitempty"`
	// Simulcast says that the client sends its picture in layers if the server asks for them.
	Simulcast bool `json:"simulcast,omitempty"`
	// Metadata is what a client lets others know of it, as from_metadata of all that it says.
	Metadata     json.RawMessage `json:"metadata,omitempty"`
	FromMetadata json.RawMessage `json:"from_metadata,omitempty"`
	// Data is what a message carries; it may stand for sdp and candidate.
	Data   json.RawMessage `json:"data,omitempty"`
	InData bool            `json:"-"` // the client reads nothing but data

	Mode         string        `json:"mode,omitempty"`
	Self         string        `json:"self,omitempty"` // the client's own name among the participants
	Resumed      bool          `json:"resumed,omitempty"`
	Grace        float64       `json:"grace,omitempty"` // seconds for which a session is kept without a connection
	Participants []Participant `json:"participants,omitempty"`
	Participant  *Participant  `json:"participant,omitempty"`
	ICEServers   []ICEServer   `json:"iceServers,omitempty"`

	Streams []string `json:"streams,omitempty"` // that are published
	Rooms   []Room   `json:"rooms,omitempty"`

	Views []Viewed `json:"views,omitempty"` // of participants

	Stream string `json:"stream,omitempty"`
	State  string `json:"state,omitempty"`

	SDP       string        `json:"sdp,omitempty"`
	Answers   uint64        `json:"answers,omitempty"` // the id of the offer that is answered; absent: the newest
	Candidate *ICECandidate `json:"candidate,omitempty"`
	Text      string        `json:"text,omitempty"`
	Code      int           `json:"code,omitempty"` // an HTTP status
	Detail    string        `json:"detail,omitempty"`
}

// Viewed is in which size a client shows a participant, in pixels of its screen; 0: not at all.
type Viewed struct {
	Participant string `json:"participant"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
}

// Participant is somebody in a room.
type Participant struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Since    time.Time `json:"since"`
	Audio    bool      `json:"audio"` // flows
	Video    bool      `json:"video"`
	Speaking bool      `json:"speaking,omitempty"` // is the active speaker
	OnAir    string    `json:"onAir,omitempty"`    // the stream that its picture and sound go to
	Away     bool      `json:"away,omitempty"`     // its connection is lost; it may come back
}

// Room is a room in a list, and who is in it.
type Room struct {
	Name         string   `json:"name"`
	Mode         string   `json:"mode"`
	Participants []string `json:"participants"` // their names
}

// ICEServer is a STUN or TURN server, as RTCConfiguration has it.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// ICECandidate is RTCIceCandidateInit (WebRTC §4.8.1.1).
type ICECandidate struct {
	Candidate        string  `json:"candidate"`
	SDPMid           *string `json:"sdpMid,omitempty"`
	SDPMLineIndex    *uint16 `json:"sdpMLineIndex,omitempty"`
	UsernameFragment *string `json:"usernameFragment,omitempty"`
}

// Parse reads and checks what a client has sent. The error is a sentence for it.
func Parse(text []byte) (Event, error) {
	if len(text) > MaxEvent {
		return Event{}, fmt.Errorf("an event has at most %d bytes", MaxEvent)
	}
	var w written
	if err := json.Unmarshal(text, &w); err != nil {
		return Event{}, errors.New(`an event is a JSON object such as {"event":"message","text":"Hello"}`)
	}
	e, err := w.event()
	if err != nil {
		return Event{}, err
	}
	return e, e.check()
}

var kindsFromClients = []string{Authenticate, Offer, Answer, Candidate, Message, Ping, Pong, Leave, List, View}

// check refuses what no client has to say.
func (e *Event) check() error {
	switch {
	case len(e.To) > maxKey:
		return errors.New("to is the id of a participant")
	case e.IsMessage():
		return e.checkMessage()
	case !slices.Contains(kindsFromClients, e.Kind):
		return fmt.Errorf("there is no event of the kind %.40q: send one of %s, or one of your own with data", e.Kind, strings.Join(kindsFromClients, ", "))
	}
	switch e.Kind {
	case Authenticate:
		return e.checkEntry()
	case Offer, Answer:
		if e.SDP == "" || len(e.SDP) > MaxSDP {
			return fmt.Errorf("%s needs sdp, of at most %d bytes", e.Kind, MaxSDP)
		}
	case Candidate:
		return e.checkCandidate()
	case View:
		return e.checkViews()
	}
	return nil
}

// checkViews bounds sizes, which are those of screens.
func (e *Event) checkViews() error {
	if len(e.Views) > maxViews {
		return fmt.Errorf("a view is of %d participants at most", maxViews)
	}
	for _, v := range e.Views {
		if len(v.Participant) > maxKey || min(v.Width, v.Height) < 0 || max(v.Width, v.Height) > maxPixels {
			return fmt.Errorf("views have a participant, and width and height from 0 to %d", maxPixels)
		}
	}
	return nil
}

func (e *Event) checkEntry() error {
	e.Name = strings.TrimSpace(e.Name)
	switch {
	case len(e.Token) > maxToken, len(e.Seat) > maxKey:
		return errors.New("the token or the key of the seat is too long")
	case len(e.Metadata) > MaxMetadata:
		return fmt.Errorf("metadata has at most %d bytes", MaxMetadata)
	case e.Seat != "":
		return nil
	case e.Name == "", utf8.RuneCountInString(e.Name) > MaxName, strings.ContainsFunc(e.Name, unicode.IsControl):
		return fmt.Errorf("authenticate needs a name, of at most %d characters", MaxName)
	}
	return nil
}

func (e *Event) checkCandidate() error {
	c := e.Candidate
	if c == nil {
		return nil // there are no more
	}
	long := func(s *string) bool { return s != nil && len(*s) > maxCandidate }
	if len(c.Candidate) > maxCandidate || long(c.SDPMid) || long(c.UsernameFragment) {
		return fmt.Errorf("a candidate has at most %d bytes", maxCandidate)
	}
	return nil
}
