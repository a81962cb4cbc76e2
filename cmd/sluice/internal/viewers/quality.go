package viewers

import (
	"math"
	"slices"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/viewers/cmcd"
)

// Stats are of the viewers of a stream over HLS and DASH. What nobody tells is 0.
type Stats struct {
	HLS, DASH int
	Telling   int // of them, which the others are from

	Bitrate       float64 // mean, bit/s
	Startup       float64 // median, seconds from the wish to play to the first picture
	LatencyMedian float64 // seconds
	LatencyHigh   float64 // 95th percentile, seconds
	Rebufferings  int     // of all of them, since each began
	Rebuffering   float64 // share of the time that they have watched, 0 to 1
}

// How the number and the time of interruptions are found, the better the higher: players tell different things, and some of them several.
const (
	byNothing = iota
	byFlag    // bs: there was one
	byState   // sta: it goes on now
	byLength  // bsd: how long the last ones were
	byTotal   // bsa, bsda: how many and how long since the beginning
)

// quality is how well it plays, as a player has told.
type quality struct {
	bitrate, latency, startup int64 // kbit/s and ms, or cmcd.Unknown
	audio                     bool  // bitrate is that of the audio

	starts        int64
	stalled       time.Duration
	countedBy     int // starts
	measuredBy    int // stalled
	state         byte
	since         time.Time // of the state, by this machine's clock
	sinceByPlayer int64     // by the player's, ms, or cmcd.Unknown
}

var unknown = quality{bitrate: cmcd.Unknown, latency: cmcd.Unknown, startup: cmcd.Unknown}

// take notes what a report tells that has come now.
func (q *quality) take(r cmcd.Report, now time.Time) {
	if r.Bitrate != cmcd.Unknown && (!r.Audio || q.audio || q.bitrate == cmcd.Unknown) {
		q.bitrate, q.audio = r.Bitrate, r.Audio
	}
	if r.Latency != cmcd.Unknown {
		q.latency = r.Latency
	}
	if r.Startup != cmcd.Unknown {
		q.startup = r.Startup
	}
	q.measure(r, now)
	q.countStarts(r)
	if r.State != 0 {
		q.state, q.since, q.sinceByPlayer = r.State, now, r.Time
	}
}

// countStarts counts interruptions.
func (q *quality) countStarts(r cmcd.Report) {
	switch {
	case r.Starts != cmcd.Unknown:
		q.countedBy, q.starts = byTotal, max(r.Starts, q.starts)
	case q.countedBy == byTotal:
	case r.State != 0 && q.countedBy < byState:
		q.countedBy = byState
		q.starts = max(q.starts, oneIf(r.State == cmcd.Rebuffering))
	case r.State != 0:
		q.starts += oneIf(r.State == cmcd.Rebuffering && q.state != cmcd.Rebuffering)
	case q.countedBy <= byFlag && r.Starved:
		q.countedBy = byFlag
		q.starts++
	}
}

// measure adds up how long interruptions were.
func (q *quality) measure(r cmcd.Report, now time.Time) {
	const most = int64(24 * time.Hour / time.Millisecond) // what is longer is nonsense
	switch {
	case r.Stalled != cmcd.Unknown:
		q.measuredBy, q.stalled = byTotal, max(q.stalled, milliseconds(min(r.Stalled, most)))
	case q.measuredBy == byTotal:
	case r.Finished != cmcd.Unknown:
		if q.measuredBy < byLength {
			q.stalled = 0
		}
		q.measuredBy, q.stalled = byLength, q.stalled+milliseconds(min(r.Finished, most))
	case q.measuredBy == byLength:
	case r.State != 0:
		q.measuredBy = byState
		if q.state == cmcd.Rebuffering {
			lasted := now.Sub(q.since)
			if r.Time != cmcd.Unknown && q.sinceByPlayer != cmcd.Unknown { // which is exact: reports may be sent together
				lasted = milliseconds(min(max(r.Time-q.sinceByPlayer, 0), most))
			}
			q.stalled += lasted
		}
	}
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// stats tells of the viewers of a stream.
func (s *stream) stats(now time.Time) Stats {
	var all Stats
	var bitrate, of float64
	var startups, latencies []int64
	var stalled, watched time.Duration
	for _, v := range s.viewers {
		if v.over == overDASH {
			all.DASH++
		} else {
			all.HLS++
		}
		if !v.tells {
			continue
		}
		all.Telling++
		if v.bitrate != cmcd.Unknown {
			bitrate += float64(v.bitrate) * 1000
			of++
		}
		if v.startup != cmcd.Unknown {
			startups = append(startups, v.startup)
		}
		if v.latency != cmcd.Unknown {
			latencies = append(latencies, v.latency)
		}
		all.Rebufferings += int(min(v.starts, math.MaxInt32))
		if v.measuredBy != byNothing {
			here := now.Sub(v.began)
			watched += here
			stalled += min(v.stalled, here)
		}
	}
	if of > 0 {
		all.Bitrate = bitrate / of
	}
	if watched > 0 {
		all.Rebuffering = stalled.Seconds() / watched.Seconds()
	}
	all.Startup = percentile(startups, 50)
	all.LatencyMedian, all.LatencyHigh = percentile(latencies, 50), percentile(latencies, 95)
	return all
}

// percentile is the smallest of the values, in milliseconds, that so many percent of them are not above, in seconds.
func percentile(values []int64, percent int) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return float64(values[(len(values)*percent+99)/100-1]) / 1000
}
