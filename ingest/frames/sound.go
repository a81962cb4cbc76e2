package frames

import (
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/media"
)

const (
	soundPackets = 64                     // that wait, of 20 ms as a rule
	findAgain    = 500 * time.Millisecond // while the other stream has no sound
	soundOff     = time.Second            // further apart from the clock its time begins anew
	opusSecond   = 48_000                 // of time stamps (RFC 7587 §4.1)
)

// sound passes on the audio of another stream for as long as that has some, and again when it is back. In between there is nothing.
type sound struct {
	stream *stream
	of     string    // the other stream
	begun  time.Time // of the stream's own time
	out    media.Packetizer

	// Of the audio that is passed on now.
	anchored  bool
	timeStamp uint32        // of its newest packet
	at        time.Duration // when that plays
}

// addSound gives the stream, which is about to begin, a track for the audio of another one.
func (s *stream) addSound() {
	track := media.NewRecordedTrack(media.KindAudio, media.Format{}, s.frames.config.Packets)
	s.session.Adopt(track)
	s.sound = &sound{stream: s, of: s.soundOf, out: media.NewPacketizer(track)}
}

// run follows the other stream until the session ends.
func (o *sound) run() {
	again := time.NewTicker(findAgain)
	defer again.Stop()
	for {
		if track := o.find(); track != nil {
			o.follow(track)
		}
		select {
		case <-o.stream.session.Closing():
			return
		case <-again.C:
		}
	}
}

// find returns the audio of who publishes the other stream now, nil where there is none.
func (o *sound) find() *media.Track {
	p, ok := o.stream.frames.config.Sessions.Publisher(o.of)
	if !ok {
		return nil
	}
	if track := p.Track(media.KindAudio); track != nil && strings.EqualFold(track.MimeType(), webrtc.MimeTypeOpus) {
		return track
	}
	return nil
}

// follow passes a track on until it, or the session, ends.
func (o *sound) follow(track *media.Track) {
	tap := track.Tap(soundPackets)
	defer tap.Close()
	o.anchored = false
	for {
		select {
		case <-o.stream.session.Closing():
			return
		case <-tap.Ready():
		}
		for p, ok := tap.Next(); ok; p, ok = tap.Next() {
			o.pass(p)
			p.Release()
		}
		if tap.Ended() {
			return
		}
	}
}

// pass puts a packet on the stream's own time, beginning with when it came. What comes late is left out: it is rare, and less
// than what a player conceals.
func (o *sound) pass(p *media.Packet) {
	if p.Report != nil {
		if o.anchored {
			o.out.Report(p.Arrival.Add(-o.at), o.at) // its clock is not ours
		}
		return
	}
	now := p.Arrival.Sub(o.begun)
	next := o.at + time.Duration(int32(p.RTP.Timestamp-o.timeStamp))*time.Second/opusSecond
	switch {
	case !o.anchored || (next-now).Abs() > soundOff:
		next = max(now, o.at+time.Millisecond)
	case next <= o.at:
		return
	}
	first := !o.anchored
	o.anchored, o.timeStamp, o.at = true, p.RTP.Timestamp, next
	if first {
		o.out.Report(o.begun, o.at)
	}
	o.out.Send(p.RTP.Marker, o.at, p.Arrival, p.RTP.Payload)
}
