package media

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
)

// SentStats are the counters of one medium on its way to one client.
type SentStats struct {
	Kind            Kind
	Packets         uint64 // RTP packets sent, those that were sent again left out
	Bytes           uint64 // RTP payload
	Bitrate         float64
	Lost            uint64        // packets, as the client tells (RFC 3550 §6.4.1)
	LossRate        float64       // share of the packets lost lately, 0 to 1
	Jitter          time.Duration // at the client
	RTT             time.Duration // by the client's reports; 0 while unknown
	NACKs           uint64        // packets that the client has asked for again
	PLIs            uint64        // key frames that it has asked for
	RED             int           // earlier packets that each one of sound brings once more now (RFC 2198)
	Correction      uint64        // packets of error correction (FlexFEC-03)
	CorrectionLevel int           // how much of that there is now: 0 (none) to 4
	Redundant       uint64        // packets that have brought others once more
}

// ReportInterval is how often a viewer gets sender reports (RFC 3550 §6.2).
const ReportInterval = time.Second

// Outbound counts what is sent, and follows what the client tells of it.
type Outbound struct {
	clockRate uint32
	ssrc      uint32
	began     time.Time // whose clock, going on evenly, is that of the sender reports

	mu              sync.Mutex
	stats           SentStats
	packets, octets uint32 // of the sender report that was counted last
	at              time.Time
}

// NewOutbound makes the counters of the stream with this SSRC. began is an instant on the clock of its sender reports.
func NewOutbound(kind Kind, clockRate, ssrc uint32, began time.Time) *Outbound {
	return &Outbound{clockRate: clockRate, ssrc: ssrc, began: began, stats: SentStats{Kind: kind}}
}

// Count takes the counters of a sender report, which wrap.
func (s *Outbound) Count(packets, octets uint32, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes := octets - s.octets
	s.stats.Packets += uint64(packets - s.packets)
	s.stats.Bytes += uint64(bytes)
	if passed := now.Sub(s.at); !s.at.IsZero() && passed > 0 {
		s.stats.Bitrate = float64(bytes) * 8 / passed.Seconds()
	}
	s.packets, s.octets, s.at = packets, octets, now
}

// CountRedundant takes how many packets have brought others once more (RFC 2198), and how many of these each brings now.
func (s *Outbound) CountRedundant(packets uint64, red int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Redundant, s.stats.RED = packets, red
}

// CountCorrection takes how many packets of error correction have been sent, and how much there is now.
func (s *Outbound) CountCorrection(packets uint64, level int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Correction, s.stats.CorrectionLevel = packets, level
}

// Hear follows what the client tells, and reports whether it wants a key frame (RFC 4585 §6.3.1, RFC 5104 §4.3.1).
func (s *Outbound) Hear(packets []rtcp.Packet, now time.Time) (wantsKeyFrame bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			s.stats.PLIs++
			wantsKeyFrame = true
		case *rtcp.TransportLayerNack:
			for _, pair := range p.Nacks {
				s.stats.NACKs += uint64(len(pair.PacketList()))
			}
		case *rtcp.ReceiverReport:
			s.report(p.Reports, now)
		case *rtcp.SenderReport: // of a client that sends, too
			s.report(p.Reports, now)
		}
	}
	return wantsKeyFrame
}

// report takes what a client tells of its reception.
func (s *Outbound) report(reports []rtcp.ReceptionReport, now time.Time) {
	for _, r := range reports {
		if r.SSRC != s.ssrc {
			continue
		}
		s.stats.Lost = uint64(max(int32(r.TotalLost<<8)>>8, 0)) // 24 bits with a sign: packets that came twice count against it
		s.stats.LossRate = float64(r.FractionLost) / 256
		s.stats.Jitter = time.Duration(float64(r.Jitter) / float64(s.clockRate) * float64(time.Second))
		if r.LastSenderReport != 0 { // the middle 32 bits of its NTP time, in 1/65536 s
			middle := uint32(NTPTime(s.began.Add(now.Sub(s.began))) >> 16)
			if trip := int32(middle - r.LastSenderReport - r.Delay); trip >= 0 {
				s.stats.RTT = time.Duration(trip) * time.Second / 65536
			}
		}
	}
}

// Stats returns the counters.
func (s *Outbound) Stats() SentStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	if time.Since(s.at) > 3*ReportInterval {
		st.Bitrate = 0
	}
	return st
}

// ForwardRequests reads what a client tells of one medium, and passes on its wishes for a key frame.
func ForwardRequests(r Reader, s *Outbound, request func()) {
	ReadRTCP(r, func(packets []rtcp.Packet) {
		if s.Hear(packets, time.Now()) {
			request()
		}
	}, func() {}) // nothing to do about a broken report
}
