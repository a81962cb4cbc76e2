package depay

import (
	"fmt"
	"time"

	"github.com/pion/rtp"
)

const (
	// startWait is how long the first key frame is waited for before a black one takes its place: from the first packet,
	// or from the first Tick while there is none.
	startWait = time.Second

	// slateAfter is how long after a publisher has gone its newest picture stands still before the slate is shown.
	slateAfter = 500 * time.Millisecond

	// keyRequestInterval is the shortest time between two requests for a key frame.
	keyRequestInterval = 500 * time.Millisecond

	// maxFill bounds what one call fills. A longer time without Tick stays a hole.
	maxFill = 10 * time.Second

	// maxElapsed keeps arithmetic in range, whatever instants come: 36 years.
	maxElapsed = time.Duration(1 << 60)
)

// Depacketizer makes frames of one publisher's packets. Its methods are called by one goroutine.
type Depacketizer struct {
	opts  Options
	stats Stats
	clock clock
	video videoTrack
	audio audioTrack

	layers []*layerTrack

	epoch   time.Time // what instants count from: the first call
	running bool      // PTS 0 is set
	zero    time.Duration
	begun   bool // startBy is set
	pushed  bool // a packet has come
	startBy time.Duration

	videoSince   time.Duration // when the source of video began
	keyRequested time.Duration // when a key frame was last asked for
}

// New returns a Depacketizer. The error is that of Options.Validate.
func New(o Options) (*Depacketizer, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("depay: %w", err)
	}
	d := &Depacketizer{opts: o.withDefaults()}
	d.video.init(d)
	d.audio.init(d)
	for n := range o.Layers {
		d.layers = append(d.layers, newLayerTrack(d, n+1))
	}
	return d, nil
}

// Push takes one RTP packet that arrived at that instant, which carries a monotonic reading. The packet is the caller's
// again when Push returns. Packets of a track that was not declared are ignored.
func (d *Depacketizer) Push(k Kind, p *rtp.Packet, arrival time.Time) {
	t := d.track(k)
	if t == nil {
		return
	}
	at := d.elapsed(arrival)
	d.clock.advance(at)
	if !d.pushed {
		d.begun, d.pushed, d.startBy = true, true, at+d.startWait()
	}
	if !t.live || t.ssrc != p.SSRC {
		d.attach(t, p.SSRC, at)
	}
	t.stats.Packets++
	if len(p.Payload) > maxPayload {
		t.stats.Malformed++
		return
	}
	d.accept(t, packet{
		seq: p.SequenceNumber, timestamp: p.Timestamp, marker: p.Marker, payload: p.Payload, arrival: at,
		instant: d.clock.observe(k, p.Timestamp, at),
	}, at)
}

// startWait is how long a key frame is waited for before another picture takes its place.
func (d *Depacketizer) startWait() time.Duration {
	if len(d.opts.Opening) > 0 {
		return 0
	}
	return startWait
}

// accept puts the packet in its place and passes on what is in order then.
func (d *Depacketizer) accept(t *track, p packet, at time.Duration) {
	v := t.buffer.push(p, at)
	if v == full {
		t.pop(everything)
		v = t.buffer.push(p, at)
	}
	t.count(v)
	t.pop(at - d.opts.ReorderWindow)
	if d.keyWanted() {
		d.requestKeyFrame(at)
	}
}

// SenderReport takes the NTP and RTP time stamps of a sender report of the track's present source (RFC 3550 §6.4.1).
func (d *Depacketizer) SenderReport(k Kind, ntp uint64, rtpTime uint32, arrival time.Time) {
	if d.track(k) == nil {
		return
	}
	at := d.elapsed(arrival)
	d.clock.advance(at)
	if !d.clock.report(k, ntp, rtpTime, at) {
		d.stats.ReportsIgnored++
	}
}

