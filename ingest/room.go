package ingest

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/signal"
)

// Mode is how the media of a room goes.
type Mode string

// The modes of a room.
const (
	ModeSFU  Mode = "sfu"  // through the server, which forwards what each participant sends to all others
	ModeMesh Mode = "mesh" // between participants; the server only passes on their events
	ModeEcho Mode = "echo" // a participant gets back what it sends, and is alone
)

// maxMesh is how many participants a mesh has room for: each sends to every other one.
const maxMesh = 3

// roomTick is how often a room looks at who is there.
const roomTick = 250 * time.Millisecond

// Why participants leave, besides what ends all sessions.
var (
	ErrLeft     = errors.New("the participant has left")
	ErrSentOut  = errors.New("the participant was sent out")
	ErrSeatLost = errors.New("the connection was lost and did not come back in time")
)

// room is where participants meet. It is there while it has any. Its one goroutine follows what they send.
type room struct {
	server   *Server
	name     string
	mode     Mode
	since    time.Time
	audience audience      // counts what its viewers could not take
	empty    chan struct{} // closed when the last one has left

	mu         sync.Mutex
	here       []*participant // in the order in which they came
	speaker    *participant   // of a room of several the one who speaks, or spoke last
	speakerFor time.Time      // since when
	air        *air           // nil: nobody is on air
}

// rooms are all of them by name.
type rooms struct {
	mu     sync.Mutex
	byName map[string]*room
}

// admit seats a participant in the room of that name, which begins with it when it is the first.
func (s *Server) admit(p *participant, name string, mode Mode) *problem {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	r := s.rooms.byName[name]
	if r != nil {
		return r.admit(p)
	}
	if mode != ModeEcho && s.rooms.meetings() >= s.opts.MaxStreams { // those of the echo are bounded like all sessions
		return refuse(http.StatusServiceUnavailable, "The server has all the rooms it takes (%d): try again later.", s.opts.MaxStreams).after(10)
	}
	if !s.hold() {
		return refusal(ErrStopping)
	}
	r = &room{server: s, name: name, mode: mode, since: time.Now(), empty: make(chan struct{})}
	if refused := r.admit(p); refused != nil {
		s.running.Done()
		return refused
	}
	s.rooms.byName[name] = r
	go func() {
		defer s.running.Done()
		r.run()
	}()
	return nil
}

// meetings counts the rooms in which others can be met. The caller holds mu.
func (r *rooms) meetings() (n int) {
	for _, room := range r.byName {
		if room.mode != ModeEcho {
			n++
		}
	}
	return n
}

// dismiss takes a participant out of its room, which ends with it when it was the last.
func (s *Server) dismiss(p *participant) {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	if p.room != nil && p.room.remove(p) {
		delete(s.rooms.byName, p.room.name)
		close(p.room.empty)
	}
}

// room returns the one of that name, or nil.
func (s *Server) room(name string) *room {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	return s.rooms.byName[name]
}

func (r *room) admit(p *participant) *problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.server.opts.MaxParticipants
	switch {
	case r.mode != p.mode && r.mode == ModeMesh:
		return refuse(http.StatusConflict, "This room is a mesh, in which participants send to each other: open it with ?mesh=1.")
	case r.mode != p.mode:
		return refuse(http.StatusConflict, "This room goes through the server: open it without ?mesh=1.")
	case r.mode == ModeMesh:
		most = min(most, maxMesh)
	case r.mode == ModeEcho:
		most = 1
	}
	if len(r.here) >= most {
		return refuse(http.StatusServiceUnavailable, "The room has all the participants it takes (%d): wait until somebody leaves.", most).after(10)
	}
	p.room = r
	r.here = append(r.here, p)
	p.shown = r.describe(p)
	r.welcome(p, false)
	r.tell(p, signal.Event{Kind: signal.Joined, From: p.id, Participant: &p.shown})
	r.renegotiate()
	return nil
}

// welcome tells a participant all that it has to know, where it is new or comes back. The caller holds mu.
func (r *room) welcome(p *participant, resumed bool) {
	e := signal.Event{
		Kind: signal.Authenticated, Seat: p.seat.Key(), Self: p.id, Mode: string(r.mode), Resumed: resumed,
		Grace: r.server.timers.seat.Seconds(), ICEServers: r.server.signalServers(),
	}
	for _, q := range r.here {
		e.Participants = append(e.Participants, q.shown)
	}
	p.seat.Send(e)
}

