package signal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

// Limits of what events carry besides negotiation.
const (
	MaxData       = 16 << 10 // bytes of data, as JSON
	MaxMetadata   = 1 << 10  // bytes, as JSON
	maxRecipients = 64
)

// everybody may stand in to for all others.
const everybody = "all"

// ownKind is the grammar of kinds of events that clients have among themselves.
var ownKind = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// kindsToClients are those that no client may send.
var kindsToClients = []string{Authenticated, Joined, Updated, Left, Error, Stream}

// written is an event as clients write it: to is a participant, a list of them or "all", and data may stand for sdp and candidate.
type written struct {
	Event
	To json.RawMessage `json:"to"`
}

// event is what has been written. The error is a sentence for the client.
func (w written) event() (Event, error) {
	e := w.Event
	if len(w.To) > 0 && !bytes.Equal(w.To, []byte("null")) {
		if json.Unmarshal(w.To, &e.To) != nil && json.Unmarshal(w.To, &e.Recipients) != nil {
			return e, fmt.Errorf("to is the id of a participant, a list of them, or %q", everybody)
		}
	}
	if e.To == everybody {
		e.To = ""
	}
	if len(e.Recipients) == 1 {
		e.To, e.Recipients = e.Recipients[0], nil
	}
	if len(e.Recipients) > maxRecipients || slices.ContainsFunc(e.Recipients, func(id string) bool { return id == "" || len(id) > maxKey }) {
		return e, fmt.Errorf("to is a list of %d ids of participants at most", maxRecipients)
	}
	if string(e.Data) == "null" {
		e.Data = nil
	}
	return e, e.takeData()
}

// takeData reads what is to be negotiated from data, where it does not stand in its own field.
func (e *Event) takeData() error {
	if e.Data == nil {
		return nil
	}
	switch {
	case e.Kind == Offer || e.Kind == Answer:
		var description struct {
			SDP string `json:"sdp"`
		}
		if err := json.Unmarshal(e.Data, &description); err != nil {
			return fmt.Errorf(`data of %s is {"type": %q, "sdp": SDP}`, e.Kind, e.Kind)
		}
		if e.SDP == "" {
			e.SDP = description.SDP
		}
		e.Data = nil
	case e.Kind == Candidate:
		var candidate ICECandidate
		if err := json.Unmarshal(e.Data, &candidate); err != nil {
			return fmt.Errorf("data of candidate is an RTCIceCandidateInit")
		}
		if e.Candidate == nil {
			e.Candidate = &candidate
		}
		e.Data = nil
	}
	return nil
}

// IsMessage reports whether the event says something that is none of the server's matters: a message, or an event of a kind that clients
// have among themselves.
func (e *Event) IsMessage() bool {
	return e.Kind == Message || e.Data != nil && ownKind.MatchString(e.Kind) && !slices.Contains(kindsFromClients, e.Kind) && !slices.Contains(kindsToClients, e.Kind)
}

func (e *Event) checkMessage() error {
	if len(e.Data) > MaxData {
		return fmt.Errorf("data has at most %d bytes", MaxData)
	}
	if e.Data == nil && e.Text == "" || len(e.Text) > MaxText {
		return fmt.Errorf("message needs text, of at most %d bytes, or data", MaxText)
	}
	return nil
}

// inData is the event with all that it tells in data, for clients that read nothing else.
func (e Event) inData() Event {
	var data any
	switch e.Kind {
	case Offer, Answer:
		data = map[string]string{"type": e.Kind, "sdp": e.SDP}
	case Candidate:
		data = e.Candidate
	case Authenticated:
		data = map[string]string{"peer_id": e.Self}
	case Joined, Left:
		data = map[string]string{"peer_id": e.From}
	case Error:
		data = map[string]any{"description": e.Detail, "details": e.Code}
	case Message:
		data = e.Text
	}
	if e.Data == nil && data != nil {
		e.Data, _ = json.Marshal(data) // of plain strings
	}
	return e
}
