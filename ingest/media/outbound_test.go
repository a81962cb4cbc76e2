package media

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// What is sent is counted from sender reports, whose counters wrap, and what a client tells of it is kept.
func TestSending(t *testing.T) {
	now := time.Now()
	s := NewOutbound(KindVideo, VideoClockRate, 5, now)
	s.Count(1<<32-10, 1<<32-1000, now)
	s.Count(10, 24000, now.Add(time.Second))
	st := s.Stats()
	require.Equal(t, uint64(1<<32+10), st.Packets)
	require.Equal(t, uint64(1<<32+24000), st.Bytes)
	require.InDelta(t, 25000*8, st.Bitrate, 1)

	sent := uint32(NTPTime(s.began) >> 16)
	report := rtcp.ReceptionReport{SSRC: 5, FractionLost: 64, TotalLost: 7, Jitter: 900, LastSenderReport: sent, Delay: 65536 / 2}
	require.True(t, s.Hear([]rtcp.Packet{
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{report}},
		&rtcp.TransportLayerNack{Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 3}}},
		&rtcp.PictureLossIndication{},
	}, s.began.Add(600*time.Millisecond)))
	st = s.Stats()
	require.Equal(t, uint64(7), st.Lost)
	require.InDelta(t, 0.25, st.LossRate, 0.001)
	require.Equal(t, 10*time.Millisecond, st.Jitter)
	require.InDelta(t, 100, st.RTT.Milliseconds(), 1)
	require.Equal(t, [2]uint64{3, 1}, [2]uint64{st.NACKs, st.PLIs})
	report.Delay, report.TotalLost = 65536, 1<<24-3
	require.False(t, s.Hear([]rtcp.Packet{&rtcp.SenderReport{Reports: []rtcp.ReceptionReport{report}}}, s.began.Add(600*time.Millisecond)))
	require.InDelta(t, 100, s.Stats().RTT.Milliseconds(), 1, "an impossible trip is none")
	require.Zero(t, s.Stats().Lost, "less than nothing was lost: packets came twice")
	report.SSRC, report.TotalLost = 6, 9
	s.Hear([]rtcp.Packet{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{report}}}, now)
	require.Zero(t, s.Stats().Lost, "of another medium")
}

// FuzzReports feeds arbitrary bytes as the RTCP of a client that watches. Whatever it claims, what is told of it stays in range.
func FuzzReports(f *testing.F) {
	report := rtcp.ReceptionReport{SSRC: 7, FractionLost: 255, TotalLost: 1<<24 - 1, Jitter: 1<<32 - 1, LastSenderReport: 1, Delay: 1<<32 - 1}
	for _, p := range []rtcp.Packet{
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{report}}, &rtcp.SenderReport{Reports: []rtcp.ReceptionReport{report}},
		&rtcp.TransportLayerNack{MediaSSRC: 7, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 0xffff}}},
		&rtcp.PictureLossIndication{MediaSSRC: 7}, &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 7}}},
	} {
		f.Add(rtptest.Marshal(f, p))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = raw[:min(len(raw), MaxPacket)]
		began := time.Now()
		o := NewOutbound(KindVideo, 90000, 7, began)
		asked := uint64(0)
		ForwardRequests(&rtptest.Script{raw, raw}, o, func() { asked++ })
		st := o.Stats()
		require.LessOrEqual(t, asked, st.PLIs)
		require.LessOrEqual(t, st.Lost, uint64(1<<23))
		require.True(t, st.LossRate >= 0 && st.LossRate < 1, st.LossRate)
		require.True(t, st.Jitter >= 0 && st.RTT >= 0, "%v %v", st.Jitter, st.RTT)
		require.LessOrEqual(t, st.NACKs, uint64(17*2*MaxPacket/4))
	})
}