// remove reports whether the room is empty now.
func (r *room) remove(p *participant) (empty bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.here, p)
	if i < 0 {
		return false
	}
	r.here = slices.Delete(r.here, i, i+1)
	if r.speaker == p {
		r.speaker = nil
	}
	if r.air != nil && r.air.from == p && !r.air.follows {
		r.endAir(p.endReason())
	}
	r.tell(p, signal.Event{Kind: signal.Left, From: p.id, Detail: p.endReason().Error()})
	r.renegotiate()
	return len(r.here) == 0
}

// tell lets all but one know. The caller holds mu.
func (r *room) tell(but *participant, e signal.Event) {
	for _, p := range r.here {
		if p != but {
			p.seat.Send(e)
		}
	}
}

// renegotiate has all see to whom they get media from. The caller holds mu.
func (r *room) renegotiate() {
	for _, p := range r.here {
		p.look()
	}
}

// watchedBy are those whose media a participant gets, in the order in which they came.
func (r *room) watchedBy(p *participant) []*participant {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.mode {
	case ModeMesh:
		return nil
	case ModeEcho:
		return slices.Clone(r.here)
	}
	return slices.DeleteFunc(slices.Clone(r.here), func(q *participant) bool { return q == p })
}

// pass gives an event to a participant, or to all others.
func (r *room) pass(from *participant, e signal.Event) {
	// Nothing of it but what its kind has: the limits of the others have not been looked at.
	e = signal.Event{Kind: e.Kind, From: from.id, To: e.To, Text: e.Text, SDP: e.SDP, Candidate: e.Candidate}
	switch e.Kind {
	case signal.Message:
		e.SDP, e.Candidate = "", nil
	case signal.Candidate:
		e.SDP, e.Text = "", ""
	default:
		e.Text, e.Candidate = "", nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.To == "" {
		r.tell(from, e)
		return
	}
	to := r.called(e.To)
	if to == nil {
		from.refuse(http.StatusNotFound, "There is nobody called "+e.To+" in this room.")
		return
	}
	to.seat.Send(e)
}

// called finds a participant by its id; nil when it is not there. The caller holds mu.
func (r *room) called(id string) *participant {
	i := slices.IndexFunc(r.here, func(p *participant) bool { return p.id == id })
	if i < 0 {
		return nil
	}
	return r.here[i]
}

// seated finds a participant by the key of its seat; nil when it is not there.
func (r *room) seated(key string) *participant {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.here, func(p *participant) bool { return p.seat.Key() == key })
	if i < 0 {
		return nil
	}
	return r.here[i]
}

// run follows what participants do until the room is empty.
func (r *room) run() {
	tick := time.NewTicker(roomTick)
	defer tick.Stop()
	for {
		select {
		case <-r.empty:
			r.mu.Lock()
			r.endAir(errRoomEmpty)
			r.mu.Unlock()
			return
		case now := <-tick.C:
			r.follow(now)
		}
	}
}

// follow ends who has been away for too long, and tells all what has changed of the others.
func (r *room) follow(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chooseSpeaker(now)
	r.followAir()
	for _, p := range r.here {
		if lost := p.seat.Lost(); !lost.IsZero() && now.Sub(lost) > r.server.timers.seat && !p.flows() {
			p.close(ErrSeatLost)
		}
		if now := r.describe(p); now != p.shown {
			p.shown = now
			r.tell(nil, signal.Event{Kind: signal.Updated, From: p.id, Participant: &now})
		}
	}
}

// describe tells of a participant. The caller holds mu.
func (r *room) describe(p *participant) signal.Participant {
	now := time.Now()
	described := signal.Participant{
		ID: p.id, Name: p.name, Since: p.started.UTC().Truncate(time.Millisecond), Speaking: r.speaker == p, Away: p.seat.Away(),
		Audio: p.sends(media.KindAudio, now), Video: p.sends(media.KindVideo, now),
	}
	if r.air != nil && r.air.from == p {
		described.OnAir = r.air.stream
	}
	return described
}

// signalServers are the ICE servers as clients take them.
func (s *Server) signalServers() []signal.ICEServer {
	var servers []signal.ICEServer
	for _, i := range s.opts.ICEServers {
		servers = append(servers, signal.ICEServer{URLs: i.URLs, Username: i.Username, Credential: i.Credential})
	}
	return servers
}
