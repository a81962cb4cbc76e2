package egress

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// A backlog that takes long is sent piece by piece, and given back when the viewer goes before its end.
func TestBacklog(t *testing.T) {
	track := mediatest.Track(media.KindVideo)
	now := time.Now()
	var p *media.Packet
	for seq := range uint16(3 * backlogPackets) {
		p = track.NewPacket()
		p.Arrival, p.RTP = now, *rtptest.VP8Packet(seq, seq == 0)
		track.Push(p)
		p.Release()
	}
	o, err := newDownTrack(media.KindVideo, mediatest.Format(webrtc.MimeTypeVP8), "cam")
	require.NoError(t, err)
	o.rouse = func() {}
	o.attach(track, now)
	require.False(t, o.ready(), "what is older goes first")
	rtptest.Wait(t, o.due(), "the first turn")
	require.Zero(t, o.catchUp(now))
	require.Equal(t, uint32(backlogPackets), o.packets)
	require.Equal(t, int(2), p.References(), "held by the track and the viewer")
	require.Nil(t, o.report(now), "time does not go as it does yet")
	o.detach()
	require.Equal(t, int(1), p.References())
	track.End()
	require.Zero(t, p.References())

	later, backlog := track.Join(1, func() {})
	require.Nil(t, backlog)
	require.True(t, later.Ended())
}

// Who joins a recording long after its key frame begins at once, and is not behind: the past seems short, and the present is what it is.
func TestBacklogOfRecording(t *testing.T) {
	track := media.NewRecordedTrack(media.KindVideo, mediatest.Format(webrtc.MimeTypeVP8), media.NewPacketPool())
	const pictures = 200
	now := time.Now()
	began := now.Add(-8 * time.Second)
	for n := range uint16(pictures) {
		p := track.NewPacket()
		p.Arrival, p.RTP = began.Add(time.Duration(n)*40*time.Millisecond), *rtptest.VP8Packet(n, n == 0)
		p.RTP.Timestamp = uint32(n) * 3600
		track.Push(p)
		p.Release()
	}
	o, err := newDownTrack(media.KindVideo, mediatest.Format(webrtc.MimeTypeVP8), "cam")
	require.NoError(t, err)
	o.rouse = func() {}
	o.attach(track, now)
	require.Len(t, o.backlog, pictures)
	o.catchUp(now)
	first, _ := o.rewriter.Last()
	for len(o.backlog) > 0 {
		o.catchUp(now)
	}
	last, _ := o.rewriter.Last()
	require.EqualValues(t, pictures, o.packets)
	require.Less(t, last-first, uint32(7200))
	mediatest.Push(track, pictures, false)
	p, ok := o.tap.Next()
	require.True(t, ok, "it goes on with the present")
	p.Release()
	o.detach()
}

// RFC 3550 §6.4.1: both tracks' reports tell what the publisher's do, on one clock.
func TestViewerReports(t *testing.T) {
	out := map[media.Kind]*downTrack{}
	arrived := time.Now()
	clock := media.ClockMap{}
	for kind, codec := range map[media.Kind]media.Format{media.KindVideo: mediatest.Format(webrtc.MimeTypeVP8), media.KindAudio: mediatest.Opus()} {
		o, err := newDownTrack(kind, codec, "cam")
		require.NoError(t, err)
		require.Nil(t, o.report(arrived), "nothing to tell yet")
		track := mediatest.Track(kind)
		o.rouse = func() {}
		o.attach(track, arrived)
		h := rtp.Header{Timestamp: 1000}
		require.True(t, o.rewriter.Rewrite(&h, arrived))
		require.Nil(t, o.report(arrived), "the publisher has not reported")
		require.NotNil(t, o.report(arrived.Add(reportsWithin)), "and never does")
		o.waiting = false
		out[kind] = o
	}
	// At 5 s of the publisher's clock the tracks were at 1000; the reports come at different times and instants.
	const second = 1 << 32
	out[media.KindVideo].reported = reference{clock.Instant(5*second, arrived), 1000}
	out[media.KindAudio].reported = reference{clock.Instant(7*second, arrived.Add(2300*time.Millisecond)), 1000 + 2*48000}
	now := arrived.Add(4 * time.Second)
	for kind, rate := range map[media.Kind]uint32{media.KindVideo: 90000, media.KindAudio: 48000} {
		o := out[kind]
		r := o.report(now)
		require.Equal(t, media.NTPTime(now), r.NTPTime)
		require.InDelta(t, 4*rate, r.RTPTime-(1000+o.rewriter.TimeShift()), 1, "4 s after that instant on either clock")
		o.detach()
		require.Nil(t, o.report(now))
	}
}

