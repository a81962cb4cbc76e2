package ingest

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/sluice-live/sluice/ingest/media"
)

// Why a stream that comes from a room ends, besides what ends its participant.
var (
	ErrOffAir    = errors.New("it was taken off the air")
	errRoomEmpty = errors.New("the room is empty")
)

// air is a participant of a room as a stream: a publisher whose media is a copy of what somebody in the room sends.
type air struct {
	session      *session
	publisher    *Publisher
	follows      bool         // whoever speaks
	from         *participant // under the room's lock
	clock        *sourceClock // of from
	video, audio *relay
}

// relay makes one track of several, one after the other: what a stream's audience gets goes on while its source is another.
type relay struct {
	*media.Track
	ssrc uint32

	mu       sync.Mutex // of what follows; Deliver and change take it, never for long
	source   *media.Track
	rewriter media.Rewriter
	waiting  bool         // for a key frame: nothing else can be decoded
	clock    *sourceClock // the same of sound and picture
}

// sourceClock relates the wall clock of a participant to ours, for both of its media alike: so they stay together.
type sourceClock struct {
	mu   sync.Mutex
	base media.ClockMap
}

func (c *sourceClock) instant(ntp uint64, arrival time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base.Instant(ntp, arrival)
}

func newRelay(kind media.Kind, pool *media.PacketPool) *relay {
	t := media.NewTrack(kind, roomFormat(kind), pool)
	r := &relay{Track: t, ssrc: rand.Uint32(), rewriter: media.NewRewriter(t.ClockRate())}
	t.Bind(r.ssrc, r.ask)
	return r
}

// ask passes a wish for a key frame on.
func (r *relay) ask() {
	r.mu.Lock()
	source := r.source
	r.mu.Unlock()
	if source != nil {
		source.RequestKeyFrame()
	}
}

// change goes on with another source and its clock, or with none (nil). It must not be called by Deliver.
func (r *relay) change(source *media.Track, clock *sourceClock) {
	r.mu.Lock()
	old := r.source
	r.mu.Unlock()
	if old == source {
		return
	}
	if old != nil {
		old.Unsubscribe(r)
	}
	r.mu.Lock()
	r.source, r.clock = source, clock
	r.rewriter.SwitchSource()
	r.waiting = r.Kind() == media.KindVideo
	r.mu.Unlock()
	if source != nil {
		source.Subscribe(r) // and asks for a key frame
	}
}

// Deliver implements Subscriber.
func (r *relay) Deliver(p *media.Packet) {
	if p.Report != nil {
		if report, known := r.reported(p); known {
			r.PushReport(report)
		}
		return
	}
	out, ok := r.copied(p)
	if ok {
		r.Push(out)
		out.Release()
	}
}

// End implements Subscriber.
func (r *relay) End() {}

// reported tells of the source's clock in ours, and of its time stamps in those of the relay.
func (r *relay) reported(p *media.Packet) (media.SenderReport, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clock == nil {
		return media.SenderReport{}, false
	}
	return media.SenderReport{NTP: media.NTPTime(r.clock.instant(p.Report.NTP, p.Arrival)), RTPTime: p.Report.RTPTime + r.rewriter.TimeShift()}, r.rewriter.Begun()
}

// copied is a packet as the relay sends it.
func (r *relay) copied(p *media.Packet) (*media.Packet, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = r.waiting && !p.KeyFrame
	header := rtp.Header{Version: 2, Marker: p.RTP.Marker, SequenceNumber: p.RTP.SequenceNumber, Timestamp: p.RTP.Timestamp, SSRC: r.ssrc}
	if r.waiting || !r.rewriter.Rewrite(&header, p.Arrival) {
		return nil, false
	}
	out := r.NewPacket()
	out.Fill(header, p.Arrival, p.RTP.Payload)
	return out, true
}

// follow goes on with a participant's tracks as they are now. The caller holds the room's lock.
func (a *air) follow(p *participant) {
	if a.from != p || a.clock == nil {
		a.from, a.clock = p, &sourceClock{}
	}
	a.video.change(media.TrackOf(p.tracks, media.KindVideo), a.clock)
	a.audio.change(media.TrackOf(p.tracks, media.KindAudio), a.clock)
}

