package client

import (
	"context"
	"errors"
	"sync"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/depay"
)

// playPeer is a connection with the tracks that are played.
type playPeer struct {
	*peer
	sink playSink

	mu      sync.Mutex
	closed  bool
	reading sync.WaitGroup
	video   webrtc.SSRC // 0 before the first picture
}

// playSink takes what comes; its methods are called from several goroutines. begin is the first: it tells the codec of the
// video, 0 when there is none.
type playSink interface {
	begin(video depay.Codec) error
	packet(kind depay.Kind, p *rtp.Packet)
	report(kind depay.Kind, r *rtcp.SenderReport)
}

// newPlayPeer makes the connection; Close ends it.
func newPlayPeer(sink playSink) (*playPeer, error) {
	connection, err := newPeer(videoCodecs(), nil)
	if err != nil {
		return nil, err
	}
	p := &playPeer{peer: connection, sink: sink}
	p.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) { p.read(track, receiver) })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		_, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			return nil, errors.Join(err, p.pc.Close())
		}
	}
	return p, nil
}

// Connect takes the answer and waits until media can come.
func (p *playPeer) Connect(ctx context.Context, answer string) error {
	video, _ := answeredVideo(answer, videoCodecs())
	if err := p.sink.begin(video.frames); err != nil {
		return err
	}
	return p.accept(ctx, answer)
}

// read hands over one track until the connection is closed.
func (p *playPeer) read(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	kind := depay.Audio
	if track.Kind() == webrtc.RTPCodecTypeVideo {
		kind, p.video = depay.Video, track.SSRC()
	}
	p.reading.Go(func() {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			p.sink.packet(kind, packet)
		}
	})
	p.reading.Go(func() {
		for {
			packets, _, err := receiver.ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if r, ok := packet.(*rtcp.SenderReport); ok && r.SSRC == uint32(track.SSRC()) {
					p.sink.report(kind, r)
				}
			}
		}
	})
}

// requestKeyFrame asks for a picture that needs no other one.
func (p *playPeer) requestKeyFrame() {
	p.mu.Lock()
	ssrc := p.video
	p.mu.Unlock()
	_ = p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}) // fails only when the connection is down
}

// Close ends the connection; nothing comes any more when it returns.
func (p *playPeer) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.pc.GracefulClose()
	p.reading.Wait()
	return err
}
