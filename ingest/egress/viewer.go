package egress

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
)

// Viewer sends what somebody publishes over the connection of a session. Packets wait in bounded queues for its turn, so that neither the
// publisher nor another viewer ever waits for it.
type Viewer struct {
	session    *session.Session
	dropped    *atomic.Uint64 // counts packets that the viewer was too slow for
	forwarders *Forwarders
	forwarder  *forwarder
	due        atomic.Bool // it waits for its turn

	mu           sync.Mutex // of what is sent
	video, audio *downTrack // nil when not wanted

	next atomic.Pointer[[]*media.Track] // of the newest publisher
	wake chan struct{}                  // receives when next has changed
	base media.ClockMap                 // of the present publisher's clock

	picture *media.Track      // of the present publisher, whose encodings there are to choose among; nil: there is none
	chooser bandwidth.Chooser // of these
	chosen  bandwidth.Option  // the last; its rate is none while nothing has been chosen
	asked   Ask               // bounds these
	paused  bool              // no pictures are asked for
	unfit   *media.Track      // pictures that it cannot go on with, none of which has come so far; nil: there are none

	losses    losses                // that its client tells of
	corrected level                 // of error correction
	share     *Share                // of the connection
	control   *bandwidth.Controller // of the connection; nil: nothing is known of it
	adapts    chan struct{}         // receives when its estimate, or what is asked for, is to be followed
	held      *time.Timer           // gives the viewer a turn when the pacer lets pictures pass again

	batches Transports
	batch   atomic.Pointer[batch] // to the address in use, if it is known

	onArrival func() // called when it has connected; may be nil
	arrived   bool   // it has; see Viewers.arrived

	stop <-chan struct{} // closed to end it; the session's closing, where it is all that the session does
}

// NewViewer makes a viewer that Run runs until stop is closed, over a connection whose share it is one of. What it is too slow for is counted in
// dropped.
func NewViewer(s *session.Session, share *Share, f *Forwarders, dropped *atomic.Uint64, stop <-chan struct{}) *Viewer {
	return &Viewer{
		session: s, share: share, control: share.control, forwarders: f, dropped: dropped, wake: make(chan struct{}, 1), adapts: make(chan struct{}, 1), stop: stop,
	}
}

// Add makes the session a viewer of the stream, by adding what is sent in the places that its offer has for it. The caller calls run.
func (vs *Viewers) Add(s *session.Session, stream string) (v *Viewer, run func(), err error) {
	return vs.add(s, stream, stream)
}

// AddTransformed is Add for a viewer of what Transformed names.
func (vs *Viewers) AddTransformed(s *session.Session, stream string) (v *Viewer, run func(), err error) {
	return vs.add(s, stream, Transformed(stream))
}

// add makes the session a viewer of what is published as from, in a MediaStream that is called as the stream.
func (vs *Viewers) add(s *session.Session, stream, from string) (v *Viewer, run func(), err error) {
	v = NewViewer(s, NewShare(s.Bandwidth()), vs.forwarders, nil, s.Closing())
	v.batches = vs.batches
	offered := s.Offer()
	for _, f := range []*media.Format{offered.Audio, offered.Video} {
		if f == nil {
			continue
		}
		kind := media.KindAudio
		if f.Codec != nil {
			kind = media.KindVideo
		}
		sender, err := v.Add(kind, *f, stream, s.Send)
		if err != nil {
			return nil, nil, err
		}
		sender.Transport().ICETransport().OnSelectedCandidatePairChange(func(pair *webrtc.ICECandidatePair) {
			defer s.Contain()
			v.pairSelected(pair)
		})
	}
	return v, func() {
		vs.join(v, from)
		defer vs.leave(v, from)
		v.onArrival = func() { vs.arrived(v, stream, from) }
		v.Run()
	}, nil
}

// Add adds a medium to what the connection sends, in a MediaStream of that name. send adds it to the connection.
func (v *Viewer) Add(kind media.Kind, f media.Format, stream string, send func(webrtc.TrackLocal) (*webrtc.RTPSender, error)) (*webrtc.RTPSender, error) {
	out, err := newDownTrack(kind, f, stream)
	if err != nil {
		return nil, err
	}
	sender, err := send(out.local)
	if err != nil {
		return nil, err
	}
	out.ssrc = uint32(sender.GetParameters().Encodings[0].SSRC)
	out.rouse, out.local.control = v.rouse, v.control
	out.outbound = media.NewOutbound(kind, f.Capability().ClockRate, out.ssrc, v.session.Started())
	if kind == media.KindVideo {
		v.video = out
	} else {
		v.audio = out
	}
	v.session.Sends(out.outbound)
	v.session.Go(func() { v.hear(sender, out) })
	return sender, nil
}

