package media

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
)

// MaxPayload is the longest RTP payload in bytes that is made here of frames: what WebRTC's viewers can be sent everywhere.
const MaxPayload = 1188

// Packetizer puts payloads into RTP packets of a track, under one SSRC. It may be used by one goroutine.
type Packetizer struct {
	*Track
	sequence uint16
	ssrc     uint32
	offset   uint32
}

// NewPacketizer begins at random numbers (RFC 3550 §5.1). The track may be set later, before the first packet.
func NewPacketizer(t *Track) Packetizer {
	return Packetizer{Track: t, sequence: uint16(rand.Uint32()), ssrc: rand.Uint32(), offset: rand.Uint32()}
}

// Send delivers a packet of what is shown at a time, whose payload is all the parts together.
func (z *Packetizer) Send(marker bool, at time.Duration, now time.Time, parts ...[]byte) {
	z.sequence++
	p := z.NewPacket()
	header := rtp.Header{Version: 2, SSRC: z.ssrc, SequenceNumber: z.sequence, Timestamp: z.timeStamp(at), Marker: marker}
	p.Fill(header, now, parts...)
	z.Push(p)
	p.Release()
}

// Report relates the time stamps to the wall clock: what is shown at a time, counted from begun.
func (z *Packetizer) Report(begun time.Time, at time.Duration) {
	z.PushReport(SenderReport{NTP: NTPTime(begun.Add(at)), RTPTime: z.timeStamp(at)})
}

func (z *Packetizer) timeStamp(at time.Duration) uint32 {
	return z.offset + uint32(int64(at/time.Microsecond)*int64(z.ClockRate())/1e6)
}
