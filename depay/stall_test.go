package depay

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aftermath is what becomes of the media of a stall.
type aftermath string

const (
	lostForGood aftermath = "lost"
	inOneBurst  aftermath = "then all at once"
	drained     aftermath = "then at three times the pace"
	plateau     aftermath = "and as late for 3 s more"
	stoodStill  aftermath = "neither captured nor counted"
)

var aftermaths = []aftermath{lostForGood, inOneBurst, drained, plateau, stoodStill}

// stall is a time in which nothing comes of some tracks.
type stall struct {
	from, length time.Duration
	hits         [kinds]bool
	after        aftermath
}

func (s stall) during(k Kind, capture time.Duration) bool {
	return s.hits[k] && capture >= s.from && capture < s.from+s.length
}

// arrival returns when media comes on a path without delay; false for never.
func (s stall) arrival(k Kind, capture time.Duration) (at time.Duration, ok bool) {
	end := s.from + s.length
	switch {
	case !s.hits[k] || capture < s.from:
		return capture, true
	case s.after == drained:
		return max(capture, end+(capture-s.from)/3), true
	case s.after == plateau && capture < s.over():
		return min(capture+s.length, s.over()), true
	case !s.during(k, capture):
		return capture, true
	}
	return end, s.after == inOneBurst
}

// over is when the last of the aftermath has come.
func (s stall) over() time.Duration {
	switch s.after {
	case drained:
		return s.from + s.length*3/2
	case plateau:
		return s.from + s.length + 3*time.Second
	}
	return s.from + s.length
}

// roughNetwork is a publisher of whom now and then nothing comes.
type roughNetwork struct {
	stalls  []stall // each is over before the next
	reports bool
	ppm     float64 // by which the sender's clocks run fast
	jitter  func(*rand.Rand) time.Duration
}

// at returns the newest stall.
func (n *roughNetwork) at(capture time.Duration) (newest stall) {
	for _, s := range n.stalls {
		if s.from <= capture {
			newest = s
		}
	}
	return newest
}

// missing reports whether there is no media of that time.
func (n *roughNetwork) missing(k Kind, capture time.Duration) bool {
	s := n.at(capture)
	return s.after == stoodStill && s.during(k, capture)
}

// stamp returns the media time that the time stamps tell.
func (n *roughNetwork) stamp(k Kind, capture time.Duration) time.Duration {
	stamp := capture + time.Duration(float64(capture)*n.ppm/1e6)
	for _, s := range n.stalls {
		if s.hits[k] && s.after == stoodStill && capture >= s.from {
			stamp -= min(capture-s.from, s.length)
		}
	}
	return stamp
}

// send schedules both tracks up to that time. The picture takes 40 ms longer than sound.
func (n *roughNetwork) send(r *rig, until time.Duration) {
	random := rand.New(rand.NewPCG(3, 4))
	var video videoSource
	var audio audioSource
	var newest [kinds]time.Duration
	arrive := func(k Kind, capture, path time.Duration, do func(now time.Time)) {
		if at, ok := n.at(capture).arrival(k, capture); ok {
			newest[k] = max(newest[k], at+path+n.jitter(random)) // in order
			r.on(newest[k], do)
		}
	}
	for i, capture := 0, time.Duration(0); capture < until; i, capture = i+1, time.Duration(i+1)*20*ms {
		if n.missing(Audio, capture) {
			audio.n++
			continue
		}
		p := audio.packet(audioTime(n.stamp(Audio, capture)))
		arrive(Audio, capture, 20*ms, func(now time.Time) { r.Push(Audio, p, now) })
	}
	for i, capture := 0, time.Duration(0); capture < until; i, capture = i+1, time.Duration(i+1)*time.Second/30 {
		if n.missing(Video, capture) {
			video.sent = append(video.sent, nil)
			continue
		}
		for _, p := range video.frame(videoTime(n.stamp(Video, capture)), i%30 == 0, false, 2500) {
			arrive(Video, capture, 60*ms, func(now time.Time) { r.Push(Video, p, now) })
		}
	}
	if n.reports {
		n.report(r, until)
	}
}

// report schedules right sender reports each second, of media that exists.
func (n *roughNetwork) report(r *rig, until time.Duration) {
	for capture := 300 * ms; capture < until; capture += time.Second {
		for k, stamp := range [kinds]func(time.Duration) uint32{videoTime, audioTime} {
			at, ok := n.at(capture).arrival(Kind(k), capture)
			if ok && !n.missing(Kind(k), capture) {
				sender := capture + time.Duration(float64(capture)*n.ppm/1e6)
				r.report(at+40*ms, Kind(k), sender, stamp(n.stamp(Kind(k), capture)))
			}
		}
	}
}

// delays returns by how much the output dates media captured from..to later than its capture, at least and at most, and how
// many frames there are.
func (r *rig) delays(k Kind, from, to time.Duration) (least, most time.Duration, frames int) {
	least, most = time.Hour, -time.Hour
	for _, f := range r.frames[k] {
		if f.Filler {
			continue
		}
		if capture := captureTime(k, f); capture >= from && capture < to {
			frames++
			least, most = min(least, f.Time()-capture), max(most, f.Time()-capture)
		}
	}
	return least, most, frames
}

func captureTime(k Kind, f Frame) time.Duration {
	if k == Audio {
		return soundCapture(f)
	}
	return time.Duration(frameNumber(f)) * time.Second / 30
}

