package ingest

import (
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// film sends a picture of the peer's codec every 10 ms until the test ends, every 50th a key frame, the number of the picture, which
// begins anew after 250, in each packet's last byte.
func (p *peer) film(mimeType string) {
	sequence := uint16(0)
	atPace(p, func(number int) {
		payloads := picture(mimeType, number%50 == 0)
		for i, payload := range payloads {
			header := rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: uint32(number) * 900, Marker: i == len(payloads)-1}
			_ = p.video.WriteRTP(&rtp.Packet{Header: header, Payload: append(payload, byte(number%250))})
			sequence++
		}
	})
}

// requirePictures checks that so many pictures come whole and in order, beginning with the first packet of a key frame.
func requirePictures(t *testing.T, packets <-chan *rtp.Packet, mimeType string, pictures int) {
	t.Helper()
	starts := offer.VideoCodecOf(mimeType).KeyFrameStarts
	var previous *rtp.Packet
	for range pictures {
		p := rtptest.Wait(t, packets, "video")
		number := p.Payload[len(p.Payload)-1]
		if previous == nil {
			require.Zero(t, number%50, "it begins with a key frame")
			require.True(t, starts(p.Payload))
		}
		for i, payload := range picture(mimeType, number%50 == 0) {
			if i > 0 {
				p = rtptest.Wait(t, packets, "video")
			}
			require.Equal(t, append(payload, number), p.Payload)
			require.True(t, previous == nil || p.SequenceNumber == previous.SequenceNumber+1, "nothing is missing")
			require.True(t, i == 0 || p.Timestamp == previous.Timestamp)
			previous = p
		}
		require.True(t, previous.Marker)
	}
}

// Each codec's way from the publisher to the track and to viewers, who have it passed on as it came; and the way of their wishes
// back. One of them has no other codec, the other has all of them.
func TestCodecs(t *testing.T) {
	for _, mimeType := range codecsOfVideo() {
		t.Run(mimeType, func(t *testing.T) {
			f := newFixture(t, Options{})
			studio := newPeer(t, peerOptions{codec: mimeType})
			asked := make(chan struct{}, 64)
			studio.onRTCP = func(p rtcp.Packet) {
				if _, ok := p.(*rtcp.PictureLossIndication); ok {
					asked <- struct{}{}
				}
			}
			studio.publish(f, "/whip/cam")
			studio.waitConnected()
			studio.film(mimeType)
			p, _ := f.server.Sessions().Publisher("cam")
			track := p.Track(media.KindVideo)
			require.Equal(t, mimeType, track.MimeType())
			require.Equal(t, mediatest.Format(mimeType).Parameters, track.FormatParameters())
			takeFrom(t, track.Tap(64), 10)

			first := newSpectator(t, f, "cam", peerOptions{})
			second := newSpectator(t, f, "cam", peerOptions{codec: mimeType})
			requirePictures(t, first.packets["video"], mimeType, 60)
			requirePictures(t, second.packets["video"], mimeType, 60)
			ssrc := rtptest.Wait(t, second.ssrcs, "video")
			require.NoError(t, second.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}))
			rtptest.Wait(t, asked, "a viewer's request")
			require.NotZero(t, track.Stats().KeyFrames)
			require.Zero(t, track.Stats().Malformed)
		})
	}
}

// RFC 4585 §6.2.1: what has been lost on the way here is asked for again, whatever the codec.
func TestCodecsRetransmission(t *testing.T) {
	for _, mimeType := range codecsOfVideo() {
		t.Run(mimeType, func(t *testing.T) {
			f := newFixture(t, Options{})
			studio := newPeer(t, peerOptions{codec: mimeType})
			asked, told := make(chan uint16, 256), make(chan struct{}, 256)
			studio.onRTCP = func(p rtcp.Packet) {
				switch p := p.(type) {
				case *rtcp.TransportLayerNack:
					asked <- p.Nacks[0].PacketID
				case *rtcp.TransportLayerCC:
					told <- struct{}{}
				}
			}
			studio.publish(f, "/whip/cam")
			studio.waitConnected()
			payload := picture(mimeType, true)[0]
			send := func(sequence uint16) {
				header := rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: uint32(sequence) * 3000}
				require.NoError(t, studio.video.WriteRTP(&rtp.Packet{Header: header, Payload: payload}))
			}
			p, _ := f.server.Sessions().Publisher("cam")
			tap := p.Track(media.KindVideo).Tap(64)
			for _, sequence := range []uint16{10, 11, 13, 14} {
				send(sequence)
			}
			takeFrom(t, tap, 4)
			require.Equal(t, uint16(12), rtptest.Wait(t, asked, "a NACK"))
			rtptest.Wait(t, told, "transport-wide feedback")
			send(12)
			takeFrom(t, tap, 1)
		})
	}
}

// The echo gives back pictures of every codec.
func TestEchoOfCodecs(t *testing.T) {
	for _, mimeType := range codecsOfVideo() {
		t.Run(mimeType, func(t *testing.T) {
			f := newFixture(t, Options{})
			client := newPeer(t, peerOptions{codec: mimeType, direction: webrtc.RTPTransceiverDirectionSendrecv})
			back := make(chan *rtp.Packet, 64)
			client.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				for {
					p, _, err := remote.ReadRTP()
					if err != nil {
						return
					}
					select {
					case back <- p:
					default:
					}
				}
			})
			client.publish(f, "/echo")
			client.waitConnected()
			client.film(mimeType)
			p := rtptest.Wait(t, back, "the echo")
			number := p.Payload[len(p.Payload)-1]
			require.Contains(t, picture(mimeType, number%50 == 0), p.Payload[:len(p.Payload)-1])
		})
	}
}

// A viewer cannot go on with another codec: it is ended with the reason, and gets the new codec when it comes back. One with a
// codec that stays goes on.
func TestCodecChanges(t *testing.T) {
	f := newFixture(t, Options{})
	studio := func(mimeType string) {
		p := newPeer(t, peerOptions{codec: mimeType})
		p.publish(f, "/whip/cam")
		p.waitConnected()
		p.film(mimeType)
	}
	studio(webrtc.MimeTypeVP8)
	early := newSpectator(t, f, "cam", peerOptions{})
	rtptest.Wait(t, early.packets["video"], "video")
	listener := newSpectator(t, f, "cam", peerOptions{audioOnly: true})
	listener.waitConnected()
	sess := f.server.sessions.Session(early.location)

	studio(webrtc.MimeTypeH264)
	rtptest.Wait(t, sess.Done(), "the end of who watches VP8")
	require.ErrorIs(t, sess.Err(), session.ErrCodecChanged)
	f.requireProblem(f.do("PATCH", early.location, ""), 404, "no such session") // by which clients know to make a new one
	later := newSpectator(t, f, "cam", peerOptions{})
	requirePictures(t, later.packets["video"], webrtc.MimeTypeH264, 10)
	sess = f.server.sessions.Session(later.location)

	studio(webrtc.MimeTypeH264)
	for p := rtptest.Wait(t, later.packets["video"], "video"); p.Payload[len(p.Payload)-1] != 3; { // of the new one: the old one is past it
		p = rtptest.Wait(t, later.packets["video"], "video")
	}
	require.NoError(t, sess.Err())
	require.NoError(t, f.server.sessions.Session(listener.location).Err(), "who only listens goes on")
}
