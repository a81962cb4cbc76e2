package channel

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"

	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// Label is that of the channel of a stream or a room.
const Label = "sluice"

// What a client may do, in bytes unless it says otherwise.
const (
	// MaxMessage is the longest message that a client may send. Its transport is told so (RFC 8841 §6.1).
	MaxMessage = 16 << 10
	// MaxBuffered is how much waits for a client that does not read, in each channel.
	MaxBuffered = 128 << 10
	// ReceiveBuffer is how much waits for a message to be heard, of all channels of a client together.
	ReceiveBuffer = 256 << 10

	lookAgain = 5 * time.Millisecond // whether there is room

	maxOpen   = 8  // channels of a session at once
	maxOpened = 64 // all that it opens
)

// Why sessions are ended, and what is wrong with messages.
var (
	ErrTooMany = errors.New("the client has opened more data channels than a session may have: keep to one for each label")
	ErrTooLong = errors.New("the client has sent a longer message than a data channel takes")
)

// Counters count the messages of all channels.
type Counters struct {
	Passed  atomic.Uint64 // those that have been handed to a client's transport
	Dropped atomic.Uint64 // those that a client was too slow for
}

// Wire is what a Line writes to: a data channel.
type Wire interface {
	Send([]byte) error
	SendText(string) error
	BufferedAmount() uint64
}

// Message is what comes over a channel or goes out over it.
type Message struct {
	Text bool // else bytes
	Data []byte
}

// Line is an open channel. Its methods never wait, and may be called at once.
type Line struct {
	wire     Wire
	counters *Counters
}

// NewLine is for a channel that somebody else has opened.
func NewLine(w Wire, c *Counters) *Line { return &Line{w, c} }

// Send passes a message to the client, and reports whether it has been taken: not where too much waits, or the channel is closed.
func (l *Line) Send(m Message) bool {
	if l.wire.BufferedAmount()+uint64(len(m.Data)) > MaxBuffered {
		l.counters.Dropped.Add(1)
		return false
	}
	var err error
	if m.Text {
		err = l.wire.SendText(string(m.Data))
	} else {
		err = l.wire.Send(m.Data)
	}
	if err != nil { // it is closed, or its client takes no message of that length
		l.counters.Dropped.Add(1)
		return false
	}
	l.counters.Passed.Add(1)
	return true
}

// Buffered is how many bytes wait for the client.
func (l *Line) Buffered() uint64 { return l.wire.BufferedAmount() }

// waitForRoom reports whether there is room for n bytes within a time, which closing ends.
func (l *Line) waitForRoom(n int, within time.Duration, closing <-chan struct{}) bool {
	deadline := time.Now().Add(within)
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for l.wire.BufferedAmount()+uint64(n) > MaxBuffered {
		select {
		case now := <-look.C:
			if now.After(deadline) {
				return false
			}
		case <-closing:
			return false
		}
	}
	return true
}

// SendWithin sends a message as soon as there is room for it, and reports whether it has been taken.
func (l *Line) SendWithin(m Message, within time.Duration, closing <-chan struct{}) bool {
	return l.waitForRoom(len(m.Data), within, closing) && l.Send(m)
}

// Flush waits until the client has all that has been sent to it, or the time is over, or closing is closed.
func (l *Line) Flush(within time.Duration, closing <-chan struct{}) {
	l.waitForRoom(MaxBuffered, within, closing)
}

// Tell sends an event.
func (l *Line) Tell(e signal.Event) bool {
	text, err := json.Marshal(e)
	return err == nil && l.Send(Message{Text: true, Data: text})
}

// refuse tells the client that something it has sent is of no use.
func (l *Line) refuse(status int, detail string) {
	l.Tell(signal.Event{Kind: signal.Error, Code: status, Detail: detail})
}

// Rate is what a client may send in the long run. What is more waits.
type Rate struct {
	Messages float64 // a second; four seconds' worth may come at once
	Bytes    float64 // a second; four seconds' worth may come at once, and at least one message
}

// Rates of clients.
var (
	OfParticipants = Rate{20, 64 << 10} // of rooms

	ofProducers  = Rate{50, 256 << 10}
	ofViewers    = Rate{5, 16 << 10}
	ofNavigation = Rate{100, 64 << 10} // a pointer moves as often as a screen is drawn
)

// limiter bounds what a client sends.
type limiter struct{ messages, bytes *rate.Limiter }

func newLimiter(r Rate) *limiter {
	const seconds = 4
	return &limiter{
		rate.NewLimiter(rate.Limit(r.Messages), int(max(r.Messages*seconds, 1))), rate.NewLimiter(rate.Limit(r.Bytes), int(max(r.Bytes*seconds, MaxMessage))),
	}
}

// wait returns when a message of n bytes may be heard; false says that closing was closed before.
func (l *limiter) wait(n int, closing <-chan struct{}) bool {
	now := time.Now()
	pause := max(l.messages.ReserveN(now, 1).DelayFrom(now), l.bytes.ReserveN(now, n).DelayFrom(now))
	if pause == 0 {
		return true
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-closing:
		return false
	}
}

// Hearing is who hears a channel, and how much of it.
type Hearing struct {
	Rate Rate
	Hear func(Message) // nil: nobody does, and the channel is closed
	Gone func()        // called when it is closed; nil: nobody needs to know
}

// Accept takes the channels that the client of a session opens. open is called for each, with its label; what it returns hears the channel, in
// the order of its messages. A panic ends the session.
func Accept(s *session.Session, c *Counters, open func(label string, l *Line) Hearing) {
	d := &door{session: s, counters: c, open: open}
	s.PeerConnection().OnDataChannel(func(dc *webrtc.DataChannel) {
		defer s.Contain()
		d.enter(dc)
	})
}

// door counts the channels of a session.
type door struct {
	session  *session.Session
	counters *Counters
	open     func(string, *Line) Hearing

	mu          sync.Mutex
	here, total int
}

func (d *door) enter(dc *webrtc.DataChannel) {
	if !d.admit() {
		d.session.Close(ErrTooMany)
		return
	}
	line := NewLine(dc, d.counters)
	h := d.open(dc.Label(), line)
	dc.OnClose(func() {
		defer d.session.Contain()
		d.leave()
		if h.Gone != nil {
			h.Gone()
		}
	})
	if h.Hear == nil {
		_ = dc.Close() // it is closed already where that fails
		return
	}
	limit := newLimiter(h.Rate)
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		defer d.session.Contain()
		if len(m.Data) > MaxMessage {
			d.session.Close(ErrTooLong) // which it has been told
			return
		}
		if limit.wait(len(m.Data), d.session.Closing()) {
			h.Hear(Message{m.IsString, m.Data})
		}
	})
}

func (d *door) admit() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.here, d.total = d.here+1, d.total+1
	return d.here <= maxOpen && d.total <= maxOpened
}

func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.here--
}

// Echo sends back what comes, over each channel that is opened.
func Echo(s *session.Session, c *Counters) {
	Accept(s, c, func(_ string, l *Line) Hearing {
		return Hearing{Rate: ofProducers, Hear: func(m Message) { l.Send(m) }}
	})
}
