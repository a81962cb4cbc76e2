package ingest

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// What goes in comes back: same payload, same order, same time stamps, and it makes no stream.
func TestEcho(t *testing.T) {
	f := newFixture(t, Options{})
	client := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionSendrecv})
	back := map[string]chan *rtp.Packet{"video": make(chan *rtp.Packet, 64), "audio": make(chan *rtp.Packet, 64)}
	client.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := remote.ReadRTP()
			if err != nil {
				return
			}
			select {
			case back[remote.Kind().String()] <- p:
			default:
			}
		}
	})
	client.publish(f, "/echo")
	require.Empty(t, f.server.Sessions().Publishers())
	client.waitConnected()
	client.keepSending()
	for kind, packets := range back {
		first := rtptest.Wait(t, packets, kind)
		if kind == "video" {
			require.Equal(t, rtptest.VP8Packet(first.SequenceNumber, first.SequenceNumber%50 == 0).Payload, first.Payload)
			require.Equal(t, uint32(first.SequenceNumber)*3000, first.Timestamp)
			require.True(t, first.Marker)
		} else {
			require.Equal(t, rtptest.OpusPacket(0).Payload, first.Payload)
		}
		second := rtptest.Wait(t, packets, kind)
		require.Greater(t, second.SequenceNumber, first.SequenceNumber)
	}
	require.Equal(t, 200, f.do("DELETE", client.location, "").StatusCode)
	f.requireNothingLeft()
}

// RFC 4585 §6.3.1: the receiver's wish for a key frame reaches the sender.
func TestEchoForwardsKeyFrameRequests(t *testing.T) {
	f := newFixture(t, Options{})
	client := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionSendrecv})
	asked := make(chan struct{}, 8)
	client.onRTCP = func(p rtcp.Packet) {
		if _, ok := p.(*rtcp.PictureLossIndication); ok {
			asked <- struct{}{}
		}
	}
	incoming := make(chan webrtc.SSRC, 2)
	client.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if remote.Kind() == webrtc.RTPCodecTypeVideo {
			incoming <- remote.SSRC()
		}
	})
	client.publish(f, "/echo")
	client.waitConnected()
	client.keepSending()
	ssrc := rtptest.Wait(t, incoming, "the echo")
	require.NoError(t, client.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}))
	rtptest.Wait(t, asked, "a key-frame request")
	require.NotZero(t, f.server.Sessions().Infos()[0].PLIs)
}

// RFC 5104 §4.3.1: the full intra request counts as well; broken feedback does not stop it.
func TestForwardRequests(t *testing.T) {
	for _, request := range []rtcp.Packet{&rtcp.PictureLossIndication{}, &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 1}}}} {
		track := mediatest.Track(media.KindVideo)
		sent := 0
		require.True(t, track.Bind(func() { sent++ }))
		media.ForwardRequests(&rtptest.Script{[]byte("junk"), rtptest.Marshal(t, &rtcp.ReceiverReport{}), rtptest.Marshal(t, request)}, media.NewOutbound(media.KindVideo, track.ClockRate(), 1, time.Now()), track.RequestKeyFrame)
		require.Equal(t, 1, sent)
	}
}

// The echo leaves out what is about the way here: header extensions and reports.
func TestEchoLeavesOut(t *testing.T) {
	local, err := webrtc.NewTrackLocalStaticRTP(mediatest.Format(webrtc.MimeTypeVP8).Capability(), "video", "echo")
	require.NoError(t, err)
	e := &echoTrack{local: local, sent: media.NewOutbound(media.KindVideo, media.VideoClockRate, 1, time.Now())}
	var p media.Packet
	p.RTP = *rtptest.VP8Packet(1, true)
	require.NoError(t, p.RTP.SetExtension(1, []byte{1}))
	e.Deliver(&p)
	require.Empty(t, e.out.Extensions)
	require.Equal(t, p.RTP.Payload, e.out.Payload)
	require.Len(t, p.RTP.Extensions, 1, "others still see them")
	p.Report = &media.SenderReport{}
	e.out = rtp.Packet{}
	e.Deliver(&p)
	require.Empty(t, e.out.Payload)
	e.End()
}