// requireNeverAhead asserts that nothing was emitted so long before its time that the output would have to stand still for it.
func (r *rig) requireNeverAhead() {
	zero, _ := r.Zero()
	for k := range r.frames {
		most := -time.Hour
		for i, f := range r.frames[k] {
			most = max(most, zero.Sub(r.epoch)+f.Time()-r.at[k][i])
		}
		require.Less(r.t, most, maxAhead+200*ms, Kind(k))
	}
}

// requireAsBefore asserts that media of one time is all there and dated as that of another.
func (r *rig) requireAsBefore(before, after [2]time.Duration) {
	for k := range kinds {
		least, most, _ := r.delays(k, before[0], before[1])
		leastAfter, mostAfter, frames := r.delays(k, after[0], after[1])
		r.t.Logf("%v is dated %v … %v after its capture, then %v … %v", k, least, most, leastAfter, mostAfter)
		require.Less(r.t, mostAfter, most+100*ms, k)
		require.Greater(r.t, leastAfter, least-100*ms, k)
		perSecond := [kinds]float64{30, 50}[k]
		require.InDelta(r.t, (after[1]-after[0]).Seconds()*perSecond, float64(frames), 5, k)
	}
}

// TestStall lets both tracks, or one, stall. Two seconds after the last of it has come nothing tells of it any more.
func TestStall(t *testing.T) {
	tracks := map[string][kinds]bool{"everything": {true, true}, "the picture": {Video: true}, "sound": {Audio: true}}
	for which, hits := range tracks {
		for _, length := range []time.Duration{300 * ms, 500 * ms, 1200 * ms, 2 * time.Second, 20 * time.Second} {
			for _, after := range aftermaths {
				for reports, kind := range map[bool]string{true: "with reports", false: "without"} {
					s := stall{10*time.Second + 7*ms, length, hits, after}
					t.Run(fmt.Sprintf("%s for %v, %s, %s", which, length, after, kind), func(t *testing.T) { s.test(t, reports) })
				}
			}
		}
	}
}

func (s stall) test(t *testing.T, reports bool) {
	r := newRig(t, VP8, Opus)
	n := roughNetwork{stalls: []stall{s}, reports: reports, jitter: func(r *rand.Rand) time.Duration { return jitter(r, 5*ms) }}
	end := s.over() + 15*time.Second
	n.send(r, end)
	r.run(end)
	r.addsUp()
	r.covered(Audio, 25*ms)
	if s.hits[Video] == s.hits[Audio] { // else one track waits for the other, which reports say belongs to it
		r.requireNeverAhead()
	}
	settled := s.over() + 2*time.Second
	if s.after == stoodStill && reports {
		settled += 2 * time.Second // it takes two reports of each track to be believed
	}
	r.requireAsBefore([2]time.Duration{5 * time.Second, s.from}, [2]time.Duration{settled, end - time.Second})
	if reports {
		require.Less(t, r.worstOffset(s.over()+5*time.Second), 45*ms)
	}
}

// TestManyStalls adds clocks that drift: what one stall leaves behind would show after forty.
func TestManyStalls(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	n := roughNetwork{reports: true, ppm: 200, jitter: func(r *rand.Rand) time.Duration { return jitter(r, 10*ms) }}
	const every = 30 * time.Second
	for at := every; at <= 40*every; at += every {
		n.stalls = append(n.stalls, stall{
			from:   at + time.Duration(random.IntN(1000))*ms,
			length: 300*ms + time.Duration(random.Int64N(int64(5*time.Second))),
			hits:   [][kinds]bool{{true, true}, {Video: true}, {Audio: true}}[random.IntN(3)],
			after:  aftermaths[random.IntN(len(aftermaths))],
		})
	}
	r := newRig(t, VP8, Opus)
	n.send(r, 42*every)
	r.run(42 * every)
	r.addsUp()
	for i, s := range n.stalls {
		until := 42*every - time.Second
		if i+1 < len(n.stalls) {
			until = n.stalls[i+1].from
		}
		r.requireAsBefore([2]time.Duration{5 * time.Second, n.stalls[0].from}, [2]time.Duration{s.over() + 5*time.Second, until})
	}
}

// TestJitterDoesNotPump sends ten minutes through jitter that is about as long as what is filled waits: the map keeps still.
func TestJitterDoesNotPump(t *testing.T) {
	for name, jitter := range map[string]func(*rand.Rand) time.Duration{
		"up to 100 ms":          func(r *rand.Rand) time.Duration { return time.Duration(r.Int64N(int64(100 * ms))) },
		"mean 30 ms":            func(r *rand.Rand) time.Duration { return jitter(r, 30*ms) },
		"now and then 300 ms":   func(r *rand.Rand) time.Duration { return time.Duration(max(r.IntN(500)-498, 0)) * 300 * ms },
		"held back every 80 ms": func(r *rand.Rand) time.Duration { return time.Duration(r.IntN(4)) * 20 * ms },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, VP8, Opus)
			n := roughNetwork{reports: true, jitter: jitter}
			end := 10 * time.Minute
			n.send(r, end)
			r.run(end)
			r.addsUp()
			least, most, frames := r.delays(Audio, 10*time.Second, end-time.Second)
			late := r.Stats().Audio.Dropped[DropTooLate]
			t.Logf("sound is dated %v … %v after its capture; %d of %d packets too late", least, most, late, frames)
			require.Less(t, most-least, 200*ms)
			require.Less(t, late, uint64(frames)/50)
		})
	}
}