// Tick gives up packets that were waited for too long and fills what is missing up to now - Options.FillAfter. It is to be
// called once per Options.FrameInterval.
func (d *Depacketizer) Tick(now time.Time) {
	at := d.elapsed(now)
	d.clock.advance(at)
	if !d.begun {
		d.begun, d.startBy = true, at+d.startWait()
	}
	d.video.pop(at - d.opts.ReorderWindow)
	d.audio.pop(at - d.opts.ReorderWindow)
	for _, l := range d.layers {
		l.pop(at - d.opts.ReorderWindow)
	}
	if d.opts.Video != 0 && d.video.keys().waiting && at-d.videoSince >= keyRequestInterval { // a source begins with a key frame unasked
		d.requestKeyFrame(at)
	}
	if !d.running && at >= d.startBy {
		d.start(at)
	}
	if d.running {
		d.video.fill(d.pts(at-d.opts.FillAfter, d.opts.Video), at)
		d.audio.fill(d.pts(at-d.opts.FillAfter, Opus))
	}
}

// Detach reports whether the publisher has gone: its SSRCs, sequence numbers and reports mean nothing any more. Tick goes on
// filling, with Options.Slate; the next packet begins a new source, whose video enters at its first key frame.
func (d *Depacketizer) Detach(now time.Time) {
	d.clock.advance(d.elapsed(now))
	d.detach(&d.video.track)
	d.detach(&d.audio.track)
	for _, l := range d.layers {
		l.beginSource(0)
	}
	d.video.leave(d.elapsed(now))
}

// Zero returns the instant of PTS 0, with a monotonic reading; false until the first frame is being emitted.
func (d *Depacketizer) Zero() (time.Time, bool) {
	if !d.running {
		return time.Time{}, false
	}
	return d.epoch.Add(d.zero), true
}

// Stats returns what was counted until now.
func (d *Depacketizer) Stats() Stats {
	s := d.stats
	s.Synchronized = d.clock.synchronized()
	s.AVOffset = ticks(d.clock.moved, VP8)
	s.DriftPPM = d.clock.drift
	return s
}

// track returns a declared track, or nil.
func (d *Depacketizer) track(k Kind) *track {
	switch {
	case k == Video && d.opts.Video != 0:
		return &d.video.track
	case k == Audio && d.opts.Audio != 0:
		return &d.audio.track
	}
	return nil
}

// attach begins a new source.
func (d *Depacketizer) attach(t *track, ssrc uint32, at time.Duration) {
	d.detach(t)
	t.live, t.ssrc = true, ssrc
	t.stats.Sources++
	if t.kind == Video {
		d.videoSince, d.keyRequested = at, at-keyRequestInterval
	}
}

// detach ends the track's source. What it left in the buffer is still emitted.
func (d *Depacketizer) detach(t *track) {
	t.pop(everything)
	t.live = false
	t.buffer.restart()
	d.clock.detach(t.kind)
	if t.kind == Video && t.codec != 0 {
		d.video.restart()
	}
}

// start sets PTS 0 without a frame from the publisher.
func (d *Depacketizer) start(at time.Duration) {
	d.run(at)
	if d.opts.Video != 0 {
		d.video.emitFirst()
	}
}

func (d *Depacketizer) run(zero time.Duration) {
	d.running, d.zero = true, zero
	for _, l := range d.layers {
		l.flush()
	}
}

// requestKeyFrame asks for a key frame, unless somebody was asked just now, or nobody is there.
func (d *Depacketizer) requestKeyFrame(at time.Duration) {
	if !d.video.live || at-d.keyRequested < keyRequestInterval {
		return
	}
	d.keyRequested, d.video.keys().wanted = at, false
	for _, l := range d.layers {
		l.keys().wanted = false
	}
	d.stats.KeyFrameRequests++
	d.opts.RequestKeyFrame()
}

// elapsed converts an instant to the time since the first one. Only monotonic readings count.
func (d *Depacketizer) elapsed(t time.Time) time.Duration {
	if d.epoch.IsZero() {
		d.epoch = t
	}
	return min(max(t.Sub(d.epoch), 0), maxElapsed)
}

// pts converts an instant to the time since PTS 0.
func (d *Depacketizer) pts(instant time.Duration, c Codec) int64 { return ticks(instant-d.zero, c) }

// ticks converts a duration to units of the codec's clock rate, rounded to the nearest.
func ticks(t time.Duration, c Codec) int64 {
	rate := c.ClockRate()
	fraction := int64(t%time.Second)*rate + int64(time.Second)/2
	return int64(t/time.Second)*rate + fraction/int64(time.Second)
}
