package ingest

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/vp8"
)

// spectator is a peer that watches.
type spectator struct {
	*peer
	packets map[string]chan *rtp.Packet
	reports chan *rtcp.SenderReport
	ssrcs   chan webrtc.SSRC // of the video
}

func newSpectator(t testing.TB, f *fixture, stream string, o peerOptions) *spectator {
	t.Helper()
	o.direction = webrtc.RTPTransceiverDirectionRecvonly
	s := &spectator{
		peer:    newPeer(t, o),
		packets: map[string]chan *rtp.Packet{"video": make(chan *rtp.Packet, 4096), "audio": make(chan *rtp.Packet, 4096)},
		reports: make(chan *rtcp.SenderReport, 64), ssrcs: make(chan webrtc.SSRC, 1),
	}
	s.pc.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		go s.readReports(receiver)
		if remote.Kind() == webrtc.RTPCodecTypeVideo {
			s.ssrcs <- remote.SSRC()
		}
		for {
			p, _, err := remote.ReadRTP()
			if err != nil {
				return
			}
			select {
			case s.packets[remote.Kind().String()] <- p:
			default:
			}
		}
	})
	s.publish(f, "/whep/"+stream)
	return s
}

func (s *spectator) readReports(receiver *webrtc.RTPReceiver) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if r, ok := p.(*rtcp.SenderReport); ok {
				select {
				case s.reports <- r:
				default:
				}
			}
		}
	}
}

// A viewer begins with a key frame, gets every packet in order, and goes on with the next publisher on the same SSRC.
func TestViewerOutlivesPublishers(t *testing.T) {
	f := newFixture(t, Options{})
	sequence, timeStamp, ssrc := uint16(0), uint32(0), uint32(0)
	var viewer *spectator
	for round := range 2 {
		studio := newPeer(t, peerOptions{})
		studio.publish(f, "/whip/cam")
		studio.waitConnected()
		studio.keepSending()
		if viewer == nil {
			viewer = newSpectator(t, f, "cam", peerOptions{})
			viewer.waitConnected()
		}
		for i := range 60 {
			p := rtptest.Wait(t, viewer.packets["video"], "video")
			key := vp8.KeyFrameStarts(p.Payload)
			if i == 0 {
				require.True(t, key, "the first picture must be one that needs no other")
			}
			if i > 0 || round > 0 {
				require.Equal(t, sequence+1, p.SequenceNumber)
				require.Less(t, p.Timestamp-timeStamp, uint32(1<<31), "time goes on")
				require.Equal(t, ssrc, p.SSRC)
			}
			sequence, timeStamp, ssrc = p.SequenceNumber, p.Timestamp, p.SSRC
		}
		require.Equal(t, rtptest.OpusPacket(0).Payload, rtptest.Wait(t, viewer.packets["audio"], "audio").Payload)
		require.Equal(t, 1, f.server.Viewers().Count("cam").Viewers)
		require.Equal(t, http.StatusOK, f.do("DELETE", studio.location, "").StatusCode)
		for len(viewer.packets["video"]) > 0 { // what was under way
			p := <-viewer.packets["video"]
			sequence, timeStamp = p.SequenceNumber, p.Timestamp
		}
	}
	require.Equal(t, http.StatusOK, f.do("DELETE", viewer.location, "").StatusCode)
	require.Equal(t, Count{}, f.server.Viewers().Count("cam"))
	f.requireNothingLeft()
}

// RFC 4585 §6.3.1: a viewer's wish for a key frame reaches the publisher.
func TestViewerKeyFrameRequests(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{})
	asked := make(chan struct{}, 64)
	studio.onRTCP = func(p rtcp.Packet) {
		if _, ok := p.(*rtcp.PictureLossIndication); ok {
			asked <- struct{}{}
		}
	}
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	studio.keepSending()
	viewer := newSpectator(t, f, "cam", peerOptions{})
	ssrc := rtptest.Wait(t, viewer.ssrcs, "video")
	require.Empty(t, asked, "the newest key frame is recent enough to begin with")
	require.NoError(t, viewer.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}))
	rtptest.Wait(t, asked, "the viewer's request")
}

