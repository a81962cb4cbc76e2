package media

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// sender sends the packets of one source of a track.
type sender struct {
	*Source
	next  uint16
	asked int
}

func (s *sender) send(now time.Time, key bool) {
	p := s.track.pool.Get()
	defer p.Release()
	p.Arrival, p.RTP = now, *rtptest.VP8Packet(s.next, key)
	p.RTP.SSRC = s.ssrc
	s.next++
	s.Push(p)
}

func newSender(t *Track, ssrc uint32, first uint16) *sender {
	s := &sender{next: first}
	s.Source = t.AddSource(ssrc, func() { s.asked++ })
	return s
}

// Of the sources of a track the newest is taken at its key frame, and an earlier one once nothing comes of the newest.
func TestSources(t *testing.T) {
	track := testTrack(KindVideo)
	tap := track.Tap(64)
	defer tap.Close()
	taken := func() (sources []uint32) {
		for p, ok := tap.Next(); ok; p, ok = tap.Next() {
			if p.Report != nil {
				sources = append(sources, p.Report.RTPTime)
			} else {
				sources = append(sources, p.RTP.SSRC)
			}
			p.Release()
		}
		return sources
	}
	now := time.Unix(100, 0)
	first := newSender(track, 1, 100)
	first.send(now, false) // whoever comes first is taken at once
	first.send(now, true)
	second := newSender(track, 2, 60000)
	second.Report(SenderReport{RTPTime: 222})
	second.send(now, false)
	first.send(now, false)
	require.Equal(t, []uint32{1, 1, 1}, taken())
	require.Equal(t, 1, second.asked, "the newest is asked for a key frame to go on at")
	second.send(now, true)
	first.send(now, true)
	first.Report(SenderReport{RTPTime: 111})
	second.send(now, false)
	require.Equal(t, []uint32{2, 222, 2}, taken(), "the report of a source follows its first packet")
	require.NotZero(t, track.reportedAt)

	track.RequestKeyFrame()
	require.Equal(t, [2]int{0, 2}, [2]int{first.asked, second.asked})
	now = now.Add(sourceGone + 1)
	first.send(now, true)
	require.Equal(t, []uint32{1, 111}, taken(), "the first is back")
	second.send(now, true)
	require.Empty(t, taken(), "they do not take turns")
	st := track.Stats()
	require.Equal(t, uint64(3), st.Sources)
	require.Equal(t, uint64(6), st.Packets)
	require.Zero(t, st.Lost, "sequence numbers of one source say nothing about another's")
}

// Losses of each source count.
func TestSourcesLose(t *testing.T) {
	track := testTrack(KindVideo)
	now := time.Unix(100, 0)
	for ssrc := range uint32(3) {
		s := newSender(track, ssrc, uint16(ssrc*20000))
		s.send(now, true)
		s.next += 2
		s.send(now, true)
	}
	require.Equal(t, uint64(6), track.Stats().Lost)
	require.Equal(t, uint64(6), track.Stats().Packets)
}

// Another SSRC begins a piece, which follows the one before; a Rewriter made late leaves the first as it is.
func TestRewriterFollowsSources(t *testing.T) {
	at := time.Unix(100, 0)
	late := NewLateRewriter(90000)
	for _, step := range []struct{ in, want rtp.Header }{
		{rtp.Header{SSRC: 1, SequenceNumber: 7, Timestamp: 1000}, rtp.Header{SSRC: 1, SequenceNumber: 7, Timestamp: 1000}},
		{rtp.Header{SSRC: 1, SequenceNumber: 9, Timestamp: 4000}, rtp.Header{SSRC: 1, SequenceNumber: 9, Timestamp: 4000}},
		{rtp.Header{SSRC: 2, SequenceNumber: 60000, Timestamp: 5}, rtp.Header{SSRC: 2, SequenceNumber: 10, Timestamp: 4900}},
		{rtp.Header{SSRC: 2, SequenceNumber: 60001, Timestamp: 5}, rtp.Header{SSRC: 2, SequenceNumber: 11, Timestamp: 4900}},
	} {
		require.True(t, late.Rewrite(&step.in, at))
		require.Equal(t, step.want, step.in)
		at = at.Add(10 * time.Millisecond)
	}
}

// With a source that comes back comes the newest report of it, not that from before it was read the last time.
func TestReportOfSourceThatComesBack(t *testing.T) {
	track := testTrack(KindVideo)
	now := time.Unix(100, 0)
	first := newSender(track, 1, 100)
	first.send(now, true)
	second := newSender(track, 2, 60000)
	second.Report(SenderReport{RTPTime: 1}) // kept until it is read
	second.send(now, true)
	second.Report(SenderReport{RTPTime: 2}) // handed on
	now = now.Add(2 * sourceGone)
	first.send(now, true)
	now = now.Add(2 * sourceGone)
	second.send(now, true)
	report, _ := track.LastReport()
	require.EqualValues(t, 2, report.RTPTime)
}

// FuzzSources sends packets of three sources in any order, with and without key frames. Whoever reads sees each change begin with a key
// frame, and every packet is counted once.
func FuzzSources(f *testing.F) {
	f.Add([]byte{0x04, 0, 0x05, 0x01, 0x06, 0xf2, 0x04})
	f.Add([]byte{0xf0, 0xf5, 0x02, 0xf6, 0xf4})
	f.Add([]byte("\a\x0e\xfe\x1c\xf4\x1c@\x1c\x1c\x1c0\x1c\x1c\xf6\xf4\x1c0\x1c\x1c\xf6\xf4")) // reports again and again
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 256)]
		track := testTrack(KindVideo)
		tap := track.Tap(2*len(script) + 1) // a packet may bring the report of its source again
		defer tap.Close()
		senders := map[byte]*sender{}
		now := time.Unix(100, 0)
		for _, op := range script {
			ssrc := op & 3
			if senders[ssrc] == nil {
				senders[ssrc] = newSender(track, uint32(ssrc), uint16(ssrc)<<14)
			}
			now = now.Add(time.Duration(op>>4) * 100 * time.Millisecond)
			if op&8 != 0 {
				senders[ssrc].Report(SenderReport{RTPTime: uint32(ssrc)})
			} else {
				senders[ssrc].send(now, op&4 != 0)
			}
		}
		var before *uint32
		packets, changes := uint64(0), uint64(0)
		for p, ok := tap.Next(); ok; p, ok = tap.Next() {
			if p.Report == nil {
				packets++
				if ssrc := p.RTP.SSRC; before == nil || *before != ssrc {
					require.True(t, before == nil || p.KeyFrame, "a source begins with a key frame")
					before = &ssrc
					changes++
				}
			} else if before != nil {
				require.Equal(t, *before, p.Report.RTPTime, "a report is of the source that is read")
			}
			p.Release()
		}
		st := track.Stats()
		require.Equal(t, [2]uint64{packets, changes}, [2]uint64{st.Packets, st.Sources})
		require.Zero(t, st.Lost)
	})
}
