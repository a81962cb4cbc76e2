package transcode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// machine is a simulated one of two cores, on which something else takes the CPU and one ffmpeg encodes a ladder.
type machine struct {
	others func(at time.Duration) float64 // cores that others take
	idle   float64                        // cores that it claims to be idle beyond those that are, as in a container with a quota

	governor    Governor
	ladder      Ladder
	detector    lagDetector
	out         time.Duration
	queue       QueueStats
	reduced     []time.Duration
	grown       []time.Duration
	whole       time.Duration // since when the ladder has been whole; -1 while it is not
	belowTopFor time.Duration
}

const (
	simulatedCores = 2.0
	simulatedUnit  = 0.5 // cores; the default ladder takes about one
	simulatedStep  = 500 * time.Millisecond
	simulatedQueue = 2 * time.Second
)

// run lets the machine run for so long: the detector and the reductions as in a job and its broadcast, and the governor.
func (m *machine) run(lasts time.Duration) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m.ladder, m.detector.limit = DefaultLadder(), time.Second
	for at := time.Duration(0); at < lasts; at += simulatedStep {
		used := m.encode(at)
		now := began.Add(at)
		r := lagReport{at: now, lag: at + simulatedStep - m.out, out: m.out, queue: m.queue}
		if slow := m.detector.observe(r); slow != nil {
			m.ladder, _ = m.ladder.Reduce(slow.Speed)
			m.governor.Reduced(now)
			m.restart(at)
			m.reduced = append(m.reduced, at)
		} else if candidates := DefaultLadder().Regain(m.ladder); len(candidates) > 0 && at%time.Second == 0 {
			idle := max(simulatedCores-m.others(at)-used, 0) + m.idle
			if which, ok := m.governor.Observe(now, Sample{CPU: used, Idle: idle, Late: r.lag > time.Second}, m.ladder, candidates); ok {
				m.ladder = candidates[which]
				m.governor.Grew(now)
				m.restart(at)
				m.grown = append(m.grown, at)
			}
		}
		m.count(at)
	}
}

// encode lets ffmpeg take what others leave it, and returns how many cores it has used.
func (m *machine) encode(at time.Duration) float64 {
	needs := m.ladder.units() * simulatedUnit
	has := max(simulatedCores-m.others(at), 0.05)
	behind := at + simulatedStep - m.out
	makes := min(time.Duration(float64(simulatedStep)*has/needs), behind)
	m.out += makes
	m.queue.In += 15
	m.queue.Queued = int((behind - makes) / (time.Second / 30))
	if behind-makes > simulatedQueue { // all that waits is dropped for a keyframe
		m.queue.Overflows++
		m.queue.Dropped += uint64(m.queue.Queued)
		m.out, m.queue.Queued = at+simulatedStep-500*time.Millisecond, 15
	}
	return float64(makes) / float64(simulatedStep) * needs
}

// restart begins another ffmpeg.
func (m *machine) restart(at time.Duration) {
	m.detector, m.queue, m.out = lagDetector{}, QueueStats{}, at+simulatedStep
	if _, ok := m.ladder.Reduce(1); ok { // else frames are dropped
		m.detector.limit = time.Second
	}
}

func (m *machine) count(at time.Duration) {
	switch whole := len(DefaultLadder().Regain(m.ladder)) == 0; {
	case !whole:
		m.whole = -1
		m.belowTopFor += simulatedStep
	case m.whole < 0:
		m.whole = at
	}
}

// TestGovernor simulates machines that are busy with something else.
func TestGovernor(t *testing.T) {
	between := func(from, to time.Duration, cores float64) func(time.Duration) float64 {
		return func(at time.Duration) float64 {
			if from <= at && at < to {
				return cores
			}
			return 0.2
		}
	}
	every := func(period, busy time.Duration, cores float64) func(time.Duration) float64 {
		return func(at time.Duration) float64 { return between(0, busy, cores)(at % period) }
	}
	for _, c := range []struct {
		name        string
		m           machine
		lasts       time.Duration
		reductions  int           // at most
		switches    int           // at most, there and back
		wholeBefore time.Duration // the ladder is whole again; 0: not asked
	}{
		{"alone", machine{others: between(0, 0, 0)}, time.Hour, 0, 0, time.Second},
		{"a burst of 4 s", machine{others: between(60*time.Second, 64*time.Second, 1.9)}, 5 * time.Minute, 0, 0, time.Second},
		{"busy for 30 s, a little", machine{others: between(60*time.Second, 90*time.Second, 1.2)}, 5 * time.Minute, 2, 5, 150 * time.Second},
		{"busy for 30 s", machine{others: between(60*time.Second, 90*time.Second, 1.7)}, 5 * time.Minute, 2, 5, 150 * time.Second},
		{"busy for 30 s, entirely", machine{others: between(60*time.Second, 90*time.Second, 2)}, 5 * time.Minute, 2, 5, 150 * time.Second},
		{"busy from the beginning", machine{others: between(0, 30*time.Second, 1.9)}, 5 * time.Minute, 2, 5, 90 * time.Second},
		{"busy for ever", machine{others: between(60*time.Second, 2*time.Hour, 1.5)}, time.Hour, 3, 3, 0},
		{"busy for ever, and nothing fits", machine{others: between(60*time.Second, 2*time.Hour, 2)}, time.Hour, 6, 6, 0},
		{"busy for an hour", machine{others: between(60*time.Second, time.Hour, 1.5)}, 2 * time.Hour, 3, 6, time.Hour + time.Minute},
		{"a quota that it does not see", machine{others: between(60*time.Second, 2*time.Hour, 1.4), idle: 4}, time.Hour, 12, 24, 0},
		{"busy for 40 s of each 100", machine{others: every(100*time.Second, 40*time.Second, 1.9)}, time.Hour, 16, 32, 0},
		{"busy for 1 min of each 12", machine{others: every(12*time.Minute, time.Minute, 1.9)}, time.Hour, 12, 24, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.m
			m.run(c.lasts)
			t.Logf("reduced at %v, grown at %v, %v without the whole ladder", m.reduced, m.grown, m.belowTopFor)
			require.LessOrEqual(t, len(m.reduced), c.reductions)
			require.LessOrEqual(t, len(m.reduced)+len(m.grown), c.switches)
			if c.wholeBefore > 0 {
				require.GreaterOrEqual(t, m.whole, time.Duration(0), "the ladder is whole at the end")
				require.LessOrEqual(t, m.whole, c.wholeBefore)
			}
		})
	}
}

