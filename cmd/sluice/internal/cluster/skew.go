package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// How far clocks may be apart, and how that is measured: each node asks the others for the time, and takes the middle of the question's way.
const (
	PathOfTime = "/cluster/time"

	skewWarned  = 100 * time.Millisecond // players that change over from one node's stream to another's notice more
	skewRefused = time.Second            // with which a node owns no new stream
	skewEvery   = 10 * time.Second
	skewWithin  = 2 * time.Second
	skewKept    = time.Minute // of a node that does not answer any more
	skewSaid    = time.Hour   // how often the same may be said
)

// ErrSkewed says that the clock of this node is wrong.
var ErrSkewed = errors.New("the clock of this node is more than a second from those of most others: it takes no new streams until it has been set (NTP) and the service restarted")

// TimeAnswer is what a node answers to PathOfTime.
type TimeAnswer struct {
	Now time.Time `json:"now"` // of the clock that dates its streams
}

// offset is by how much the clock of another node is ahead of this one's.
type offset struct {
	ahead time.Duration
	doubt time.Duration // half of the way there and back
	at    time.Time
}

// least is how far the clocks are apart at least.
func (o offset) least() time.Duration { return max(o.ahead.Abs()-o.doubt, 0) }

// skew is what is known of the others' clocks.
type skew struct {
	mu      sync.Mutex
	offsets map[string]offset
	said    map[string]time.Time
}

func newSkew() *skew { return &skew{offsets: map[string]offset{}, said: map[string]time.Time{}} }

// measured notes what a node has answered to a question that was asked and answered then, by the clock here, and reports whether its skew is to be told.
func (s *skew) measured(id string, asked, answered, there time.Time) (o offset, tell bool) {
	half := answered.Sub(asked) / 2
	o = offset{there.Sub(asked.Add(half)), half, answered}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offsets[id] = o
	if o.least() < skewWarned {
		delete(s.said, id)
		return o, false
	}
	if last, known := s.said[id]; known && answered.Sub(last) < skewSaid {
		return o, false
	}
	s.said[id] = answered
	return o, true
}

// keep forgets nodes that are none any more, or have not answered for long.
func (s *skew) keep(ids []string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, o := range s.offsets {
		if !slices.Contains(ids, id) || now.Sub(o.at) > skewKept {
			delete(s.offsets, id)
		}
	}
}

// of is by how much a node's clock is ahead of this one's.
func (s *skew) of(id string) (ahead time.Duration, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, known := s.offsets[id]
	return o.ahead, known
}

// wrong reports whether it is this clock that is more than skewRefused from most: half of the nodes, this one among them, agree with nobody.
func (s *skew) wrong() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The middle of all, of two middle ones the nearer to this clock: of two nodes that differ nobody knows which is right.
	all := []offset{{}}
	for _, o := range s.offsets {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b offset) int { return cmp.Compare(a.ahead, b.ahead) })
	middle := all[len(all)/2]
	if lower := all[(len(all)-1)/2]; lower.least() < middle.least() {
		middle = lower
	}
	return middle.least() >= skewRefused
}

// Skew is by how much the clock of another node is ahead of this one's, as far as it is known.
func (n *Node) Skew(id string) (ahead time.Duration, known bool) { return n.skew.of(id) }

// Skewed reports whether the clock of this node is the one that is wrong, for which it takes no new streams.
func (n *Node) Skewed() bool { return n.skew.wrong() }

// askClocks asks the others for the time.
func (n *Node) askClocks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, skewWithin)
	defer cancel()
	others := n.others()
	n.skew.keep(others, n.clock())
	was := n.Skewed()
	n.askAll(others, "the question for the time", func(id string) { n.askClock(ctx, id) })
	if is := n.Skewed(); is != was {
		if is {
			n.options.Logger.Error("this node takes no new streams: its clock is more than a second from those of most others (set it by NTP, and restart the service)")
		} else {
			n.options.Logger.Info("the clock of this node agrees with the others again: it takes streams")
		}
	}
}

func (n *Node) askClock(ctx context.Context, id string) {
	asked := n.clock()
	status, body, err := n.Ask(ctx, id, PathOfTime)
	answered := n.clock()
	var answer TimeAnswer
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Now.IsZero() {
		n.options.Logger.Debug("a node does not tell the time", "node", id, "status", status, "error", err)
		return
	}
	if o, tell := n.skew.measured(id, asked, answered, answer.Now); tell {
		n.options.Logger.Warn("the clocks of two nodes are apart: set both by NTP, and restart the service at which the clock was wrong",
			"node", id, "ahead", o.ahead.Round(time.Millisecond), "give or take", o.doubt.Round(time.Millisecond))
	}
}

// clock is the time by which this node dates its streams.
func (n *Node) clock() time.Time {
	if n.options.Clock == nil {
		return time.Now()
	}
	return n.options.Clock()
}
