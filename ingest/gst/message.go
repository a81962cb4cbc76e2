package gst

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/ingest/offer"
)

// Types of messages.
const (
	SetProtocolVersion = "setProtocolVersion" // from the client, before all others: version
	SetPeerStatus      = "setPeerStatus"      // from the client: roles, meta
	StartSession       = "startSession"       // from the client: peerId, offer; to a producer: peerId, sessionId
	EndSession         = "endSession"         // both ways: sessionId
	EndSessionV11      = "endSessionV1_1"     // both ways, since 1.1: sessionId, error
	PeerMessage        = "peer"               // both ways: sessionId, and sdp or ice
	List               = "list"               // from the client; to it: producers
	ListConsumers      = "listConsumers"      // from the client; to it: consumers
	Welcome            = "welcome"            // peerId, which is the client's own
	PeerStatusChanged  = "peerStatusChanged"  // to listeners: peerId, roles, meta
	SessionStarted     = "sessionStarted"     // to a consumer: peerId, sessionId
	Error              = "error"              // details: what to do
)

// Roles of a client.
const (
	Producer = "producer" // sends a stream
	Listener = "listener" // is told of producers
	Consumer = "consumer" // waits for a producer
)

// Versions of the protocol.
const (
	version10 = "v1_0"
	version11 = "v1_1"
)

// Limits of what a client may send, in bytes.
const (
	maxID        = 128
	maxMeta      = 4096
	maxCandidate = 512
	maxReason    = 1024
)

// Message is what is sent either way, with the fields that its type has.
type Message struct {
	Type      string          `json:"type"`
	Version   string          `json:"version,omitempty"`
	PeerID    string          `json:"peerId,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Roles     []string        `json:"roles,omitzero"`
	Meta      json.RawMessage `json:"meta,omitempty"`
	Offer     string          `json:"offer,omitempty"`
	SDP       *Description    `json:"sdp,omitempty"`
	ICE       *Candidate      `json:"ice,omitempty"`
	Producers []Peer          `json:"producers,omitzero"`
	Consumers []Peer          `json:"consumers,omitzero"`
	Error     string          `json:"error,omitempty"`
	Details   string          `json:"details,omitempty"`
}

// Description is an offer or an answer.
type Description struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// Candidate is one of ICE. All media is on one transport, so its section says nothing.
type Candidate struct {
	Candidate     string `json:"candidate"`
	SDPMLineIndex uint32 `json:"sdpMLineIndex"`
}

// Peer is one of a list.
type Peer struct {
	ID   string          `json:"id"`
	Meta json.RawMessage `json:"meta"`
}

// text is the message as it is sent.
func (m Message) text() []byte {
	text, _ := json.Marshal(m) // of strings, and of what has been JSON
	return text
}

var types = []string{SetProtocolVersion, SetPeerStatus, StartSession, EndSession, EndSessionV11, PeerMessage, List, ListConsumers}

// Parse reads and checks what a client has sent, whose descriptions have at most maxSDP bytes. The error is a sentence for it.
func Parse(text []byte, maxSDP int) (Message, error) {
	var m Message
	if err := json.Unmarshal(text, &m); err != nil {
		return Message{}, errors.New(`send a JSON object such as {"type":"list"}`)
	}
	return m, m.check(maxSDP)
}

func (m *Message) check(maxSDP int) error {
	switch m.Type {
	case SetProtocolVersion:
		if m.Version != version10 && m.Version != version11 {
			return fmt.Errorf("there is no version %.20q of the protocol here: say %s or %s", m.Version, version10, version11)
		}
	case SetPeerStatus:
		return m.checkStatus()
	case StartSession:
		return errors.Join(checkID("startSession needs peerId, the id of a producer of the list", m.PeerID), checkSDP(m.Offer, maxSDP))
	case EndSession, EndSessionV11:
		if len(m.Error) > maxReason {
			m.Error = strings.ToValidUTF8(m.Error[:maxReason], "")
		}
		return checkID(m.Type+" needs sessionId", m.SessionID)
	case PeerMessage:
		return m.checkPeer(maxSDP)
	case List, ListConsumers:
	default:
		return fmt.Errorf("there is no message of the type %.40q: send one of %s", m.Type, strings.Join(types, ", "))
	}
	return nil
}

func checkID(advice, id string) error {
	if id == "" || len(id) > maxID {
		return errors.New(advice)
	}
	return nil
}

func checkSDP(text string, most int) error {
	if len(text) > most {
		return fmt.Errorf("a description has at most %d bytes", most)
	}
	return nil
}

func (m *Message) checkStatus() error {
	for _, role := range m.Roles {
		if !slices.Contains([]string{Producer, Listener, Consumer}, role) {
			return fmt.Errorf("there is no role %.40q: take producer, listener or consumer", role)
		}
	}
	slices.Sort(m.Roles)
	m.Roles = slices.Compact(m.Roles)
	if slices.Contains(m.Roles, Producer) && slices.Contains(m.Roles, Consumer) {
		return errors.New("nobody is a producer and waits for one: take one of these roles, or connect twice")
	}
	switch meta := bytes.TrimSpace(m.Meta); {
	case len(meta) > maxMeta:
		return fmt.Errorf("meta has at most %d bytes", maxMeta)
	case len(meta) == 0, string(meta) == "null":
		m.Meta = nil
	case meta[0] != '{':
		return errors.New(`meta is an object, such as {"name":"cam"}, or null`)
	}
	return nil
}

func (m *Message) checkPeer(maxSDP int) error {
	if err := checkID("peer needs sessionId", m.SessionID); err != nil {
		return err
	}
	switch {
	case (m.SDP == nil) == (m.ICE == nil):
		return errors.New("peer needs either sdp or ice")
	case m.ICE != nil:
		if len(m.ICE.Candidate) > maxCandidate {
			return fmt.Errorf("a candidate has at most %d bytes", maxCandidate)
		}
		return nil
	case m.SDP.Type != "offer" && m.SDP.Type != "answer" || m.SDP.SDP == "":
		return errors.New(`sdp needs a type, offer or answer, and sdp, its text`)
	}
	return checkSDP(m.SDP.SDP, maxSDP)
}

// messageBytes is the longest message with a description of so many bytes: JSON writes each line break as four characters at most.
func messageBytes(maxSDP int) int64 { return int64(maxSDP) + int64(maxSDP)/4 + 2*maxMeta }

// candidates are those of a description of ours, as messages of a session.
func candidates(session, description string) (all []Message) {
	for line := range strings.Lines(description) {
		value, found := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "a=candidate:")
		if found && len(all) < offer.MaxCandidates {
			all = append(all, Message{Type: PeerMessage, SessionID: session, ICE: &Candidate{Candidate: "candidate:" + value}})
		}
	}
	return all
}