// TestGovernorBacksOff doubles the time until the next return with each that has failed, and not for ever.
func TestGovernorBacksOff(t *testing.T) {
	var g Governor
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	plenty := Sample{CPU: 0.2, Idle: 50}
	candidates := DefaultLadder().Regain(DefaultLadder()[1:])
	waits := func() time.Duration {
		g.Reduced(now)
		for began := now; ; now = now.Add(time.Second) {
			if _, ok := g.Observe(now, plenty, DefaultLadder()[1:], candidates); ok {
				g.Grew(now)
				return now.Sub(began)
			}
		}
	}
	for want := returnAfter; want < maxReturn; want *= 2 {
		require.Equal(t, want, waits())
		now = now.Add(time.Second)
	}
	require.Equal(t, maxReturn, waits())
	now = now.Add(settled)
	require.Equal(t, maxReturn, waits(), "it is neither settled nor forgotten")
	now = now.Add(2 * settled)
	require.Equal(t, returnAfter, waits())
	now = now.Add(time.Second)
	g.Reduced(now)
	g.Reduced(now)
	require.Equal(t, 2*returnAfter, g.notBefore.Sub(now), "the second of two reductions is not another failure")
}

// TestGovernorWantsRoom grows only after room for a while, into the best that there is room for.
func TestGovernorWantsRoom(t *testing.T) {
	low := DefaultLadder()[2:]
	candidates := DefaultLadder().Regain(low)
	require.Len(t, candidates, 2)
	unit := 0.2 / low.units()
	for _, c := range []struct {
		name   string
		sample func(second int) Sample
		want   int // -1: it does not grow
	}{
		{"plenty", func(int) Sample { return Sample{CPU: 0.2, Idle: 2} }, 0},
		{"for the one with the fastest preset", func(int) Sample {
			return Sample{CPU: 0.2, Idle: spare*candidates[1].units()*unit - 0.2 + 0.001}
		}, 1},
		{"not even for that", func(int) Sample { return Sample{CPU: 0.2, Idle: spare*candidates[1].units()*unit - 0.2 - 0.001} }, -1},
		{"late", func(int) Sample { return Sample{CPU: 0.2, Idle: 2, Late: true} }, -1},
		{"late now and then", func(second int) Sample { return Sample{CPU: 0.2, Idle: 2, Late: second%9 == 0} }, -1},
		{"room now and then", func(second int) Sample { return Sample{CPU: 0.2, Idle: float64(second/5%2) * 2} }, -1},
		{"a second without room now and then", func(second int) Sample { return Sample{CPU: 0.2, Idle: float64(min(second%8, 1)) * 2} }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g Governor
			now, got := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), -1
			g.Reduced(now)
			for second := 0; second < 120 && got < 0; second++ {
				now = now.Add(time.Second)
				if which, ok := g.Observe(now, c.sample(second), low, candidates); ok {
					got = which
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// TestGovernorRemembersTheUnit knows what encoding costs also once nothing is encoded.
func TestGovernorRemembersTheUnit(t *testing.T) {
	var g Governor
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	whole := DefaultLadder()[1:]
	grows := func(idle float64) (ok bool) {
		g.Changed()
		for range roomFor/time.Second + 1 {
			now = now.Add(time.Second)
			_, ok = g.Observe(now, Sample{CPU: 0.05, Idle: idle}, nil, []Ladder{whole})
		}
		return ok
	}
	need := func(unit float64) float64 { return spare*(0.05+unit*whole.units()) - 0.05 }
	require.False(t, grows(need(unitUnmeasured)-0.01))
	require.True(t, grows(need(unitUnmeasured)+0.01))
	g.Changed()
	g.Observe(now, Sample{CPU: 0.3 * whole.units()}, whole, nil)
	require.False(t, grows(need(0.3)-0.01))
	require.True(t, grows(need(0.3)+0.01))
}

func TestRegain(t *testing.T) {
	whole := DefaultLadder()
	names := func(candidates []Ladder) (all []string) {
		for _, c := range candidates {
			all = append(all, c.String()+" "+c[0].X264Preset())
		}
		return all
	}
	least, _ := whole.Reduce(0)
	require.Equal(t, []string{"480p 240p veryfast", "480p 240p ultrafast"}, names(whole.Regain(least)))
	require.Equal(t, []string{"720p 480p 240p superfast", "720p 480p 240p ultrafast"}, names(whole.Regain(whole[1:])))
	require.Equal(t, []string{"720p 480p 240p superfast"}, names(whole.Regain(whole.step())), "only the preset was changed")
	require.Empty(t, whole.Regain(whole))
	one := whole[:1]
	require.Equal(t, []string{"720p superfast", "720p ultrafast"}, names(one.Regain(one.step().step())))
}