// RFC 4585 §6.2.1, RFC 4588: what a viewer has lost is sent again, to it alone.
func TestViewerRetransmission(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	studio.keepSending()
	viewer, other := newSpectator(t, f, "cam", peerOptions{}), newSpectator(t, f, "cam", peerOptions{})
	viewer.waitConnected()
	other.waitConnected()
	lost := rtptest.Wait(t, viewer.packets["video"], "video")
	require.NoError(t, viewer.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{
		MediaSSRC: lost.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{lost.SequenceNumber}),
	}}))
	for again := (*rtp.Packet)(nil); again == nil || again.SequenceNumber != lost.SequenceNumber; {
		again = rtptest.Wait(t, viewer.packets["video"], "the packet once more")
	}
	previous := rtptest.Wait(t, other.packets["video"], "video")
	for range 20 {
		p := rtptest.Wait(t, other.packets["video"], "video")
		require.Equal(t, previous.SequenceNumber+1, p.SequenceNumber)
		previous = p
	}
}

// RFC 9725 §4.3.3 as in WHEP: media goes on after an ICE restart.
func TestViewerRestart(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	studio.keepSending()
	viewer := newSpectator(t, f, "cam", peerOptions{})
	viewer.waitConnected()
	rtptest.Wait(t, viewer.packets["video"], "video")
	resp := f.patch(viewer.location, "a=ice-ufrag:NEWU\r\na=ice-pwd:0123456789012345678901\r\n", "*")
	require.Equal(t, 200, resp.StatusCode, text(t, resp))
	require.NotEqual(t, viewer.etag, resp.Header.Get("ETag"))
	require.Equal(t, 412, f.patch(viewer.location, "a=end-of-candidates\r\n", viewer.etag).StatusCode)
	require.Equal(t, 204, f.patch(viewer.location, "a=end-of-candidates\r\n", resp.Header.Get("ETag")).StatusCode)
}

// Over TCP, and from a publisher without pictures.
func TestViewerOverTCP(t *testing.T) {
	f := newFixture(t, Options{TCPListen: "127.0.0.1:0"})
	studio := newPeer(t, peerOptions{audioOnly: true})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	studio.keepSending()
	viewer := newSpectator(t, f, "cam", peerOptions{networks: []webrtc.NetworkType{webrtc.NetworkTypeTCP4}})
	viewer.waitConnected()
	rtptest.Wait(t, viewer.packets["audio"], "audio")
}

// RFC 3550 §6.4.1: both tracks' reports tell what the publisher's do, on one clock.
func TestViewerReports(t *testing.T) {
	out := map[media.Kind]*outgoing{}
	arrived := time.Now()
	clock := media.ClockMap{}
	for kind, codec := range map[media.Kind]media.Format{media.KindVideo: formatFor(webrtc.MimeTypeVP8), media.KindAudio: opusFormat()} {
		o, err := newOutgoing(kind, codec, "cam")
		require.NoError(t, err)
		require.Nil(t, o.report(arrived), "nothing to tell yet")
		track := testTrack(kind)
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
	o, err := newOutgoing(media.KindVideo, formatFor(webrtc.MimeTypeVP8), "cam")
	require.NoError(t, err)
	track := testTrack(media.KindVideo)
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
	pushTo(track, 1, false)
	require.Empty(t, take(), "not decodable")
	pushTo(track, 2, true)
	pushTo(track, 3, false)
	first := take()
	require.Len(t, first, 2)
	for seq := range uint16(viewerQueue + 10) {
		pushTo(track, 4+seq, false)
	}
	require.Empty(t, take())
	require.Equal(t, uint64(viewerQueue+10), o.lost())
	require.Zero(t, o.lost())
	pushTo(track, 1000, true)
	require.Equal(t, []uint16{first[1] + 1}, take())
	o.detach()
}

// Whose connection cannot take what is sent asks for key frames less and less, until it can.
func TestSetBack(t *testing.T) {
	o, err := newOutgoing(media.KindVideo, formatFor(webrtc.MimeTypeVP8), "cam")
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

	sound, err := newOutgoing(media.KindAudio, opusFormat(), "cam")
	require.NoError(t, err)
	sound.setBack(now)
	require.False(t, sound.waiting)
}

// A viewer whose queue holds much lets the others have their turns too.
func TestTurnEnds(t *testing.T) {
	o, w := sentTo(t, 0)
	f := &forwarder{wake: make(chan struct{}, 1)}
	v := &viewer{session: &session{}, dropped: new(atomic.Uint64), video: o, forwarder: f}
	o.rouse = v.rouse
	track := testTrack(media.KindVideo)
	o.attach(track, time.Now())
	for seq := range uint16(turnPackets + 10) {
		pushTo(track, seq, seq == 0)
	}
	require.Equal(t, []*viewer{v}, f.due)
	f.due = nil
	v.turn()
	require.Len(t, w.packets, turnPackets)
	require.Equal(t, []*viewer{v}, f.due, "there is more")
	v.turn()
	require.Len(t, w.packets, turnPackets+10)
	v.locked(v.finish)
}
