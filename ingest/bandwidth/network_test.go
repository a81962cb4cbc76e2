package bandwidth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const kilo, mega = 1e3, 1e6

// layers are those of a usual simulcast, in bit/s.
var layers = []float64{150 * kilo, 500 * kilo, 2500 * kilo}

func link(bitrate func(time.Duration) float64) network {
	return network{bitrate: bitrate, delay: 20 * time.Millisecond, queue: 500 * time.Millisecond}
}

// While all that is sent arrives there is no estimate, nothing waits and nothing is padded.
func TestRoomForAll(t *testing.T) {
	v := newViewer(t, link(steady(5*mega)), layers...)
	v.run(20 * time.Second)
	_, known := v.Estimate()
	require.False(t, known)
	require.Empty(t, v.switches)
	require.Zero(t, v.padding)
	require.Zero(t, v.Wait(v.now()))
}

// A network that carries a tenth for half a minute gets a lower layer within two seconds, in which sound comes soon, and the best layer again
// within ten.
func TestBandwidthFallsAndReturns(t *testing.T) {
	v := newViewer(t, link(func(at time.Duration) float64 {
		if at < 10*time.Second || at >= 40*time.Second {
			return 3 * mega
		}
		return 300 * kilo
	}), layers...)
	v.run(12 * time.Second)
	require.Zero(t, v.current)
	v.run(40 * time.Second)
	require.Zero(t, v.current)
	require.Equal(t, 1, len(v.switches), "it has settled")
	require.Less(t, longest(v.sound, 16*time.Second, 40*time.Second), 300*time.Millisecond)
	require.Greater(t, v.bitrate(20*time.Second, 40*time.Second), 0.7*300*kilo)
	v.run(50 * time.Second)
	require.Equal(t, 2, v.current)
	switches := len(v.switches)
	v.run(60 * time.Second)
	require.Len(t, v.switches, switches, "it has settled")
	require.Greater(t, v.bitrate(50*time.Second, 60*time.Second), 2500*kilo)
}

// Each of ten networks gets the best layer that it carries, without going up and down.
func TestTenNetworks(t *testing.T) {
	for _, tt := range []struct {
		bitrate float64
		layer   int
	}{
		{100 * kilo, 0}, {200 * kilo, 0}, {300 * kilo, 0}, {450 * kilo, 0}, {800 * kilo, 1}, {mega, 1}, {1.5 * mega, 1}, {2 * mega, 1}, {3.2 * mega, 2}, {10 * mega, 2},
	} {
		v := newViewer(t, link(steady(tt.bitrate)), layers...)
		v.run(40 * time.Second)
		require.Equal(t, tt.layer, v.current, "%v bit/s", tt.bitrate)
		require.LessOrEqual(t, v.switchesBetween(15*time.Second, 25*time.Second), 1, "%v bit/s", tt.bitrate)
		require.LessOrEqual(t, v.switchesBetween(25*time.Second, 40*time.Second), 1, "%v bit/s", tt.bitrate)
	}
}

// Losses that have nothing to do with how much is sent take a viewer's picture away for a while at most.
func TestRandomLoss(t *testing.T) {
	n := link(steady(10 * mega))
	n.loss = 0.12
	v := newViewer(t, n, layers...)
	v.run(40 * time.Second)
	require.Equal(t, 2, v.current)
	require.LessOrEqual(t, v.switchesBetween(20*time.Second, 40*time.Second), 1)
}

// A publisher with one layer that is too much for the network: pictures are skipped, and sound is not held up by them.
func TestOneLayerTooMuch(t *testing.T) {
	v := newViewer(t, link(steady(600*kilo)), 2500*kilo)
	v.run(30 * time.Second)
	require.Less(t, longest(v.sound, 10*time.Second, 30*time.Second), 400*time.Millisecond)
	require.Greater(t, v.bitrate(10*time.Second, 30*time.Second), 0.7*600*kilo)
}

// A client that tells nothing any more gets less and less.
func TestFeedbackStops(t *testing.T) {
	v := newViewer(t, link(steady(5*mega)), layers...)
	v.run(5 * time.Second)
	v.network.loss = 1
	v.run(12 * time.Second)
	estimate, known := v.Estimate()
	require.True(t, known)
	require.Less(t, estimate, 100*kilo)
}

// A client that is sent nothing has nothing to tell.
func TestNothingSent(t *testing.T) {
	v := newViewer(t, link(steady(5*mega)), layers...)
	v.run(5 * time.Second)
	for range 10_000 {
		v.receive()
		v.at += time.Millisecond
		if v.at%time.Second == 0 {
			v.Look(v.now())
		}
	}
	_, known := v.Estimate()
	require.False(t, known)
}

// Where there is no stream for padding the estimate grows by itself, as long as all is well.
func TestUnbounded(t *testing.T) {
	v := newViewer(t, link(func(at time.Duration) float64 {
		if at < 5*time.Second {
			return 300 * kilo
		}
		return 5 * mega
	}), layers...)
	v.Unbounded()
	v.run(time.Minute)
	require.Zero(t, v.padding)
	require.Equal(t, 2, v.current)
}

