package media

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// push delivers a packet as the read loop does.
func push(t *Track, seq uint16, key bool) {
	p := t.pool.Get()
	defer p.Release()
	p.Arrival = time.Unix(0, int64(seq)*int64(time.Millisecond))
	rtp := rtptest.OpusPacket(seq)
	if t.kind == KindVideo {
		rtp = rtptest.VP8Packet(seq, key)
	}
	p.RTP = *rtp
	t.Push(p)
}

// sequences empties the tap; -1 stands for a sender report.
func sequences(tap *Tap) []int {
	var got []int
	for p, ok := tap.Next(); ok; p, ok = tap.Next() {
		if p.Report != nil {
			got = append(got, -1)
		} else {
			got = append(got, int(p.RTP.SequenceNumber))
		}
		p.Release()
	}
	return got
}

func TestTapOrder(t *testing.T) {
	track := testTrack(KindVideo)
	tap := track.Tap(8)
	push(track, 1, true)
	track.PushReport(SenderReport{NTP: 7, RTPTime: 9})
	push(track, 2, false)
	require.Len(t, tap.Ready(), 1, "one wake-up for many packets")
	require.Equal(t, []int{1, -1, 2}, sequences(tap))
	<-tap.Ready()
	push(track, 3, false)
	require.Len(t, tap.Ready(), 1)
	require.Zero(t, tap.Dropped())
}

func TestTapReport(t *testing.T) {
	track := testTrack(KindAudio)
	tap := track.Tap(8)
	track.PushReport(SenderReport{NTP: 7, RTPTime: 9})
	p, ok := tap.Next()
	require.True(t, ok)
	require.Equal(t, SenderReport{NTP: 7, RTPTime: 9}, *p.Report)
	require.False(t, p.Arrival.IsZero())
	p.Release()
	push(track, 1, false)
	p, _ = tap.Next()
	require.Nil(t, p.Report, "a recycled packet is no report any more")
	p.Release()
}

// A full video tap drops what it holds and goes on at a key frame, which it asks for.
func TestTapFullOfVideo(t *testing.T) {
	track := testTrack(KindVideo)
	requests := 0
	require.True(t, track.Bind(func() { requests++ }))
	tap := track.Tap(3)
	for seq := range uint16(5) {
		push(track, seq, seq == 0)
	}
	require.Equal(t, 1, requests)
	track.PushReport(SenderReport{})
	require.Equal(t, []int{-1}, sequences(tap), "reports go on")
	push(track, 5, false)
	push(track, 6, true)
	push(track, 7, false)
	require.Equal(t, []int{6, 7}, sequences(tap))
	require.Equal(t, uint64(6), tap.Dropped())
}

// A key frame that finds the tap full replaces what it holds.
func TestTapFullAtKeyFrame(t *testing.T) {
	track := testTrack(KindVideo)
	tap := track.Tap(2)
	push(track, 0, true)
	push(track, 1, false)
	push(track, 2, true)
	require.Equal(t, []int{2}, sequences(tap))
	require.Equal(t, uint64(2), tap.Dropped())
}

func TestTapFullOfAudio(t *testing.T) {
	track := testTrack(KindAudio)
	tap := track.Tap(3)
	for seq := range uint16(5) {
		push(track, seq, false)
	}
	require.Equal(t, []int{2, 3, 4}, sequences(tap))
	require.Equal(t, uint64(2), tap.Dropped())
}

func TestTapEnd(t *testing.T) {
	track := testTrack(KindVideo)
	tap := track.Tap(3)
	push(track, 0, true)
	<-tap.Ready()
	track.End()
	track.End()
	push(track, 1, false)
	<-tap.Ready()
	require.False(t, tap.Ended(), "one packet is left")
	require.Equal(t, []int{0}, sequences(tap))
	require.True(t, tap.Ended())

	late := track.Tap(3)
	<-late.Ready()
	require.True(t, late.Ended())
	late.Close()
}

func TestTapClose(t *testing.T) {
	track := testTrack(KindVideo)
	tap, other := track.Tap(3), track.Tap(3)
	push(track, 0, true)
	tap.Close()
	tap.Close()
	push(track, 1, false)
	_, ok := tap.Next()
	require.False(t, ok)
	require.True(t, tap.Ended())
	require.Equal(t, []int{0, 1}, sequences(other))
}

// Every packet goes back to the pool, whatever became of it: none is held, none is released twice.
func TestPacketsAreReleased(t *testing.T) {
	track := testTrack(KindVideo)
	seen := map[*Packet]bool{}
	track.Subscribe(observer(func(p *Packet) { seen[p] = true }))
	taps := []*Tap{track.Tap(2), track.Tap(4), track.Tap(64)}
	for seq := range uint16(200) {
		push(track, seq, seq%20 == 0)
		if seq%7 == 0 {
			sequences(taps[1])
		}
	}
	for _, tap := range taps {
		tap.Close()
	}
	track.End() // gives back what is kept for who joins
	for p := range seen {
		require.Zero(t, p.refs.Load())
	}
	require.PanicsWithValue(t, "ingest: packet released twice", func() {
		for p := range seen {
			p.Release()
		}
	})
}

type observer func(*Packet)

func (o observer) Deliver(p *Packet) { o(p) }
func (o observer) End()              {}

// A tap is written and read from two goroutines; run under the race detector this finds what is not guarded.
func TestTapConcurrently(t *testing.T) {
	track := testTrack(KindVideo)
	tap := track.Tap(16)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for seq := range uint16(2000) {
			push(track, seq, seq%10 == 0)
		}
		track.End()
	}()
	var got uint64
	for !tap.Ended() {
		<-tap.Ready()
		got += uint64(len(sequences(tap)))
	}
	<-written
	require.Equal(t, uint64(2000), got+tap.Dropped())
}

// discard is a subscriber that does nothing.
type discard struct{}

func (*discard) Deliver(*Packet) {}
func (*discard) End()            {}

func BenchmarkTrack(b *testing.B) {
	raw, err := rtptest.VP8Packet(1, false).Marshal()
	require.NoError(b, err)
	raw = append(raw, make([]byte, 1100)...)
	for _, bb := range []struct {
		name            string
		taps, immediate int
	}{{"nobody", 0, 0}, {"1tap", 1, 0}, {"10taps", 10, 0}, {"1tap+10subscribers", 1, 10}} {
		b.Run(bb.name, func(b *testing.B) {
			track := testTrack(KindVideo)
			var taps []*Tap
			for range bb.taps {
				taps = append(taps, track.Tap(512))
			}
			for range bb.immediate {
				track.Subscribe(&discard{})
			}
			var reader Reader = &movingReader{raw: raw} // once: making an interface of it allocates
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				benchmarkRead(b, track, reader)
				for _, tap := range taps {
					p, _ := tap.Next()
					p.Release()
				}
			}
		})
	}
}

// movingReader yields a key frame's beginning in every 150 packets, a second at 1.5 Mbit/s.
type movingReader struct {
	raw []byte
	n   int
}

func (r *movingReader) Read(b []byte) (int, interceptor.Attributes, error) {
	r.n++
	n := copy(b, r.raw)
	binary.BigEndian.PutUint16(b[2:], uint16(r.n))
	b[13] = byte(min(r.n%150, 1)) // the frame tag: 0 is a key frame
	return n, nil, nil
}

// benchmarkRead is one turn of readRTP.
func benchmarkRead(b *testing.B, track *Track, r Reader) {
	p := track.pool.Get()
	if err := p.read(r); err != nil {
		b.Fatal(err)
	}
	track.Push(p)
	p.Release()
}
