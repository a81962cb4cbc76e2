package packager

import (
	"sync"
)

// slot is what is known under one stream's name.
type slot struct {
	opening sync.Mutex // the opening and the end of the name: the disk is waited for with it held, by nobody else than these
	stream  *Stream    // the newest broadcast; guarded by Packager.mu
}

// lock locks the opening of a name. The caller unlocks it with unlock.
func (p *Packager) lock(stream string) *slot {
	for {
		p.mu.Lock()
		at := p.slots[stream]
		if at == nil {
			at = new(slot)
			p.slots[stream] = at
		}
		p.mu.Unlock()
		at.opening.Lock()
		p.mu.Lock()
		current := p.slots[stream] == at
		p.mu.Unlock()
		if current {
			return at
		}
		at.opening.Unlock() // it has ended meanwhile
	}
}

// unlock ends what lock began, and forgets a name without a stream.
func (p *Packager) unlock(stream string, at *slot) {
	p.mu.Lock()
	if at.stream == nil {
		delete(p.slots, stream)
	}
	p.mu.Unlock()
	at.opening.Unlock()
}

// set changes the broadcast of a name, which the caller has locked.
func (p *Packager) set(at *slot, s *Stream) {
	p.mu.Lock()
	at.stream = s
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}: // there is one to be run, or no longer
	default:
	}
}

// Stream is the newest broadcast of the stream, live or ended a moment ago; nil if there is none.
func (p *Packager) Stream(stream string) *Stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.slots[stream]; at != nil {
		return at.stream
	}
	return nil
}

func (p *Packager) all() []*Stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*Stream, 0, len(p.slots))
	for _, at := range p.slots {
		if at.stream != nil {
			all = append(all, at.stream)
		}
	}
	return all
}
