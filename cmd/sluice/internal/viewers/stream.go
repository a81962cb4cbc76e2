package viewers

import (
	"container/list"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/viewers/cmcd"
)

// key names a viewer: by session, or by client and protocol.
type key struct {
	id    id
	tells bool
	reads protocol // of who does not tell
}

// viewer is one of a stream.
type viewer struct {
	key
	over  protocol
	from  id // the client that told last, or reads
	began time.Time
	heard time.Time
	place *list.Element
	quality
}

// stream is the viewers of one.
type stream struct {
	viewers map[key]*viewer
	order   *list.List // the one that was heard of longest ago is in front
	telling map[id]int // how many sessions clients tell of: what they read counts for nothing then
	told    Stats
	toldAt  time.Time
}

func newStream() *stream {
	return &stream{viewers: map[key]*viewer{}, order: list.New(), telling: map[id]int{}}
}

// oldest is who was heard of longest ago, or nil.
func (s *stream) oldest() *viewer {
	front := s.order.Front()
	if front == nil {
		return nil
	}
	return front.Value.(*viewer)
}

// countReader counts who reads a playlist and does not tell. c.mu is held, as in all that follows.
func (c *Counter) countReader(s *stream, from client, over protocol) {
	if s.telling[from.viewer] == 0 {
		c.obtain(s, key{id: from.viewer, reads: over}, from)
	}
}

// count counts a session, and notes what it tells.
func (c *Counter) count(s *stream, r cmcd.Report, from client, over protocol) {
	c.reports.Add(1)
	named := key{id: c.sessions.of(r.Session), tells: true}
	if r.State == cmcd.Ended || r.State == cmcd.Quit {
		if v := s.viewers[named]; v != nil {
			c.remove(s, v)
		}
		return
	}
	v := c.obtain(s, named, from)
	if v == nil {
		return
	}
	switch r.Format {
	case cmcd.HLS:
		over = overHLS
	case cmcd.DASH:
		over = overDASH
	}
	v.over = over
	if v.from != from.viewer {
		s.tellsNoMore(v)
		v.from = from.viewer
		s.telling[v.from]++
	}
	for over := range protocols { // which was counted before it told
		if reader := s.viewers[key{id: v.from, reads: over}]; reader != nil {
			c.remove(s, reader)
		}
	}
	v.take(r, v.heard)
}

// obtain finds a viewer, of whom something has been heard just now, or counts another one; nil if its client has told of too many.
func (c *Counter) obtain(s *stream, k key, from client) *viewer {
	now := time.Now()
	v := s.viewers[k]
	if v != nil {
		v.heard = now
		s.order.MoveToBack(v.place)
		return v
	}
	if !c.clients.Allow(from.address, 1, now) {
		c.refused.Add(1)
		return nil
	}
	c.makeRoom(s)
	v = &viewer{key: k, over: k.reads, from: from.viewer, began: now, heard: now, quality: unknown}
	if k.tells {
		s.telling[v.from]++
	}
	v.place = s.order.PushBack(v)
	s.viewers[k] = v
	c.viewers++
	return v
}

// makeRoom forgets who has been silent for longest where there are too many: of the stream, or of all.
func (c *Counter) makeRoom(s *stream) {
	if len(s.viewers) >= c.bounds.ofStream {
		c.forgotten.Add(1)
		c.remove(s, s.oldest())
	}
	if c.viewers < c.bounds.ofAll {
		return
	}
	var where *stream
	for _, other := range c.streams {
		if v := other.oldest(); v != nil && (where == nil || v.heard.Before(where.oldest().heard)) {
			where = other
		}
	}
	c.forgotten.Add(1)
	c.remove(where, where.oldest())
}

// remove forgets a viewer.
func (c *Counter) remove(s *stream, v *viewer) {
	if v.tells {
		s.tellsNoMore(v)
	}
	s.order.Remove(v.place)
	delete(s.viewers, v.key)
	c.viewers--
}

// tellsNoMore notes that a client does not tell of a session any more.
func (s *stream) tellsNoMore(v *viewer) {
	if s.telling[v.from]--; s.telling[v.from] <= 0 {
		delete(s.telling, v.from)
	}
}
