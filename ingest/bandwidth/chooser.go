package bandwidth

import "time"

// Option is a way of sending a picture: a layer of a simulcast, and of that the temporal layers up to one.
type Option struct {
	Layer    string
	Temporal uint8
	Rate     float64 // bit/s
}

// When another option is chosen.
const (
	overBy     = 0.97 // of the rate that the target falls short of for overAfter, or
	FarOverBy  = 0.8  // of it, for farAfter, when somebody else's probe or key frame is over, or
	twiceOver  = 0.5  // of it, and then at once
	overAfter  = 3 * time.Second
	farAfter   = time.Second
	fitsIn     = 0.95 // of the target
	worthProbe = 1.1  // times the rate of the next option is what a probe looks for
	upAfter    = 4 * time.Second
	upLast     = time.Minute
	upHasHeld  = 10 * time.Second
)

// Chooser chooses among options by what the network carries. It goes down soon, and up only when there is room and some time after it went
// down: the longer, the more often that was of no use.
type Chooser struct {
	short    time.Duration // since when the target has been short; 0: it is not
	far      time.Duration // since when it has been far short; 0: it is not
	down, up time.Duration // when it last went there
	hold     time.Duration
	current  int // as of the last call
}

// Choose returns the index of the option to take. The options are in the order of their rates, and current is what was chosen last, or
// -1. The target is in bit/s; while it is unknown the best option is taken.
func (c *Chooser) Choose(options []Option, current int, target float64, known bool, now time.Duration) int {
	best := len(options) - 1
	switch {
	case best < 0:
		return -1
	case !known:
		return best
	case current < 0:
		return fitting(options, target*fitsIn)
	}
	if current != c.current {
		c.current, c.short, c.far = current, 0, 0
	}
	rate := options[current].Rate
	c.short = since(c.short, target < overBy*rate, now)
	c.far = since(c.far, target < FarOverBy*rate, now)
	if target < twiceOver*rate || past(c.far, farAfter, now) || past(c.short, overAfter, now) {
		return c.goDown(options, current, target, now)
	}
	return c.goUp(options, current, target, now)
}

// since is when something that is so began, if it is still so; else 0.
func since(began time.Duration, is bool, now time.Duration) time.Duration {
	switch {
	case !is:
		return 0
	case began == 0:
		return now
	}
	return began
}

// past reports whether what began then has lasted so long; 0: it has not begun.
func past(began, lasts, now time.Duration) bool { return began != 0 && now-began >= lasts }

func (c *Chooser) goDown(options []Option, current int, target float64, now time.Duration) int {
	to := min(fitting(options, target*fitsIn), current)
	if to == current {
		return current
	}
	if c.up > 0 && now-c.up < upHasHeld {
		c.hold = min(2*max(c.hold, upAfter), upLast)
	} else {
		c.hold = upAfter
	}
	c.down = now
	return to
}

func (c *Chooser) goUp(options []Option, current int, target float64, now time.Duration) int {
	to := fitting(options, target)
	if to <= current || c.down > 0 && now-c.down < c.hold {
		return current
	}
	c.up = now
	return to
}

// fitting is the best option whose rate is not above the target, or the first.
func fitting(options []Option, target float64) int {
	for i := len(options) - 1; i > 0; i-- {
		if options[i].Rate <= target {
			return i
		}
	}
	return 0
}

// Next is the rate of the option above the current one, in bit/s: what is worth a probe. It is that of the best when there is none above.
func Next(options []Option, current int) float64 {
	if len(options) == 0 {
		return 0
	}
	return worthProbe * options[min(current+1, len(options)-1)].Rate
}
