package bandwidth

import (
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/stretchr/testify/require"
)

// network is a link of which a schedule tells the bit rate, with a queue that drops what does not fit.
type network struct {
	bitrate func(at time.Duration) float64
	delay   time.Duration // one way
	queue   time.Duration // at the bit rate, at most
	loss    float64
}

// viewer is somebody who is sent one of the options over a simulated network, in steps of a millisecond. It is what egress does, without
// packets: frames are cut in packets, wait for the pacer, and padding is sent when a probe wants it.
type viewer struct {
	testing.TB
	*Controller
	chooser  Chooser
	network  network
	options  []Option
	recorder *twcc.Recorder
	start    time.Time
	at       time.Duration

	current  int
	pending  int // option whose key frame is waited for; -1: none
	keyAt    time.Duration
	waiting  []int           // bytes of packets that the pacer holds back
	enqueued []time.Duration // when they came
	wire     *wire
	flying   []flight
	random   uint32
	switches []time.Duration
	arrived  []int           // bytes in each 100 ms
	delayed  []time.Duration // longest delay of media in each 100 ms
	sound    []time.Duration // of sound
	padding  int
	freezes  []time.Duration
	alone    bool // nothing is sent of the present option, as it is far too much, until the pending one begins
	probing  bool
}

// wire is the narrowest place of a network, which viewers may share.
type wire struct{ busy time.Duration } // until then it sends

const soundBytes = 160 // every 20 ms

type flight struct {
	sequence uint16
	arrives  time.Duration
	bytes    int
}

func newViewer(t testing.TB, n network, rates ...float64) *viewer {
	start := time.Unix(1e9, 0)
	v := &viewer{
		TB: t, Controller: NewController(start), network: n, start: start, recorder: twcc.NewRecorder(1), current: len(rates) - 1, pending: -1, random: 1,
		wire: &wire{},
	}
	v.prober.random = v.draw
	for _, r := range rates {
		v.options = append(v.options, Option{Rate: 1.05 * r})
	}
	return v
}

func (v *viewer) now() time.Time { return v.start.Add(v.at) }

// run goes on until that time.
func (v *viewer) run(until time.Duration) {
	for v.at < until {
		v.step()
	}
}

// runAll has viewers go on together until that time.
func runAll(until time.Duration, viewers ...*viewer) {
	for viewers[0].at < until {
		for _, v := range viewers {
			v.step()
		}
	}
}

// together are viewers of one network who come seven seconds after each other.
func together(t testing.TB, viewers int, bitrate float64, seed uint32) (all []*viewer) {
	for i := range viewers {
		v := newViewer(t, link(steady(bitrate)), layers...)
		if i > 0 {
			v.join(all[0])
		}
		v.random += uint32(i) + seed
		all = append(all, v)
		runAll(time.Duration(i+1)*7*time.Second, all...)
	}
	return all
}

// join has a viewer begin now, on the network that another one is on.
func (v *viewer) join(other *viewer) {
	v.wire, v.at, v.random = other.wire, other.at, 7
	v.Controller = NewController(v.now())
	v.prober.random = v.draw
}

// draw is the next of numbers that are the same in each run, in [0, 1).
func (v *viewer) draw() float64 {
	v.random = v.random*1664525 + 1013904223
	return float64(v.random>>8) / (1 << 24)
}

func (v *viewer) step() {
	v.film()
	v.forward()
	v.probe()
	v.receive()
	if v.at%(100*time.Millisecond) == 0 {
		v.adapt()
	}
	if v.at%time.Second == 0 {
		v.Look(v.now())
	}
	v.at += time.Millisecond
}

// film makes a frame of the current option 30 times a second, a key frame of eight times the size when it has been waited for.
func (v *viewer) film() {
	if v.at%(33*time.Millisecond) != 0 {
		return
	}
	size := int(v.options[v.current].Rate / 1.05 / 8 * 0.033)
	if v.pending >= 0 && v.at >= v.keyAt {
		v.current, v.pending = v.pending, -1
		v.switches = append(v.switches, v.at)
		v.waiting, v.enqueued, v.alone = nil, nil, false // of the one before
		size = int(v.options[v.current].Rate / 1.05 / 8 * 0.033 * 6)
	}
	for ; size > 0 && !v.alone; size -= 1200 {
		v.waiting, v.enqueued = append(v.waiting, min(size, 1200)+50), append(v.enqueued, v.at)
	}
}