// StartOutput makes a stream of what a participant of a room sends, or whoever speaks if that is "". The room's stream before it ends, unless
// it has the same name: then that goes on. The error is a sentence for whoever has asked, and a status of HTTP.
func (rs *Rooms) StartOutput(name, whom, stream string, c *http.Request) (status int, err error) {
	r := rs.room(name)
	if r == nil {
		return noRoom().status, noRoom()
	}
	if done, refused := r.onAirAs(stream, whom); refused != nil {
		return refused.status, refused
	} else if done {
		return 0, nil
	}
	at := NewReservation(c, KindOutput, stream)
	if refused := rs.config.Sessions.Reserve(at); refused != nil {
		return refused.status, refused
	}
	a := rs.newAir(at, whom)
	rs.config.Sessions.Start(a.session)
	if refused := r.begin(a, whom); refused != nil {
		a.session.close(refused)
		<-a.session.Done()
		return refused.status, refused
	}
	return 0, nil
}

func (rs *Rooms) newAir(at *Reservation, whom string) *air {
	a := &air{
		session: newDetached(at, 0), follows: whom == "", video: newRelay(media.KindVideo, rs.config.Packets), audio: newRelay(media.KindAudio, rs.config.Packets),
	}
	a.session.Adopt(a.audio.Track)
	a.session.Adopt(a.video.Track)
	a.publisher = NewPublisher(a.session)
	return a
}

func noRoom() *problem {
	return refuse(http.StatusNotFound, "There is no such room: somebody has to be in it.")
}

// onAirAs changes who is on air, and reports whether that is all: the room has that stream already.
func (r *room) onAirAs(stream, whom string) (done bool, refused *problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, refused := r.source(whom)
	if refused != nil || r.air == nil || r.air.publisher.Stream() != stream || r.air.session.endReason() != nil {
		return false, refused
	}
	r.air.follows = whom == ""
	r.air.follow(from)
	return true, nil
}

// source finds whom to put on air. The caller holds mu.
func (r *room) source(whom string) (*participant, *problem) {
	from := r.called(whom)
	if whom == "" {
		from = r.voice()
	}
	switch {
	case r.mode != ModeSFU:
		return nil, refuse(http.StatusConflict, "The media of this room does not go through the server: nobody of it can be put on air.")
	case len(r.here) == 0:
		return nil, noRoom()
	case from == nil:
		return nil, refuse(http.StatusNotFound, "There is nobody called %q in this room.", whom)
	}
	return from, nil
}

// begin puts a stream on air.
func (r *room) begin(a *air, whom string) *problem {
	if err := r.rooms.config.OnPublish(a.publisher); err != nil {
		return refusalOf(Unready(err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	from, refused := r.source(whom)
	if refused != nil {
		return refused
	}
	r.endAir(ErrOffAir)
	r.air = a
	a.session.Connect()
	a.follow(from)
	r.rooms.config.Sessions.Publish(a.publisher)
	r.rooms.config.Logger.Info("a room is on air", "room", r.name, "stream", a.publisher.Stream(), "session", a.session.ID(), "speaker", a.follows)
	return nil
}

// voice is who is on air where that is whoever speaks. The caller holds mu.
func (r *room) voice() *participant {
	switch {
	case r.speaker != nil:
		return r.speaker
	case r.air != nil && r.air.from.session.endReason() == nil:
		return r.air.from // until somebody speaks
	case len(r.here) > 0:
		return r.here[0]
	}
	return nil
}

// followAir keeps what is on air with its source. The caller holds mu.
func (r *room) followAir() {
	a := r.air
	if a == nil {
		return
	}
	select {
	case <-a.session.Closing(): // somebody has taken the stream over, or ended it
		r.endAir(a.session.endReason())
		return
	default:
	}
	from := a.from
	if p := r.voice(); p != nil && a.follows {
		from = p
	}
	a.follow(from)
}

// endAir takes the room off the air. The caller holds mu.
func (r *room) endAir(reason error) {
	if a := r.air; a != nil {
		a.video.change(nil, nil)
		a.audio.change(nil, nil)
		a.session.close(reason)
		r.air = nil
	}
}

// StopOutput ends the stream of a room, and reports whether it had one.
func (rs *Rooms) StopOutput(name string) bool {
	r := rs.room(name)
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	on := r.air != nil
	r.endAir(ErrOffAir)
	return on
}