// A network that drops what is too much at once, and lets nothing wait.
func TestPolicedNetwork(t *testing.T) {
	n := link(steady(mega))
	n.queue = 30 * time.Millisecond
	v := newViewer(t, n, layers...)
	v.run(40 * time.Second)
	require.Equal(t, 1, v.current)
	require.LessOrEqual(t, v.switchesBetween(20*time.Second, 40*time.Second), 2)
	require.Greater(t, v.bitrate(20*time.Second, 40*time.Second), 500*kilo)
}

// What is sent once more, however often that is asked for, is no more than the network carries, and leaves room when it is over.
func TestRepeatsAreBounded(t *testing.T) {
	began := time.Now()
	c := NewController(began)
	for range 100 { // before the network was once too slow
		require.True(t, c.MayRepeat(began))
		c.Sent(1000, began)
	}
	c.estimator.known, c.estimator.bitrate = true, 800_000
	c.Want(2_000_000, 2_000_000, "", began)
	sent, now := 0, began
	for ; now.Before(began.Add(2 * time.Second)); now = now.Add(time.Millisecond) {
		for c.MayRepeat(now) {
			c.Sent(1000, now)
			sent += 1000
		}
		require.Positive(t, c.Wait(now), "others wait")
	}
	require.InDelta(t, 200_000+10_000+paceLeast, sent, 3000)
	require.Zero(t, c.Wait(now.Add(repeatsAhead)))
}

// Packets leave faster than the estimate, a key frame sooner, but not while a network may hold a queue.
func TestPace(t *testing.T) {
	for name, tt := range map[string]struct {
		stood, decreased time.Duration // ago
		needed, factor   float64
	}{
		"room":             {time.Minute, time.Minute, 500_000, paceFactor},
		"a queue stood":    {strictFor - 1, time.Minute, 500_000, 1},
		"lowered just now": {time.Minute, lowered - 1, 500_000, 1},
		"too much":         {time.Minute, time.Minute, 2_000_000, 1},
	} {
		now := time.Hour
		e := &estimator{known: true, bitrate: 800_000, stoodAt: now - tt.stood, decreased: now - tt.decreased}
		p := &pacer{needed: tt.needed}
		p.set(e, now)
		require.InDelta(t, tt.factor*100_000, p.rate, 1, name)
	}
}

// Of a publisher's only layer and what is made of it each network gets the better one that it carries, within seconds of when it becomes slow or
// quick, and does not go up and down.
func TestWholeAndReduced(t *testing.T) {
	for _, tt := range []struct {
		bitrate float64
		best    int
	}{
		{350 * kilo, 0}, {450 * kilo, 0}, {600 * kilo, 0}, {mega, 0}, {1.5 * mega, 0}, {2 * mega, 0}, {3.2 * mega, 1}, {5 * mega, 1},
	} {
		slow := func(at time.Duration) bool { return at >= 10*time.Second && at < 2*time.Minute }
		v := newViewer(t, link(func(at time.Duration) float64 {
			if slow(at) {
				return tt.bitrate
			}
			return 5 * mega
		}), 300*kilo, 2500*kilo)
		v.run(10 * time.Second)
		require.Equal(t, 1, v.current)
		v.run(20 * time.Second)
		require.Equal(t, tt.best, v.current, "%v bit/s", tt.bitrate)
		v.run(2 * time.Minute)
		require.Equal(t, tt.best, v.current, "%v bit/s", tt.bitrate)
		require.False(t, v.restless(), "%v bit/s: %v", tt.bitrate, v.switches)
		require.LessOrEqual(t, len(v.switches), 3, "%v bit/s: %v", tt.bitrate, v.switches)
		v.run(2*time.Minute + 15*time.Second)
		require.Equal(t, 1, v.current, "%v bit/s: %v", tt.bitrate, v.switches)
	}
}

// Viewers behind one network share it, whoever came first: none is left without its part of it, and none goes up and down.
func TestViewersShare(t *testing.T) {
	for _, tt := range []struct {
		bitrate float64
		viewers int
		layer   int // that each gets at least
	}{
		{1.3 * mega, 2, 1}, {2 * mega, 2, 1}, {3 * mega, 2, 1}, {6.5 * mega, 2, 2}, {2 * mega, 3, 1}, {8 * mega, 3, 2}, {3 * mega, 4, 1},
	} {
		all := together(t, tt.viewers, tt.bitrate, 0)
		runAll(2*time.Minute, all...)
		for i, v := range all {
			require.GreaterOrEqual(t, v.current, tt.layer, "%v bit/s, viewer %d: %v", tt.bitrate, i, v.switches)
			require.False(t, v.restless(), "%v bit/s, viewer %d: %v", tt.bitrate, i, v.switches)
		}
	}
}