func (v *viewer) forward() {
	if v.at%(20*time.Millisecond) == 0 {
		v.send(soundBytes, v.at)
	}
	for len(v.waiting) > 0 && v.Wait(v.now()) == 0 {
		v.send(v.waiting[0], v.enqueued[0])
		v.waiting, v.enqueued = v.waiting[1:], v.enqueued[1:]
	}
	if len(v.enqueued) > 0 && v.at-v.enqueued[0] > time.Second {
		v.waiting, v.enqueued = nil, nil // goes on at the next key frame
		v.freezes = append(v.freezes, v.at)
	}
}

func (v *viewer) probe() {
	if !v.probing && v.at%(100*time.Millisecond) == 0 {
		v.probing = v.Probe(v.now())
	}
	if v.probing && v.at%ProbeEvery == 0 {
		var bytes int
		bytes, v.probing = v.Padding(v.now())
		for range min(bytes/1200, probeBurst) {
			v.send(1200, v.at)
			v.padding += 1200
		}
	}
}

// send puts a packet of something that came at an instant on the link.
func (v *viewer) send(bytes int, came time.Duration) {
	sequence := v.Sent(bytes, v.now())
	begins, lost := max(v.wire.busy, v.at), v.draw() < v.network.loss
	if begins-v.at > v.network.queue || lost {
		return
	}
	v.wire.busy = begins + time.Duration(float64(bytes*8)/v.network.bitrate(v.at)*float64(time.Second))
	arrives := v.wire.busy + v.network.delay
	v.flying = append(v.flying, flight{sequence, arrives, bytes})
	slot := int(v.at / (100 * time.Millisecond))
	for len(v.delayed) <= slot {
		v.delayed, v.sound = append(v.delayed, 0), append(v.sound, 0)
	}
	v.delayed[slot] = max(v.delayed[slot], arrives-came)
	if bytes == soundBytes {
		v.sound[slot] = max(v.sound[slot], arrives-came)
	}
}

// receive is the client, which sends feedback every 50 ms.
func (v *viewer) receive() {
	slot := int(v.at / (100 * time.Millisecond))
	for len(v.arrived) <= slot {
		v.arrived = append(v.arrived, 0)
	}
	for len(v.flying) > 0 && v.flying[0].arrives <= v.at {
		f := v.flying[0]
		v.flying = v.flying[1:]
		v.arrived[slot] += f.bytes
		v.recorder.Record(2, f.sequence, f.arrives.Microseconds())
	}
	if v.at%(50*time.Millisecond) != 0 || v.recorder.PacketsHeld() == 0 {
		return
	}
	for _, p := range v.recorder.BuildFeedbackPacket() {
		b, err := p.Marshal()
		require.NoError(v, err)
		v.Feedback(b, v.now())
	}
}

func (v *viewer) adapt() {
	target, known := v.Estimate()
	target -= soundBytes * 8 * 50
	chosen := v.current
	if v.pending >= 0 {
		chosen = v.pending
	}
	wanted := v.chooser.Choose(v.options, chosen, target, known, v.at)
	present := v.options[v.current].Rate
	v.alone = wanted < v.current && (v.alone || target < FarOverBy*present)
	if v.alone {
		present = 0
	}
	v.Want(present+soundBytes*8*50, Next(v.options, wanted)+soundBytes*8*50, "", v.now())
	switch {
	case wanted == v.current:
		v.pending = -1
	case wanted != chosen:
		v.pending, v.keyAt = wanted, v.at+100*time.Millisecond
	}
}

// bitrate is what has come between two instants, in bit/s.
func (v *viewer) bitrate(from, to time.Duration) float64 {
	sum := 0
	for i := from / (100 * time.Millisecond); i < to/(100*time.Millisecond); i++ {
		sum += v.arrived[i]
	}
	return float64(sum*8) / (to - from).Seconds()
}

// longest is the longest delay of what was sent between two instants.
func longest(delays []time.Duration, from, to time.Duration) (d time.Duration) {
	for i := from / (100 * time.Millisecond); i < to/(100*time.Millisecond); i++ {
		d = max(d, delays[i])
	}
	return d
}

func (v *viewer) switchesBetween(from, to time.Duration) (n int) {
	for _, at := range v.switches {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

// restless reports whether it has changed twice within ten seconds in the second minute.
func (v *viewer) restless() bool {
	for from := time.Minute; from < 2*time.Minute; from += 10 * time.Second {
		if v.switchesBetween(from, from+10*time.Second) > 1 {
			return true
		}
	}
	return false
}

func steady(bitrate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return bitrate }
}
