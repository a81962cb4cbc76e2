package room

import "time"

// Passage is that of somebody who enters a room, or leaves it.
type Passage struct {
	Room         string
	Mode         Mode
	ID, Name     string // of the participant
	Since        time.Time
	Participants int    // that are there now
	Left         bool   // else entered
	Reason       string // why the participant has left
}

// passes tells that a participant has entered or left. The caller holds mu, so that this is told in its order.
func (r *room) passes(p *participant, left bool) {
	if r.rooms.config.OnPassage == nil || r.mode == ModeEcho {
		return
	}
	passage := Passage{
		Room: r.name, Mode: r.mode, ID: p.session.ID(), Name: p.name, Since: p.session.Started(), Participants: len(r.here), Left: left,
	}
	if left {
		passage.Reason = p.session.Err().Error()
	}
	r.rooms.config.OnPassage(passage)
}
