package bandwidth

import "time"

// usage is what the delay of packets says of the network.
type usage int8

const (
	usageNormal usage = iota
	usageOver         // a queue grows
	usageUnder        // a queue is being emptied
)

// Of the trend of delays (draft-ietf-rmcat-gcc-02 §5, with the line that libwebrtc has put in the place of the Kalman filter).
const (
	burstTime      = 5 * time.Millisecond // packets sent within it are one group
	longestBurst   = 100 * time.Millisecond
	trendGroups    = 20   // that a line is laid through
	trendSmoothing = 0.9  // of delays
	trendGain      = 4.0  // of the line's slope
	trendMost      = 60   // groups that the slope is multiplied by
	thresholdFirst = 12.5 // ms
	thresholdLeast = 6.0
	thresholdMost  = 600.0
	thresholdUp    = 0.0087 // the threshold follows by so much for each ms
	thresholdDown  = 0.039
	overuseTime    = 10.0 // ms for which a queue has to grow
	resetAfter     = 3 * time.Second
)

// group is the packets that were sent in one burst.
type group struct {
	begun                bool
	firstSent, sent      time.Duration
	firstArrived, arrive time.Duration
}

// trend finds out whether delays grow, of packets in the order in which they were sent.
type trend struct {
	current, previous group

	deltas      int
	accumulated float64 // delay in ms
	smoothed    float64
	at          [trendGroups]float64 // arrival in ms, since first
	delay       [trendGroups]float64
	first       time.Duration
	slope       float64

	threshold  float64
	adjusted   time.Duration
	overFor    float64 // ms
	overGroups int
	usage      usage
}

func newTrend() trend { return trend{threshold: thresholdFirst, overFor: -1} }

// add takes a packet that has come.
func (t *trend) add(sent, arrived time.Duration) {
	g := &t.current
	switch {
	case !g.begun:
		*g = group{true, sent, sent, arrived, arrived}
	case sent < g.firstSent: // reordered
	case t.belongs(sent, arrived):
		g.sent, g.arrive = max(g.sent, sent), max(g.arrive, arrived)
	default:
		if t.previous.begun {
			t.compare(t.previous, *g)
		}
		t.previous, *g = *g, group{true, sent, sent, arrived, arrived}
	}
}

// belongs reports whether a packet is of the present group: it was sent with it, or has come with it after waiting in a queue.
func (t *trend) belongs(sent, arrived time.Duration) bool {
	g := &t.current
	if sent-g.firstSent <= burstTime {
		return true
	}
	after := arrived - g.arrive
	return after-(sent-g.sent) < 0 && after <= burstTime && arrived-g.firstArrived < longestBurst
}

// compare takes the delay of a group against that of the one before.
func (t *trend) compare(a, b group) {
	sent, arrived := b.sent-a.sent, b.arrive-a.arrive
	if arrived < 0 || arrived-sent > resetAfter {
		threshold := t.threshold
		*t = newTrend()
		t.threshold = threshold
		return
	}
	if t.deltas == 0 {
		t.first = b.arrive
	}
	t.accumulated += milliseconds(arrived - sent)
	t.smoothed = trendSmoothing*t.smoothed + (1-trendSmoothing)*t.accumulated
	t.at[t.deltas%trendGroups], t.delay[t.deltas%trendGroups] = milliseconds(b.arrive-t.first), t.smoothed
	t.deltas++
	slope := t.slope
	if t.deltas >= trendGroups {
		slope = t.fit(slope)
	}
	t.detect(slope, milliseconds(sent), b.arrive)
}

// fit is the slope of the line through the delays (least squares).
func (t *trend) fit(otherwise float64) float64 {
	var x, y float64
	for i := range trendGroups {
		x += t.at[i] / trendGroups
		y += t.delay[i] / trendGroups
	}
	var xy, xx float64
	for i := range trendGroups {
		xy += (t.at[i] - x) * (t.delay[i] - y)
		xx += (t.at[i] - x) * (t.at[i] - x)
	}
	if xx == 0 {
		return otherwise
	}
	return xy / xx
}

func (t *trend) detect(slope, passed float64, now time.Duration) {
	grown := float64(min(t.deltas, trendMost)) * slope * trendGain
	switch {
	case t.deltas < 2:
	case grown > t.threshold:
		if t.overFor < 0 {
			t.overFor = passed / 2
		} else {
			t.overFor += passed
		}
		t.overGroups++
		if t.overFor > overuseTime && t.overGroups > 1 && slope >= t.slope {
			t.overFor, t.overGroups, t.usage = 0, 0, usageOver
		}
	case grown < -t.threshold:
		t.overFor, t.overGroups, t.usage = -1, 0, usageUnder
	default:
		t.overFor, t.overGroups, t.usage = -1, 0, usageNormal
	}
	t.slope = slope
	t.adjust(max(grown, -grown), now)
}

// adjust moves the threshold towards what is usual, but not after what is far off.
func (t *trend) adjust(grown float64, now time.Duration) {
	if t.adjusted == 0 {
		t.adjusted = now
	}
	if grown <= t.threshold+15 {
		k := thresholdUp
		if grown < t.threshold {
			k = thresholdDown
		}
		t.threshold += k * (grown - t.threshold) * min(milliseconds(now-t.adjusted), 100)
		t.threshold = min(max(t.threshold, thresholdLeast), thresholdMost)
	}
	t.adjusted = now
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
