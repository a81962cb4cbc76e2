package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/cmd/sluice/internal/whip"
)

const videoTrackID = "video"

// sendPeer is a connection with the tracks that are sent.
type sendPeer struct {
	*peer
	offered      []videoCodec
	codec        videoCodec        // of the video; the one that the answer has chosen after Connect
	video, audio *webrtc.RTPSender // nil when not sent
}

// newSendPeer makes the connection; Close ends it.
func newSendPeer(o Publish, servers []whip.Server) (*sendPeer, error) {
	connection, err := newPeer(sent(o.codecs), servers)
	if err != nil {
		return nil, err
	}
	p := &sendPeer{peer: connection, offered: o.codecs, codec: o.codecs[0]}
	if !o.NoAudio {
		p.audio, err = p.add(webrtc.MimeTypeOpus, "audio")
	}
	if !o.NoVideo && err == nil {
		p.video, err = p.add(p.codec.mimeType, videoTrackID)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// sent leaves each codec the one format that is sent.
func sent(offered []videoCodec) []videoCodec {
	offered = slices.Clone(offered)
	for i := range offered {
		offered[i].formats = offered[i].formats[:1]
	}
	return offered
}

// add adds a track; both are of one MediaStream (RFC 9725 §4.4.2).
func (p *sendPeer) add(mimeType, id string) (*webrtc.RTPSender, error) {
	track, err := newSendTrack(mimeType, id)
	if err != nil {
		return nil, err
	}
	transceiver, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	return transceiver.Sender(), nil
}

func newSendTrack(mimeType, id string) (*webrtc.TrackLocalStaticRTP, error) {
	return webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mimeType}, id, "sluice")
}

// choose makes the video track one of the codec that the answer has chosen: a track has only one.
func (p *sendPeer) choose(answer string) error {
	if p.video == nil {
		return nil
	}
	chosen, ok := answeredVideo(answer, p.offered)
	if !ok {
		return fmt.Errorf("the server's answer takes no video of %s", codecNames(p.offered))
	}
	track, err := newSendTrack(chosen.mimeType, videoTrackID)
	if err != nil {
		return err
	}
	p.codec = chosen
	return p.video.ReplaceTrack(track)
}

// senders returns those of the tracks that are sent.
func (p *sendPeer) senders() []*webrtc.RTPSender {
	return slices.DeleteFunc([]*webrtc.RTPSender{p.video, p.audio}, func(s *webrtc.RTPSender) bool { return s == nil })
}

// rtpSender returns what puts frames on a track.
func (p *sendPeer) rtpSender(sender *webrtc.RTPSender, payload rtp.Payloader, clock int64, counts *counter) *rtpSender {
	ssrc := uint32(sender.GetParameters().Encodings[0].SSRC)
	report := func(r *rtcp.SenderReport) error {
		r.SSRC = ssrc
		return p.pc.WriteRTCP([]rtcp.Packet{r, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: ssrc,
			Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "sluice"}},
		}}}})
	}
	return newRTPSender(sender.Track().(*webrtc.TrackLocalStaticRTP), payload, clock, report, counts)
}

// Connect takes the answer and waits until media can be sent.
func (p *sendPeer) Connect(ctx context.Context, answer string) error {
	if err := p.choose(answer); err != nil {
		return fmt.Errorf("take the answer: %w", err)
	}
	return p.accept(ctx, answer)
}

// readReports reads what the receiver says of one track until the connection
// is closed; the interceptors work on it as it passes.
func (p *sendPeer) readReports(sender *webrtc.RTPSender, counts *counters) error {
	track := &counts.video
	if sender == p.audio {
		track = &counts.audio
	}
	for {
		packets, _, err := sender.ReadRTCP()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read reports: %w", err)
		}
		for _, packet := range packets {
			switch packet := packet.(type) {
			case *rtcp.ReceiverReport:
				for _, report := range packet.Reports {
					track.received.Store(report.LastSequenceNumber)
				}
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				counts.keyRequests.Add(1)
			}
		}
	}
}
