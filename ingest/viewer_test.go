package ingest

import (
	"net/http"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
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
		studio.mark = []byte{byte(round)}
		studio.keepSending()
		if viewer == nil {
			viewer = newSpectator(t, f, "cam", peerOptions{})
			viewer.waitConnected()
		}
		for own := 0; own < 60; {
			p := rtptest.Wait(t, viewer.packets["video"], "video")
			of := p.Payload[len(p.Payload)-1]
			if own == 0 && of == studio.mark[0] {
				require.True(t, vp8.KeyFrameStarts(p.Payload), "the first picture must be one that needs no other")
			}
			if own > 0 || round > 0 {
				require.Equal(t, sequence+1, p.SequenceNumber)
				require.Less(t, p.Timestamp-timeStamp, uint32(1<<31), "time goes on")
				require.Equal(t, ssrc, p.SSRC)
			}
			sequence, timeStamp, ssrc = p.SequenceNumber, p.Timestamp, p.SSRC
			if of == studio.mark[0] {
				own++
			} else {
				require.Zero(t, own, "nothing of the one before comes any more")
			}
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
	require.Equal(t, egress.Count{}, f.server.Viewers().Count("cam"))
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
