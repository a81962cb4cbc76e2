package media

import (
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// stage feeds layers without a connection: what they send is scripted, and what is asked for is noted.
type stage struct {
	*testing.T
	*layers
	tap      *Tap
	now      time.Time
	sequence uint16
	asked    map[uint32]int
}

func newStage(t *testing.T) *stage {
	s := &stage{T: t, now: time.Unix(100, 0), asked: map[uint32]int{}}
	track := testTrack(KindVideo)
	track.layers = newLayers(track, 3, func(sources ...uint32) {
		for _, ssrc := range sources {
			s.asked[ssrc]++
		}
	})
	s.layers, s.tap = track.layers, track.Tap(1<<12)
	t.Cleanup(func() { s.tap.Close(); track.End() })
	return s
}

// add is layers.add for a layer that must be new.
func (s *stage) add(name string, ssrc uint32) *layer {
	l := s.layers.add(name, ssrc)
	require.NotNil(s, l)
	return l
}

// send passes on one whole picture of so many bytes.
func (s *stage) send(l *layer, timestamp uint32, key bool, bytes int) {
	s.sequence++
	s.resend(l, s.sequence, timestamp, key, bytes)
}

// resend passes on a picture with a number.
func (s *stage) resend(l *layer, sequence uint16, timestamp uint32, key bool, bytes int) {
	p := s.track.pool.Get()
	defer p.Release()
	p.Arrival, p.RTP = s.now, *rtptest.VP8Packet(sequence, key)
	p.RTP.SSRC, p.RTP.Timestamp = l.ssrc, timestamp
	p.RTP.Payload = append(p.RTP.Payload, make([]byte, bytes)...)
	s.deliver(l, p)
}

// run sends a picture of each layer every 100 ms, of sizes as given; 0 is silence.
func (s *stage) run(d time.Duration, sizes map[*layer]int) {
	for range d / (100 * time.Millisecond) {
		s.now = s.now.Add(100 * time.Millisecond)
		for l, size := range sizes {
			if size > 0 {
				s.send(l, uint32(s.now.UnixMilli()*90), false, size)
			}
		}
	}
}

// A change needs a key frame; which layer is asked for one depends on what flows, and how much.
func TestLayersWanted(t *testing.T) {
	low, high := 100, 1000
	tests := []struct {
		name      string
		sent      time.Duration // by both layers, the lower one being taken
		low, high int
		then      time.Duration // after which
		low2      int
		high2     int
		asked     bool // for a key frame of the higher one
	}{
		{"better", 5 * time.Second, low, high, 0, 0, 0, true},
		{"not better by enough", 8 * time.Second, low, 110, 0, 0, 0, false},
		{"too early to tell", 2 * time.Second, low, high, 0, 0, 0, false},
		{"the active one stops", 2 * time.Second, low, 10, 2 * time.Second, 0, 10, true},
		{"both stop", 2 * time.Second, low, 10, 5 * time.Second, 0, 0, false},
		{"the active one pauses", 2 * time.Second, low, 10, 900 * time.Millisecond, 0, 10, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			l, h := s.add("l", 1), s.add("h", 2)
			s.send(l, 1, true, low)
			s.run(tt.sent, map[*layer]int{l: tt.low, h: tt.high})
			s.run(tt.then, map[*layer]int{l: tt.low2, h: tt.high2})
			require.Equal(t, tt.asked, s.asked[h.ssrc] > 0)
			require.LessOrEqual(t, s.asked[h.ssrc], int((tt.sent+tt.then)/keyInterval), "not all the time")
			require.Equal(t, l, s.active)
			require.Zero(t, s.asked[l.ssrc])
		})
	}
}

// A layer that sends a picture now and then, as all of them do when nothing moves, has not stopped.
func TestLayersAtRest(t *testing.T) {
	s := newStage(t)
	l, h := s.add("l", 1), s.add("h", 2)
	s.send(h, 1, true, 1000)
	for range 5 {
		s.now = s.now.Add(3 * time.Second)
		s.send(l, 1, false, 100)
		s.send(h, 1, false, 1000)
	}
	require.Zero(t, s.asked[l.ssrc])
	require.Equal(t, h, s.active)
}

