package egress

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/sluice-live/sluice/ingest/media"
)

// viewerQueue is how many packets wait for one viewer: about a second of a 2.5 Mbit/s picture. A viewer that is further
// behind goes on at the next key frame.
const viewerQueue = 256

// A viewer that joins gets what it needs to begin with at this pace, 50 Mbit/s, which sockets and networks on the way can hold.
const (
	backlogPackets = 10 // at once
	backlogEvery   = 2 * time.Millisecond
)

// A viewer whose connection could not take a picture waits for the next key frame that comes, and asks for one itself only after a while:
// the others pay for it. That doubles as long as it is of no use.
const (
	leastPatience = time.Second
	mostPatience  = 8 * time.Second
)

// reportsWithin is how long a publisher's sender reports are waited for before a viewer's are made of arrival times.
const reportsWithin = 10 * time.Second

// downTrack is one medium on its way to one viewer. It outlives publishers: SSRC and continuity stay. All but source is under
// the viewer's lock.
type downTrack struct {
	kind   media.Kind
	format media.Format // as the viewer takes it
	local  *localTrack
	ssrc   uint32
	source atomic.Pointer[media.Track] // where key frames are asked for
	rouse  func()                      // is called when there is something to forward

	tap      *media.Tap      // nil while nobody publishes
	next     *switchOver     // to another encoding, once its key frame comes; nil: none
	backlog  []*media.Packet // to be sent before what the tap holds
	pacer    <-chan time.Time
	since    time.Time // when the tap was attached
	waiting  bool      // for a key frame: nothing else can be decoded
	dropped  uint64    // by the tap, seen so far
	counted  uint64    // of these, that have been counted
	rewriter media.Rewriter
	thinner  thinner               // of pictures
	from     uint32                // SSRC that the newest packet came from
	known    bool                  // from is set
	out      rtp.Header            // kept so that writing does not allocate
	sent     *retransmissionBuffer // nil: what is lost stays lost
	red      redundancy            // of sound

	askedToRise time.Time // when a key frame was last asked for since higher spatial layers are to be sent

	setBackAt time.Time     // when the connection could last not take a picture
	patience  time.Duration // from then on, before a key frame is asked for

	reported        reference
	packets, octets uint32
	outbound        *media.Outbound
}

// reference is an instant on a track's clock.
type reference struct {
	at      time.Time // zero: unknown
	rtpTime uint32    // as the publisher counts
}

func newDownTrack(kind media.Kind, f media.Format, stream string) (*downTrack, error) {
	codec := f.Capability()
	local, err := newLocalTrack(kind, codec, stream)
	if err != nil {
		return nil, err
	}
	o := &downTrack{kind: kind, format: f, local: local, rewriter: media.NewRewriter(codec.ClockRate), thinner: newThinner(codec.MimeType)}
	if kind == media.KindVideo {
		o.sent = newRetransmissionBuffer()
	}
	return o, nil
}

// takes reports whether the viewer can go on with the track: a picture of another codec needs another offer.
func (o *downTrack) takes(t *media.Track) bool {
	if o.kind == media.KindAudio {
		return true
	}
	_, plays := t.Format().PlaysAs(o.format)
	return plays
}

// ready reports whether what the tap holds can be forwarded.
func (o *downTrack) ready() bool { return o != nil && o.tap != nil && len(o.backlog) == 0 }

// waitsSince reports whether something that is to be sent came before that instant.
func (o *downTrack) waitsSince(instant time.Time) bool {
	waits := func(tap *media.Tap) bool {
		oldest := tap.Oldest()
		return !oldest.IsZero() && oldest.Before(instant)
	}
	return o.tap != nil && waits(o.tap) || o.next != nil && waits(o.next.tap)
}

// due receives when the next of the backlog is to be sent.
func (o *downTrack) due() <-chan time.Time {
	if o == nil || len(o.backlog) == 0 {
		return nil
	}
	return o.pacer
}

// attach goes on with a publisher's track, pictures at its newest key frame, or at the next when that is long ago.
func (o *downTrack) attach(t *media.Track, now time.Time) {
	o.tap, o.backlog = t.Join(viewerQueue, o.rouse)
	o.attached(t, now)
	if n := len(o.backlog); n > 0 {
		o.rewriter.HurryTo(o.backlog[0].RTP.Timestamp, o.backlog[n-1].RTP.Timestamp)
		o.pacer = time.After(0)
	}
}

// begin goes on with a track at its next key frame, which is asked for.
func (o *downTrack) begin(t *media.Track, now time.Time) {
	o.tap = t.JoinNext(viewerQueue, o.rouse)
	o.attached(t, now)
}

func (o *downTrack) attached(t *media.Track, now time.Time) {
	o.since = now
	o.source.Store(t)
	o.dropped, o.counted, o.reported, o.known = 0, 0, reference{}, false
	o.waiting = o.kind == media.KindVideo
	o.rewriter.SwitchSource()
	o.thinner.most = allSpatial
	if t.Format().Codec != nil && t.Format().Codec.Described != nil && !o.local.takesDescriptors() {
		o.thinner.most = 0 // browsers decode more of it with descriptors only
	}
	o.thinner.want(whole)
	o.thinner.cut()
}