// Follow makes the viewer go on with other tracks. It does not block.
func (v *Viewer) Follow(tracks []*media.Track) {
	v.next.Store(&tracks)
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// pairSelected follows ICE to the address that packets go to.
func (v *Viewer) pairSelected(pair *webrtc.ICECandidatePair) {
	var to *batch
	address, err := netip.ParseAddr(pair.Remote.Address)
	batches := v.batches.UDP
	if pair.Remote.Protocol == webrtc.ICEProtocolTCP {
		batches = v.batches.TCP
	}
	if err == nil {
		to = batches.add(netip.AddrPortFrom(address.Unmap(), pair.Remote.Port))
	}
	v.batch.Swap(to).remove()
	v.locked(func() { // what could not be sent for want of a pair can be now
		for _, o := range v.downTracks() {
			o.patience = 0
		}
	})
	select {
	case <-v.session.Closing(): // run may have removed what was there before
		to.remove()
	default:
	}
}

// Run sends from the moment that media can flow until the viewer ends.
func (v *Viewer) Run() {
	defer func() { v.batch.Load().remove() }()
	select {
	case <-v.stop:
		return
	case <-v.session.Connected():
	}
	if v.onArrival != nil {
		v.onArrival()
	}
	v.forwarder = v.forwarders.engage()
	defer v.forwarders.dismiss(v.forwarder)
	defer v.locked(v.finish)
	reports := time.NewTicker(media.ReportInterval)
	defer reports.Stop()
	v.share.join(v)
	defer v.share.leave(v)
	p := &padder{}
	defer p.stop()
	for {
		select {
		case <-v.stop:
			return
		case <-v.wake:
			v.locked(func() { v.attach(*v.next.Load(), time.Now()) })
		case now := <-v.backlog():
			v.locked(func() { v.catchUp(now) })
		case <-v.adapts:
			v.adapt(p, time.Now())
		case now := <-p.due():
			v.pad(p, now)
		case now := <-reports.C:
			v.locked(func() {
				v.report(now)
				v.protect(now)
			})
			v.look(now)
			v.endIfUnfit()
		}
	}
}

func (v *Viewer) locked(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

// backlog receives when the next of what is older than the queue is to be sent.
func (v *Viewer) backlog() <-chan time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.video.due()
}

func (v *Viewer) downTracks() []*downTrack {
	var all []*downTrack
	for _, o := range []*downTrack{v.video, v.audio} {
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// endIfUnfit ends the viewer once there are pictures that it cannot go on with. There may never be any: a stream that is pulled has been agreed
// on with pictures even where it is sound alone.
func (v *Viewer) endIfUnfit() {
	if v.unfit != nil && !v.unfit.LastPacket().IsZero() {
		v.session.Close(session.ErrCodecChanged)
	}
}

// attach goes on with other tracks, or ends the viewer when it has not been negotiated what they are.
func (v *Viewer) attach(tracks []*media.Track, now time.Time) {
	v.detach()
	v.base, v.paused, v.unfit = media.ClockMap{}, false, nil
	v.picture, v.chooser, v.chosen = media.TrackOf(tracks, media.KindVideo), bandwidth.Chooser{}, bandwidth.Option{}
	for _, o := range v.downTracks() {
		t := media.TrackOf(tracks, o.kind)
		if t == nil {
			continue
		}
		if !o.takes(t) {
			v.picture, v.unfit = nil, t
			v.endIfUnfit()
			continue
		}
		if o == v.video && v.leavesOut() {
			v.paused = true // and goes on with what is asked for, if anything
			continue
		}
		o.attach(t, now)
		v.refer(o, t)
		if o == v.video && v.asked != (Ask{}) {
			o.thinner.want(v.askedOf(t))
		}
	}
	if v.asked != (Ask{}) {
		v.estimated()
	}
}

// refer has sender reports begin with the last of a track.
func (v *Viewer) refer(o *downTrack, t *media.Track) {
	if r, at := t.LastReport(); !at.IsZero() {
		o.reported = reference{v.base.Instant(r.NTP, at), r.RTPTime}
	}
}

func (v *Viewer) detach() {
	for _, o := range v.downTracks() {
		o.detach()
	}
}

// Withdraw takes the media that the viewer sends out of those that the session is said to send.
func (v *Viewer) Withdraw() {
	for _, o := range v.downTracks() {
		v.session.SendsNoMore(o.outbound)
	}
}

// finish gives back what is held.
func (v *Viewer) finish() {
	v.detach()
	if v.held != nil {
		v.held.Stop()
	}
	for _, o := range v.downTracks() {
		o.sent.release()
		o.red.set(0)
	}
}

// report tells how the time stamps of both media relate, on a clock that no step of the wall clock moves. CNAME is that of
// the answer (RFC 3550 §6.5.1).
func (v *Viewer) report(now time.Time) {
	now = v.session.Started().Add(now.Sub(v.session.Started()))
	var packets []rtcp.Packet
	for _, o := range v.downTracks() {
		o.outbound.Count(o.packets, o.octets, now)
		if r := o.report(now); r != nil {
			packets = append(packets, r, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
				Source: o.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: o.local.StreamID()}},
			}}})
		}
	}
	if packets != nil {
		_ = v.session.PeerConnection().WriteRTCP(packets) // it fails only when the connection is down
	}
}