// What is sent again, to find out how much the network carries, makes no layer better and none that has stopped flow.
func TestLayersSentAgain(t *testing.T) {
	s := newStage(t)
	l, h := s.add("l", 1), s.add("h", 2)
	s.send(h, 1, true, 1000)
	s.send(l, 1, false, 100)
	s.asked = map[uint32]int{}
	for range 80 {
		s.run(100*time.Millisecond, map[*layer]int{h: 1000})
		for range 50 {
			s.resend(l, 2, 1, false, 100)
		}
	}
	for range 80 {
		s.now = s.now.Add(100 * time.Millisecond)
		s.resend(l, 2, 1, false, 100)
	}
	require.Empty(t, s.asked)
	require.Equal(t, h, s.active)
}

// The first key frame begins, whichever layer it is of; packets of others are asked to bring one.
func TestLayersBegin(t *testing.T) {
	s := newStage(t)
	l, h := s.add("l", 1), s.add("h", 2)
	s.track.RequestKeyFrame()
	require.Empty(t, s.asked, "nobody is there to be asked")
	s.send(l, 1, false, 100)
	s.send(h, 1, true, 1000)
	require.Equal(t, h, s.active)
	require.Equal(t, map[uint32]int{1: 1}, s.asked)
	require.Len(t, sequences(s.tap), 1)
	require.Nil(t, s.layers.add("h", 2), "it is there already")
	again := s.add("h", 3)
	require.Equal(t, []*layer{l, again}, s.all)
	for ssrc := uint32(4); s.layers.add("h", ssrc) != nil; ssrc++ {
		require.LessOrEqual(t, ssrc, uint32(maxLayerSources))
	}
}

// RFC 3550 §6.4.1: pictures stay on one clock when reports tell how those of the layers relate, and so do the reports.
func TestLayersStayInTime(t *testing.T) {
	const second = 1 << 32
	s := newStage(t)
	l, h := s.add("l", 1), s.add("h", 2)
	s.send(l, 1000, true, 100)
	first, _ := s.tap.Next()
	base := first.RTP.Timestamp
	first.Release()
	s.reported(l, SenderReport{NTP: 10 * second, RTPTime: 1000})
	s.reported(h, SenderReport{NTP: 11 * second, RTPTime: 5_000_000}) // at 91000 on the lower one's clock
	s.now = s.now.Add(3 * time.Second)
	s.run(time.Second, map[*layer]int{h: 1000})
	s.send(h, 5_000_000+180_000, true, 1000)
	require.Equal(t, h, s.active)
	var times []uint32
	for p, ok := s.tap.Next(); ok; p, ok = s.tap.Next() {
		if p.Report != nil {
			times = append(times, p.Report.RTPTime-base)
		} else {
			require.Equal(t, uint32(1), p.RTP.SSRC)
			times = append(times, p.RTP.Timestamp-base)
		}
		p.Release()
	}
	require.Equal(t, []uint32{0, 270_000, 90_000}, times, "its report comes with the first picture")

	s.active.report = nil
	_, known := s.aligned(l, 0)
	require.False(t, known)
	s.active.report = &SenderReport{NTP: 5000 * second}
	_, sensible := s.aligned(l, 0)
	require.False(t, sensible)
}

// Layers send the same picture: what comes of the new one at the change must not go back in time.
func TestLayersMakeWay(t *testing.T) {
	s := newStage(t)
	l, h := s.add("l", 1), s.add("h", 2)
	s.send(l, 1000, true, 100)
	s.send(l, 4000, false, 100)
	s.reported(l, SenderReport{RTPTime: 1000})
	s.reported(h, SenderReport{RTPTime: 1000})
	shift, ok := s.aligned(h, 1000)
	require.True(t, ok)
	require.Equal(t, s.rewriter.lastTime+1, 1000+shift)
}

