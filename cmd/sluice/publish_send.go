package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
)

// rtpPayload is the longest RTP payload, in bytes, that fits everywhere.
const rtpPayload = 1188

// opusFrame is the length of every Opus packet that ffmpeg is told to make,
// in samples.
const opusFrame = 960

// pace maps media time to the clock: one origin for audio and video, set by
// whichever comes first, a little ahead so that neither is late.
type pace struct {
	once   sync.Once
	origin time.Time
}

// paceLead is how far ahead of its sending a frame is expected to be ready.
const paceLead = 100 * time.Millisecond

// wait returns when the frame at pts is due.
func (p *pace) wait(ctx context.Context, pts time.Duration) error {
	p.once.Do(func() { p.origin = time.Now().Add(paceLead - pts) })
	timer := time.NewTimer(time.Until(p.origin.Add(pts)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rtpSender puts frames into RTP packets on one track.
type rtpSender struct {
	track    *webrtc.TrackLocalStaticRTP
	payload  rtp.Payloader
	sequence rtp.Sequencer
	offset   uint32 // random start of the time stamps (RFC 3550 §5.1)
	counts   *counter
}

func newRTPSender(track *webrtc.TrackLocalStaticRTP, payload rtp.Payloader, counts *counter) *rtpSender {
	return &rtpSender{track, payload, rtp.NewRandomSequencer(), rand.Uint32(), counts}
}

// send sends one frame; ticks is its time in the track's clock.
func (s *rtpSender) send(ticks int64, frame []byte, marker bool) error {
	parts := s.payload.Payload(rtpPayload, frame)
	for i, part := range parts {
		packet := &rtp.Packet{Payload: part, Header: rtp.Header{
			Version:        2,
			SequenceNumber: s.sequence.NextSequenceNumber(),
			Timestamp:      s.offset + uint32(ticks),
			Marker:         marker && i == len(parts)-1,
		}}
		if err := s.track.WriteRTP(packet); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	s.counts.add(len(frame))
	return nil
}

// sendVideo sends the frames of an IVF stream until it ends.
func sendVideo(ctx context.Context, r io.Reader, p *pace, s *rtpSender) error {
	in, err := ivf.NewReader(r)
	if err != nil {
		return endOfMedia(err)
	}
	unit := int64(in.Header.Scale) * int64(time.Second)
	for {
		n, frame, err := in.Next()
		if err != nil {
			return endOfMedia(err)
		}
		pts := time.Duration(n * unit / int64(in.Header.Rate))
		if err := p.wait(ctx, pts); err != nil {
			return err
		}
		if err := s.send(n*int64(in.Header.Scale)*videoClock/int64(in.Header.Rate), frame, true); err != nil {
			return err
		}
	}
}

// sendAudio sends the packets of an Ogg Opus stream until it ends. What the
// encoder put before the sound (pre-skip, RFC 7845 §4.2) lies before time 0.
func sendAudio(ctx context.Context, r io.Reader, p *pace, s *rtpSender) error {
	in, err := ogg.NewReader(r)
	if err != nil {
		return endOfMedia(err)
	}
	start := -int64(in.PreSkip)
	for {
		granule, packet, err := in.Next()
		if err != nil {
			return endOfMedia(err)
		}
		if granule >= 0 {
			// The granule of the last packet may be cut short: never go back.
			start = max(start, granule-opusFrame-int64(in.PreSkip))
		}
		if err := p.wait(ctx, time.Duration(start)*time.Second/audioClock); err != nil {
			return err
		}
		if err := s.send(start, packet, false); err != nil {
			return err
		}
		start += opusFrame
	}
}

// endOfMedia makes the regular end no error. An end inside a frame is the
// end of ffmpeg, which says itself why.
func endOfMedia(err error) error {
	if isEOF(err) {
		return nil
	}
	return err
}

// videoPayloader fragments VP8 frames (RFC 7741 §4.2).
func videoPayloader() rtp.Payloader { return &codecs.VP8Payloader{EnablePictureID: true} }

// audioPayloader sends an Opus packet as it is (RFC 7587 §4.2).
func audioPayloader() rtp.Payloader { return &codecs.OpusPayloader{} }