func (o *downTrack) detach() {
	o.stay()
	if o.tap != nil {
		o.tap.Close()
		o.tap = nil
		for _, p := range o.backlog {
			p.Release()
		}
		o.backlog = nil
		o.source.Store(nil)
	}
}

// requestKeyFrame passes a wish on to whoever publishes.
func (o *downTrack) requestKeyFrame() {
	if t := o.source.Load(); t != nil {
		t.RequestKeyFrame()
	}
}

// catchUp sends the next of the backlog, and tells how many packets the connection could not take.
func (o *downTrack) catchUp(now time.Time) (failed uint64) {
	n := min(backlogPackets, len(o.backlog))
	for _, p := range o.backlog[:n] {
		if o.send(p, now) {
			failed++
		}
		p.Release()
	}
	o.backlog = o.backlog[n:]
	o.pacer = time.After(backlogEvery)
	return failed
}

// send forwards a packet as of an instant. It tells when that cannot be done.
func (o *downTrack) send(p *media.Packet, at time.Time) (failed bool) {
	if o.silent() {
		o.waiting = true // for a key frame of this one, should it stay
		return false
	}
	if o.kind == media.KindVideo && !o.decodable(p) {
		if !o.patient(at) {
			o.requestKeyFrame()
		}
		return false
	}
	var c changes
	if o.kind == media.KindVideo {
		var sent bool
		if c, sent = o.thinner.take(p); !sent {
			o.rewriter.Drop(&p.RTP.Header)
			return false
		}
	}
	o.out = media.Forwarded(&p.RTP.Header)
	o.out.Marker = o.out.Marker || c.ends
	if !o.rewriter.Rewrite(&o.out, at) {
		return false
	}
	if o.known && o.from != p.RTP.SSRC { // its time stamps have another base
		o.reported, o.since = reference{}, at
	}
	o.from, o.known = p.RTP.SSRC, true
	n, err := o.write(p, c.numbers)
	if err != nil {
		o.waiting = o.kind == media.KindVideo
		return true
	}
	o.sent.keep(p, &o.out, c.numbers)
	o.packets++
	o.octets += uint32(n)
	return false
}

// write sends a packet under the header out, sound with those before it where that is of use, and returns how many bytes the payload had.
func (o *downTrack) write(p *media.Packet, numbers pictureNumbers) (bytes int, err error) {
	if o.kind == media.KindAudio {
		payload, wraps := o.red.wrap(o.local.buf[:0], &o.out, p, o.local.payload())
		if wraps {
			return len(payload), o.local.writeRED(&o.out, payload)
		}
	}
	return len(p.RTP.Payload), o.local.write(&o.out, p, numbers)
}

// setBack notes that the connection could not take what was sent: the rest of a picture is of no use then.
func (o *downTrack) setBack(now time.Time) {
	if o.kind != media.KindVideo {
		return
	}
	if now.Sub(o.setBackAt) > 2*mostPatience {
		o.patience = 0 // it has been well meanwhile
	}
	o.waiting, o.setBackAt = true, now
	o.patience = min(max(2*o.patience, leastPatience), mostPatience)
}

// patient reports whether it is too soon to ask for a key frame.
func (o *downTrack) patient(now time.Time) bool { return now.Sub(o.setBackAt) < o.patience }

// decodable holds pictures back until a key frame begins, and closes the gap that was made by doing so.
func (o *downTrack) decodable(p *media.Packet) bool {
	if p.KeyFrame {
		dropped := o.tap.Dropped()
		if o.waiting || dropped != o.dropped {
			o.rewriter.Cut()
			o.thinner.cut()
		}
		o.waiting, o.dropped = false, dropped
	}
	return !o.waiting
}

// lost tells how many packets the queue has dropped since it was last asked.
func (o *downTrack) lost() uint64 {
	total := o.tap.Dropped()
	n := total - o.counted
	o.counted = total
	return n
}

// report is the sender report for the present instant (RFC 3550 §6.4.1), or nil while there is nothing to tell.
func (o *downTrack) report(now time.Time) *rtcp.SenderReport {
	if o == nil || o.tap == nil || len(o.backlog) > 0 || !o.rewriter.Begun() {
		return nil
	}
	at, rtpTime := o.reported.at, o.reported.rtpTime+o.rewriter.TimeShift()
	if at.IsZero() {
		if now.Sub(o.since) < reportsWithin {
			return nil
		}
		rtpTime, at = o.rewriter.Last()
	}
	return &rtcp.SenderReport{
		SSRC: o.ssrc, NTPTime: media.NTPTime(now), RTPTime: rtpTime + media.Ticks(now.Sub(at), o.rewriter.ClockRate()),
		PacketCount: o.packets, OctetCount: o.octets,
	}
}
