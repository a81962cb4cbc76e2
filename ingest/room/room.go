package room

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/signal"
)

// maxMesh is how many participants a mesh has room for: each sends to every other one.
const maxMesh = 3

// roomTick is how often a room looks at who is there.
const roomTick = 250 * time.Millisecond

// room is where participants meet. It is there while it has any. Its one goroutine follows what they send.
type room struct {
	rooms   *Rooms
	name    string
	mode    Mode
	since   time.Time
	dropped atomic.Uint64 // packets that participants were too slow for
	empty   chan struct{} // closed when the last one has left

	mu         sync.Mutex
	here       []*participant // in the order in which they came
	speaker    *participant   // of a room of several the one who speaks, or spoke last
	speakerFor time.Time      // since when
	output     *output        // nil: there is none
}

func (r *room) admit(p *participant) *refusal.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.rooms.config.MaxParticipants
	switch {
	case r.mode != p.mode && r.mode == ModeMesh:
		return refusal.New(http.StatusConflict, "This room is a mesh, in which participants send to each other: open it with ?mesh=1.")
	case r.mode != p.mode:
		return refusal.New(http.StatusConflict, "This room goes through the server: open it without ?mesh=1.")
	case r.mode == ModeMesh:
		most = min(most, maxMesh)
	case r.mode == ModeEcho:
		most = 1
	}
	if len(r.here) >= most {
		return refusal.New(http.StatusServiceUnavailable, "The room has all the participants it takes (%d): wait until somebody leaves.", most).After(10)
	}
	p.room = r
	r.here = append(r.here, p)
	p.shown = r.describe(p)
	r.welcome(p, false)
	r.tell(p, signal.Event{Kind: signal.Joined, From: p.session.ID(), FromMetadata: p.metadata, Participant: &p.shown})
	r.passes(p, false)
	r.renegotiate()
	return nil
}

// welcome tells a participant all that it has to know, where it is new or comes back. The caller holds mu.
func (r *room) welcome(p *participant, resumed bool) {
	e := signal.Event{
		Kind: signal.Authenticated, Seat: p.signalling.Key(), Self: p.session.ID(), Mode: string(r.mode), Resumed: resumed,
		Grace: r.rooms.config.Timers.Seat.Seconds(), ICEServers: r.rooms.config.ICEServers(),
	}
	for _, q := range r.here {
		e.Participants = append(e.Participants, q.shown)
	}
	p.signalling.Send(e)
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
	if r.output != nil && r.output.from == p && !r.output.followsSpeaker {
		r.endOutput(p.session.Err())
	}
	r.tell(p, signal.Event{Kind: signal.Left, From: p.session.ID(), Detail: p.session.Err().Error()})
	r.passes(p, true)
	r.renegotiate()
	return len(r.here) == 0
}

// tell lets all but one know. The caller holds mu.
func (r *room) tell(but *participant, e signal.Event) {
	for _, p := range r.here {
		if p != but {
			p.tell(e)
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
	passed := signal.Event{Kind: e.Kind, From: from.session.ID(), To: e.To, FromMetadata: from.metadata}
	switch {
	case e.IsMessage():
		passed.Text, passed.Data = e.Text, e.Data
	case e.Kind == signal.Candidate:
		passed.Candidate = e.Candidate
	default:
		passed.SDP = e.SDP
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.To == "" && e.Recipients == nil {
		r.tell(from, passed)
		return
	}
	if e.To != "" {
		e.Recipients = []string{e.To}
	}
	for _, id := range e.Recipients {
		to := r.called(id)
		if to == nil {
			from.refuse(http.StatusNotFound, "There is nobody called "+id+" in this room.")
			continue
		}
		passed.To = id
		to.tell(passed)
	}
}

// called finds a participant by its id; nil when it is not there. The caller holds mu.
func (r *room) called(id string) *participant {
	i := slices.IndexFunc(r.here, func(p *participant) bool { return p.session.ID() == id })
	if i < 0 {
		return nil
	}
	return r.here[i]
}

// withKey finds a participant by the key of its signalling session; nil when it is not there.
func (r *room) withKey(key string) *participant {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.here, func(p *participant) bool { return p.signalling.Key() == key })
	if i < 0 {
		return nil
	}
	return r.here[i]
}

// fail ends the stay of all who are in a room that does not run any more.
func (r *room) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.here {
		p.session.Close(err)
	}
}

// run follows what participants do until the room is empty.
func (r *room) run() {
	tick := time.NewTicker(roomTick)
	defer tick.Stop()
	for {
		select {
		case <-r.empty:
			r.mu.Lock()
			r.endOutput(ErrRoomEmpty)
			r.mu.Unlock()
			return
		case now := <-tick.C:
			r.update(now)
			r.tellPresence()
		}
	}
}

// update ends who has been away for too long, and tells all what has changed of the others.
func (r *room) update(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chooseSpeaker(now)
	r.updateOutput()
	for _, p := range r.here {
		if lost := p.signalling.Lost(); !lost.IsZero() && now.Sub(lost) > r.rooms.config.Timers.Seat && !p.flows() {
			p.session.Close(ErrSeatLost)
		}
		if now := r.describe(p); now != p.shown {
			p.shown = now
			r.tell(nil, signal.Event{Kind: signal.Updated, From: p.session.ID(), Participant: &now})
		}
	}
}

// describe tells of a participant. The caller holds mu.
func (r *room) describe(p *participant) signal.Participant {
	now := time.Now()
	described := signal.Participant{
		ID: p.session.ID(), Name: p.name, Since: p.session.Started().UTC().Truncate(time.Millisecond), Speaking: r.speaker == p, Away: p.signalling.Away(),
		Audio: p.sends(media.KindAudio, now), Video: p.sends(media.KindVideo, now),
	}
	if r.output != nil && r.output.from == p {
		described.OnAir = r.output.publisher.Stream()
	}
	return described
}