// A queue that overflows is gone on with at a key frame, and the viewer sees no gap.
func TestViewerFallsBehind(t *testing.T) {
	o, err := newDownTrack(media.KindVideo, mediatest.Format(webrtc.MimeTypeVP8), "cam")
	require.NoError(t, err)
	track := mediatest.Track(media.KindVideo)
	o.rouse = func() {}
	o.attach(track, time.Now())
	take := func() (sent []uint16) {
		for p, ok := o.tap.Next(); ok; p, ok = o.tap.Next() {
			o.out.SequenceNumber = 0
			before := o.packets
			require.False(t, o.send(p, p.Arrival))
			if o.packets > before {
				sent = append(sent, o.out.SequenceNumber)
			}
			p.Release()
		}
		return sent
	}
	mediatest.Push(track, 1, false)
	require.Empty(t, take(), "not decodable")
	mediatest.Push(track, 2, true)
	mediatest.Push(track, 3, false)
	first := take()
	require.Len(t, first, 2)
	for seq := range uint16(viewerQueue + 10) {
		mediatest.Push(track, 4+seq, false)
	}
	require.Empty(t, take())
	require.Equal(t, uint64(viewerQueue+10), o.lost())
	require.Zero(t, o.lost())
	mediatest.Push(track, 1000, true)
	require.Equal(t, []uint16{first[1] + 1}, take())
	o.detach()
}

// Whose connection cannot take what is sent asks for key frames less and less, until it can.
func TestSetBack(t *testing.T) {
	o, err := newDownTrack(media.KindVideo, mediatest.Format(webrtc.MimeTypeVP8), "cam")
	require.NoError(t, err)
	now := time.Now()
	require.False(t, o.patient(now))
	for _, patience := range []time.Duration{1, 2, 4, 8, 8} {
		o.setBack(now)
		require.True(t, o.waiting)
		require.True(t, o.patient(now.Add(patience*time.Second-1)))
		now = now.Add(patience * time.Second)
		require.False(t, o.patient(now))
	}
	now = now.Add(2 * mostPatience)
	o.setBack(now)
	require.False(t, o.patient(now.Add(leastPatience)), "it has been well meanwhile")

	sound, err := newDownTrack(media.KindAudio, mediatest.Opus(), "cam")
	require.NoError(t, err)
	sound.setBack(now)
	require.False(t, sound.waiting)
}

// A viewer whose queue holds much lets the others have their turns too.
func TestTurnEnds(t *testing.T) {
	o, w := sentTo(t, 0)
	f := &forwarder{wake: make(chan struct{}, 1)}
	v := &Viewer{session: &session.Session{}, dropped: new(atomic.Uint64), video: o, forwarder: f}
	o.rouse = v.rouse
	track := mediatest.Track(media.KindVideo)
	o.attach(track, time.Now())
	for seq := range uint16(turnPackets + 10) {
		mediatest.Push(track, seq, seq == 0)
	}
	require.Equal(t, []*Viewer{v}, f.due)
	f.due = nil
	v.turn()
	require.Len(t, w.packets, turnPackets)
	require.Equal(t, []*Viewer{v}, f.due, "there is more")
	v.turn()
	require.Len(t, w.packets, turnPackets+10)
	v.locked(v.finish)
}
