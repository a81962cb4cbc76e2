package room

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// Why a stream that comes from a room ends, besides what ends its participant.
var (
	ErrOutputStopped = errors.New("it was taken off the air")
	ErrRoomEmpty     = errors.New("the room is empty")
)

// output is a participant of a room as a stream: a publisher whose media is a copy of what somebody in the room sends.
type output struct {
	session        *session.Session
	publisher      *session.Publisher
	followsSpeaker bool         // whoever speaks
	from           *participant // under the room's lock
	clock          *sourceClock // of from
	video, audio   *switcher
}

// switcher makes one track of several, one after the other: what the viewers of a stream get goes on while its source is another.
type switcher struct {
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

func newSwitcher(kind media.Kind, pool *media.PacketPool) *switcher {
	t := media.NewTrack(kind, roomFormat(kind), pool)
	r := &switcher{Track: t, ssrc: rand.Uint32(), rewriter: media.NewRewriter(t.ClockRate())}
	t.Bind(r.ask)
	return r
}

// ask passes a wish for a key frame on.
func (r *switcher) ask() {
	r.mu.Lock()
	source := r.source
	r.mu.Unlock()
	if source != nil {
		source.RequestKeyFrame()
	}
}

// switchTo goes on with another source and its clock, or with none (nil). It must not be called by Deliver.
func (r *switcher) switchTo(source *media.Track, clock *sourceClock) {
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
func (r *switcher) Deliver(p *media.Packet) {
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
func (r *switcher) End() {}

// reported tells of the source's clock in ours, and of its time stamps in those of the switcher.
func (r *switcher) reported(p *media.Packet) (media.SenderReport, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clock == nil {
		return media.SenderReport{}, false
	}
	return media.SenderReport{NTP: media.NTPTime(r.clock.instant(p.Report.NTP, p.Arrival)), RTPTime: p.Report.RTPTime + r.rewriter.TimeShift()}, r.rewriter.Begun()
}

// copied is a packet as the switcher sends it.
func (r *switcher) copied(p *media.Packet) (*media.Packet, bool) {
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

// switchTo goes on with a participant's tracks as they are now. The caller holds the room's lock.
func (a *output) switchTo(p *participant) {
	if a.from != p || a.clock == nil {
		a.from, a.clock = p, &sourceClock{}
	}
	a.video.switchTo(media.TrackOf(p.tracks, media.KindVideo), a.clock)
	a.audio.switchTo(media.TrackOf(p.tracks, media.KindAudio), a.clock)
}

// StartOutput makes a stream of what a participant of a room sends, or whoever speaks if that is "". The room's stream before it ends, unless
// it has the same name: then that goes on. The error is a sentence for whoever has asked, and a status of HTTP.
func (rs *Rooms) StartOutput(name, whom, stream string, c *http.Request) (status int, err error) {
	r := rs.room(name)
	if r == nil {
		return noRoom().Status, noRoom()
	}
	if done, refused := r.redirectOutput(stream, whom); refused != nil {
		return refused.Status, refused
	} else if done {
		return 0, nil
	}
	at := session.NewReservation(c, session.KindOutput, stream)
	if refused := rs.config.Sessions.Reserve(at); refused != nil {
		return refused.Status, refused
	}
	a := rs.newOutput(at, whom)
	rs.config.Sessions.Start(a.session)
	if refused := r.startOutput(a, whom); refused != nil {
		a.session.Close(refused)
		<-a.session.Done()
		return refused.Status, refused
	}
	return 0, nil
}

func (rs *Rooms) newOutput(at *session.Reservation, whom string) *output {
	a := &output{
		session: session.NewDetached(at, 0), followsSpeaker: whom == "", video: newSwitcher(media.KindVideo, rs.config.Packets), audio: newSwitcher(media.KindAudio, rs.config.Packets),
	}
	a.session.Adopt(a.audio.Track)
	a.session.Adopt(a.video.Track)
	a.publisher = session.NewPublisher(a.session)
	return a
}

func noRoom() *refusal.Refusal {
	return refusal.New(http.StatusNotFound, "There is no such room: somebody has to be in it.")
}

// redirectOutput changes whom the output is of, and reports whether that is all: the room has that stream already.
func (r *room) redirectOutput(stream, whom string) (done bool, refused *refusal.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, refused := r.source(whom)
	if refused != nil || r.output == nil || r.output.publisher.Stream() != stream || r.output.session.Err() != nil {
		return false, refused
	}
	r.output.followsSpeaker = whom == ""
	r.output.switchTo(from)
	return true, nil
}

// source finds whom the output is to be of. The caller holds mu.
func (r *room) source(whom string) (*participant, *refusal.Refusal) {
	from := r.called(whom)
	if whom == "" {
		from = r.activeSpeaker()
	}
	switch {
	case r.mode != ModeSFU:
		return nil, refusal.New(http.StatusConflict, "The media of this room does not go through the server: nobody of it can be put on air.")
	case len(r.here) == 0:
		return nil, noRoom()
	case from == nil:
		return nil, refusal.New(http.StatusNotFound, "There is nobody called %q in this room.", whom)
	}
	return from, nil
}

// startOutput begins the output.
func (r *room) startOutput(a *output, whom string) *refusal.Refusal {
	if err := r.rooms.config.OnPublish(a.publisher); err != nil {
		return session.Refuse(session.Unready(err))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	from, refused := r.source(whom)
	if refused != nil {
		return refused
	}
	r.endOutput(ErrOutputStopped)
	r.output = a
	a.session.Connect()
	a.switchTo(from)
	r.rooms.config.Sessions.Announce(a.publisher)
	r.rooms.config.Logger.Info("a room is on air", "room", r.name, "stream", a.publisher.Stream(), "session", a.session.ID(), "speaker", a.followsSpeaker)
	return nil
}

// activeSpeaker is whom an output is of that follows speech. The caller holds mu.
func (r *room) activeSpeaker() *participant {
	switch {
	case r.speaker != nil:
		return r.speaker
	case r.output != nil && r.output.from.session.Err() == nil:
		return r.output.from // until somebody speaks
	case len(r.here) > 0:
		return r.here[0]
	}
	return nil
}

// updateOutput keeps the output with its source. The caller holds mu.
func (r *room) updateOutput() {
	a := r.output
	if a == nil {
		return
	}
	select {
	case <-a.session.Closing(): // somebody has taken the stream over, or ended it
		r.endOutput(a.session.Err())
		return
	default:
	}
	from := a.from
	if p := r.activeSpeaker(); p != nil && a.followsSpeaker {
		from = p
	}
	a.switchTo(from)
}

// endOutput ends the output. The caller holds mu.
func (r *room) endOutput(reason error) {
	if a := r.output; a != nil {
		a.video.switchTo(nil, nil)
		a.audio.switchTo(nil, nil)
		a.session.Close(reason)
		r.output = nil
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
	on := r.output != nil
	r.endOutput(ErrOutputStopped)
	return on
}
