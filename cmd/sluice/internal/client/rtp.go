package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/depay/ogg"
)

// rtpPayload is the longest RTP payload, in bytes, that fits everywhere.
const rtpPayload = 1188

// opusFrame is the length of every Opus packet that ffmpeg is told to make,
// in samples.
const opusFrame = 960

// pace maps media time to the clock, audio's and video's alike. Without an
// origin the first frame of either sets it.
type pace struct {
	origin time.Time // when time 0 is due
	once   sync.Once
}

// paceLead is how long after the first frame the sending begins.
const paceLead = 100 * time.Millisecond

// wait returns when the frame at pts is due.
func (p *pace) wait(ctx context.Context, pts time.Duration) error {
	p.once.Do(func() {
		if p.origin.IsZero() {
			p.origin = time.Now().Add(paceLead - pts)
		}
	})
	timer := time.NewTimer(time.Until(p.origin.Add(pts)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reportInterval is how often a sender reports (RFC 3550 §6.2).
const reportInterval = time.Second

// rtpSender puts the frames of one track into RTP packets, and reports how
// their time stamps relate to the clock. Reports tell when frames are due,
// not when they leave, so that a late one does not move sound against picture.
type rtpSender struct {
	track    *webrtc.TrackLocalStaticRTP
	payload  rtp.Payloader
	clock    int64 // ticks per second
	report   func(*rtcp.SenderReport) error
	counts   *counter
	sequence rtp.Sequencer
	offset   uint32 // random start of the time stamps (RFC 3550 §5.1)

	packets, octets uint32
	reported        time.Time
}

// newRTPSender makes the sender of a track; report sends a report whose SSRC
// it fills in.
func newRTPSender(track *webrtc.TrackLocalStaticRTP, payload rtp.Payloader, clock int64, report func(*rtcp.SenderReport) error, counts *counter) *rtpSender {
	return &rtpSender{track: track, payload: payload, clock: clock, report: report, counts: counts,
		sequence: rtp.NewRandomSequencer(), offset: rand.Uint32()}
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
		s.packets++
		s.counts.sent.Store(uint32(packet.SequenceNumber) | anySent)
		s.octets += uint32(len(part))
	}
	s.counts.add(len(frame))
	return nil
}

// reportDue sends a sender report with the first frame and then one each
// reportInterval; origin is the time of tick 0.
func (s *rtpSender) reportDue(origin, now time.Time) error {
	if now.Sub(s.reported) < reportInterval {
		return nil
	}
	s.reported = now
	elapsed := now.Sub(origin)
	return s.report(&rtcp.SenderReport{
		NTPTime:     ntpTime(origin.Add(elapsed)),
		RTPTime:     s.offset + uint32(int64(elapsed)/1000*s.clock/1e6),
		PacketCount: s.packets,
		OctetCount:  s.octets,
	})
}

// ntpTime is t in seconds since 1900 and 2^-32 of them (RFC 3550 §4).
func ntpTime(t time.Time) uint64 {
	const from1900to1970 = 2208988800
	return uint64(t.Unix()+from1900to1970)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// sendVideo sends pictures until they end.
func sendVideo(ctx context.Context, in pictureReader, p *pace, s *rtpSender) error {
	for {
		ticks, picture, err := in.Next()
		if err != nil {
			return endOfMedia(err)
		}
		if err := p.wait(ctx, time.Duration(ticks)*time.Second/videoClock); err != nil {
			return err
		}
		if err := errors.Join(s.send(ticks, picture, true), s.reportDue(p.origin, time.Now())); err != nil {
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
		if err := errors.Join(s.send(start, packet, false), s.reportDue(p.origin, time.Now())); err != nil {
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

// audioPayloader sends an Opus packet as it is (RFC 7587 §4.2).
func audioPayloader() rtp.Payloader { return &codecs.OpusPayloader{} }
