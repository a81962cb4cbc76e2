package transformed

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
)

// Format is what viewers get pictures in.
func Format() *media.Format {
	return &media.Format{Codec: offer.VideoCodecOf(webrtc.MimeTypeVP8)}
}

// Output takes the pictures that are made of one publisher's. It may be used by one goroutine, but for Report and Drop.
type Output struct {
	track     *media.Track
	counters  *counters
	ssrc      uint32
	sequence  uint16
	payloader rtp.Payloader

	made, left atomic.Uint64 // pictures, and those that there was no time for
}

// counters are those of all streams together.
type counters struct{ pictures, dropped, restarts, refused atomic.Uint64 }

func newOutput(f media.Format, packets *media.PacketPool, c *counters) *Output {
	o := &Output{
		track: media.NewTrack(media.KindVideo, f, packets), counters: c, ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()),
		payloader: &codecs.VP8Payloader{EnablePictureID: true},
	}
	if f.Codec.MimeType == webrtc.MimeTypeH264 {
		o.payloader = &codecs.H264Payloader{}
	}
	return o
}

// Send passes a frame on, of VP8, or of H.264 in Annex B, with the RTP time stamp of what it was made of.
func (o *Output) Send(timestamp uint32, frame []byte) {
	now := time.Now()
	parts := o.payloader.Payload(media.MaxPayload, frame)
	for i, part := range parts {
		o.sequence++
		p := o.track.NewPacket()
		p.Fill(rtp.Header{Version: 2, SSRC: o.ssrc, SequenceNumber: o.sequence, Timestamp: timestamp, Marker: i == len(parts)-1}, now, part)
		o.track.Push(p)
		p.Release()
	}
	o.made.Add(1)
	o.counters.pictures.Add(1)
}

// Report passes a sender report of the publisher's video on.
func (o *Output) Report(r media.SenderReport) { o.track.PushReport(r) }

// Drop counts a picture that there was no time for.
func (o *Output) Drop() {
	o.left.Add(1)
	o.counters.dropped.Add(1)
}
