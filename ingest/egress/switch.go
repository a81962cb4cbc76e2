package egress

import (
	"time"

	"github.com/sluice-live/sluice/ingest/media"
)

// switchOver is an encoding that a picture goes on with at its next key frame.
type switchOver struct {
	track     *media.Track
	tap       *media.Tap
	extent    extent // that is to be sent of it
	meanwhile meanwhile
}

// meanwhile is what is sent of the present encoding until the key frame of the next one comes.
type meanwhile uint8

const (
	sendsAll     meanwhile = iota
	sendsBase              // it is too much
	sendsNothing           // its base is too: a full network has pictures to show, and the less is added to them the sooner the key frame comes
)

// goOn has the picture go on with a track, and of that with the layers up to some, as soon as a key frame of it comes, which is asked for: those
// who wait for the same share it. Lower layers of the present track need none.
func (o *downTrack) goOn(with *media.Track, e extent, sends meanwhile) {
	if with == o.source.Load() {
		o.stay()
		o.thinner.want(e)
		return
	}
	if o.next == nil || o.next.track != with {
		o.stay()
		o.next = &switchOver{track: with, tap: with.JoinNext(viewerQueue, o.rouse)}
	}
	o.next.extent, o.next.meanwhile = e, max(o.next.meanwhile, sends)
	if sends != sendsAll {
		o.thinner.want(extent{allSpatial, 0})
	}
}

// riseWithin is how long a key frame may be under way that higher spatial layers are sent from on.
const riseWithin = 2 * time.Second

// rise asks for a key frame when one more spatial layer is to be sent than is, of those that flow.
func (o *downTrack) rise(flow int, now time.Time) {
	if o.thinner.rises() && int(o.thinner.limit.spatial)+1 < flow && now.Sub(o.askedToRise) > riseWithin {
		o.askedToRise = now
		o.requestKeyFrame()
	}
}

// goesDown reports whether the network does not carry the present encoding, and another is waited for; and silent, whether nothing of it is sent.
func (o *downTrack) goesDown() bool { return o.next != nil && o.next.meanwhile != sendsAll }
func (o *downTrack) silent() bool   { return o.next != nil && o.next.meanwhile == sendsNothing }

// stay gives up what goOn has begun.
func (o *downTrack) stay() {
	if o.next != nil {
		o.next.tap.Close()
		o.next = nil
	}
}

// switches goes over to the next encoding if its key frame has come, and returns that. The caller releases it.
func (o *downTrack) switches() (first *media.Packet, switched bool) {
	if o.next == nil {
		return nil, false
	}
	for p, ok := o.next.tap.Next(); ok; p, ok = o.next.tap.Next() {
		if p.Report == nil && p.KeyFrame {
			o.tap.Close()
			o.tap = o.next.tap
			o.source.Store(o.next.track)
			o.thinner.want(o.next.extent)
			o.thinner.cut()
			o.next = nil
			o.dropped = o.tap.Dropped()
			o.counted, o.waiting, o.from, o.known = o.dropped, false, p.RTP.SSRC, true
			o.rewriter.SwitchEncoding(p.RTP.SSRC)
			return p, true
		}
		p.Release() // a report: time goes on as the present encoding tells
	}
	return nil, false
}