// Layers that are read beside the active one come with time stamps on its clock, and are asked for key frames with it.
func TestLayersBeside(t *testing.T) {
	const second = 1 << 32
	s := newStage(t)
	l, h := s.add("l", 1), s.add("h", 2)
	s.send(h, 5_000_000, true, 1000)
	s.run(time.Second, map[*layer]int{l: 100, h: 1000})
	require.Empty(t, s.flowing(s.now), "nothing tells when its pictures were taken")
	s.reported(h, SenderReport{NTP: 10 * second, RTPTime: 5_000_000})
	s.reported(l, SenderReport{NTP: 11 * second, RTPTime: 1000}) // at 5,090,000 on the higher one's clock
	require.Equal(t, []string{"l"}, s.flowing(s.now))
	s.requestKeyFrame()
	require.Equal(t, map[uint32]int{2: 1}, s.asked)
	tapped := s.layers.tap(s.now)
	require.Equal(t, []*layer{l}, tapped)
	tap := l.track.Tap(16)
	defer tap.Close()
	s.requestKeyFrame()
	require.Equal(t, 2, s.asked[2])
	require.Positive(t, s.asked[1])

	s.send(h, 5_180_000, true, 1000)
	newest := s.rewriter.lastTime
	s.send(l, 91_000, true, 100)
	p, ok := tap.Next()
	require.True(t, ok)
	require.Equal(t, newest, p.RTP.Timestamp, "taken at the same instant")
	require.True(t, p.KeyFrame)
	p.Release()

	s.reported(l, SenderReport{NTP: 12 * second, RTPTime: 91_100}) // a little off
	s.send(h, 5_183_000, false, 1000)
	s.send(l, 94_000, false, 100)
	p, ok = tap.Next()
	require.True(t, ok)
	require.Equal(t, s.rewriter.lastTime, p.RTP.Timestamp, "as it was")
	p.Release()

	s.now = s.now.Add(2 * time.Second) // the higher one stops
	s.run(time.Second, map[*layer]int{l: 100})
	for p, ok := tap.Next(); ok; p, ok = tap.Next() {
		p.Release()
	}
	s.send(l, 500_000, true, 100)
	require.Equal(t, l, s.active)
	_, ok = tap.Next()
	require.False(t, ok, "what is taken comes by the track")
	s.track.CloseLayers([]Layer{{"l", tap}})
	require.True(t, tap.Ended())
	s.requestKeyFrame()
	require.Equal(t, []uint32{l.ssrc}, *s.layers.asked.Load())
	tap = l.track.Tap(16)
	s.track.End()
	require.True(t, tap.Ended())
	require.Nil(t, s.layers.add("m", 3))
}

// A track that is no simulcast has no layers.
func TestNoLayers(t *testing.T) {
	track := testTrack(KindVideo)
	require.Zero(t, track.LayersOffered())
	require.Empty(t, track.Layers())
	require.Empty(t, track.TapLayers(8))
}

// What is passed on of layers costs no more than what is not.
func BenchmarkLayers(b *testing.B) {
	track := testTrack(KindVideo)
	ls := newLayers(track, 2, func(...uint32) {})
	l, h := ls.add("l", 1), ls.add("h", 2)
	now := time.Now()
	pass := func(l *layer, sequence uint16, payload []byte) {
		p := track.pool.Get()
		p.Arrival, p.RTP.Payload, p.RTP.SequenceNumber, p.RTP.Timestamp = now, payload, sequence, uint32(sequence)*3000
		ls.deliver(l, p)
		p.Release()
	}
	keyFrame, interFrame := rtptest.VP8Packet(0, true).Payload, rtptest.VP8Packet(0, false).Payload
	pass(h, 0, keyFrame)
	b.ReportAllocs()
	for sequence := uint16(1); b.Loop(); sequence++ {
		payload := interFrame
		if sequence%150 == 0 {
			payload = keyFrame
		}
		pass(l, sequence, payload)
		pass(h, sequence, payload)
	}
}
