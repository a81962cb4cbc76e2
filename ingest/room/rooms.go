package room

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/public/panics"
)

// Mode is how the media of a room goes.
type Mode string

// The modes of a room.
const (
	ModeSFU  Mode = "sfu"  // through the server, which forwards what each participant sends to all others
	ModeMesh Mode = "mesh" // between participants; the server only passes on their events
	ModeEcho Mode = "echo" // a participant gets back what it sends, and is alone
)

// Why participants leave, besides what ends all sessions.
var (
	ErrLeft     = errors.New("the participant has left")
	ErrRemoved  = errors.New("the participant was sent out")
	ErrSeatLost = errors.New("the connection was lost and did not come back in time")
)

// Timers are how long things in rooms may take.
type Timers struct {
	Seat   time.Duration // for a participant to come back; default 30 s
	Signal signal.Timers
}

// Config is what rooms are made of.
type Config struct {
	Sessions   *session.Registry
	Peers      *session.Peers
	Messages   *channel.Counters // of data channels
	Forwarders *egress.Forwarders
	Packets    *media.PacketPool
	Timers     Timers
	Connect    time.Duration // for ICE and DTLS together
	Body       time.Duration // for a request's body

	MaxRooms, MaxParticipants int
	PublicIPs                 []string
	ICEServers                func() []signal.ICEServer // that a client is told about
	// MayEnter refuses who may not enter a room, or the echo, which is "".
	MayEnter session.Judge
	// OnPublish is called for each stream that is made of a room. An error refuses it.
	OnPublish func(*session.Publisher) error
	// OnPassage, if set, hears who enters a room and who leaves it; the echo is none. It must not block.
	OnPassage func(Passage)
	// MayAsk reports whether the client of a request does not ask too often.
	MayAsk func(*http.Request) bool
	Logger *slog.Logger
}

// Rooms are all of them by name.
type Rooms struct {
	config Config

	mu     sync.Mutex
	byName map[string]*room
}

// NewRooms makes no room yet.
func NewRooms(c Config) *Rooms {
	if c.Timers.Seat == 0 {
		c.Timers.Seat = 30 * time.Second
	}
	return &Rooms{config: c, byName: map[string]*room{}}
}

// admit seats a participant in the room of that name, which begins with it when it is the first.
func (rs *Rooms) admit(p *participant, name string, mode Mode) *refusal.Refusal {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.byName[name]
	if r != nil {
		return r.admit(p)
	}
	if mode != ModeEcho && rs.meetings() >= rs.config.MaxRooms { // those of the echo are bounded like all sessions
		return refusal.New(http.StatusServiceUnavailable, "The server has all the rooms it takes (%d): try again later.", rs.config.MaxRooms).After(10)
	}
	done, ok := rs.config.Sessions.Hold()
	if !ok {
		return session.Refuse(session.ErrStopping)
	}
	r = &room{rooms: rs, name: name, mode: mode, since: time.Now(), empty: make(chan struct{})}
	if refused := r.admit(p); refused != nil {
		done()
		return refused
	}
	rs.byName[name] = r
	go func() {
		defer done()
		if err := panics.Contain(rs.config.Logger, "the room", r.run); err != nil {
			r.fail(err)
		}
	}()
	return nil
}

// meetings counts the rooms in which others can be met. The caller holds mu.
func (rs *Rooms) meetings() (n int) {
	for _, room := range rs.byName {
		if room.mode != ModeEcho {
			n++
		}
	}
	return n
}

// dismiss takes a participant out of its room, which ends with it when it was the last.
func (rs *Rooms) dismiss(p *participant) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if p.room != nil && p.room.remove(p) {
		delete(rs.byName, p.room.name)
		close(p.room.empty)
	}
}

// room returns the one of that name, or nil.
func (rs *Rooms) room(name string) *room {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.byName[name]
}
