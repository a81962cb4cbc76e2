package egress

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/bandwidth"
)

// Share divides what a connection carries among the viewers that send over it. Each gets its least option first, then in turn the next better
// one, as long as that fits: who is asked for in the largest size is the first to get it.
type Share struct {
	control *bandwidth.Controller // nil: nothing is known of the connection

	mu  sync.Mutex
	all []*stake
}

// stake is what one viewer sends and could send.
type stake struct {
	viewer  *Viewer
	pixels  int                // of the size that is asked for; 0: any
	options []bandwidth.Option // of pictures, in the order of their rates
	sound   float64            // bit/s
	present float64            // bit/s, with sound
	wanted  float64
}

// NewShare makes the share of a connection that is followed by a controller; nil: nothing is known of it.
func NewShare(control *bandwidth.Controller) *Share {
	s := &Share{control: control}
	if control != nil {
		control.OnEstimate(s.estimated)
	}
	return s
}

// estimated has all viewers follow the estimate. It is called under the controller's lock, which nothing takes under mu.
func (s *Share) estimated() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.all {
		st.viewer.estimated()
	}
}

func (s *Share) join(v *Viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, &stake{viewer: v})
}

func (s *Share) leave(v *Viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = slices.DeleteFunc(s.all, func(st *stake) bool { return st.viewer == v })
}

// of is a viewer's stake. The caller holds mu.
func (s *Share) of(v *Viewer) *stake {
	for _, st := range s.all {
		if st.viewer == v {
			return st
		}
	}
	return &stake{}
}

// target is how much of the estimate is for a viewer's pictures, of which it has these options, in bit/s. It is not known before the estimate is.
func (s *Share) target(v *Viewer, a Ask, options []bandwidth.Option, sound float64) (target float64, known bool) {
	if s.control == nil {
		return 0, false
	}
	estimate, known := s.control.Estimate()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.of(v)
	st.options, st.sound, st.pixels = options, sound, a.pixels()
	return divide(s.all, st, estimate), known
}

// part is an equal part of the estimate for each viewer. It is not known before the estimate is.
func (s *Share) part() (part float64, known bool) {
	if s.control == nil {
		return 0, false
	}
	estimate, known := s.control.Estimate()
	s.mu.Lock()
	defer s.mu.Unlock()
	return estimate / float64(max(len(s.all), 1)), known
}

// divide returns what of the estimate is for the pictures of one viewer.
func divide(all []*stake, of *stake, estimate float64) float64 {
	ranked := slices.Clone(all)
	slices.SortStableFunc(ranked, func(a, b *stake) int { return cmp.Compare(b.pixels, a.pixels) })
	rest, least, own := estimate, 0.0, 0.0
	for _, st := range ranked {
		rest -= st.sound
		if len(st.options) > 0 {
			least += st.options[0].Rate
		}
	}
	if len(of.options) > 0 {
		own = of.options[0].Rate
	}
	switch {
	case len(all) == 1:
		return rest
	case rest <= least:
		return own * max(rest, 0) / max(least, 1)
	}
	rest -= least
	chosen := make([]int, len(ranked))
	for more := true; more; {
		more = false
		for i, st := range ranked {
			next := chosen[i] + 1
			if next >= len(st.options) || st.options[next].Rate-st.options[chosen[i]].Rate > rest {
				continue
			}
			rest -= st.options[next].Rate - st.options[chosen[i]].Rate
			chosen[i], more = next, true
			if st == of {
				own = st.options[next].Rate
			}
		}
	}
	return own + rest // which is not enough for anybody's next
}

// want tells the controller what all viewers send and would send, of which this is one viewer's part, with sound.
func (s *Share) want(v *Viewer, present, wanted float64, layer string, now time.Time) {
	if s.control == nil {
		return
	}
	s.mu.Lock()
	st := s.of(v)
	st.present, st.wanted = present, wanted
	present, wanted = 0, 0
	for _, other := range s.all {
		present += other.present
		wanted += other.wanted
	}
	if len(s.all) > 1 {
		layer = "" // there are several
	}
	s.mu.Unlock()
	s.control.Want(present, wanted, layer, now)
}
