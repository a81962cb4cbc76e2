package depay

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// script reads packets and instants from arbitrary bytes.
type script struct{ rest []byte }

func (s *script) next(n int) []byte {
	b := make([]byte, 8)
	s.rest = s.rest[copy(b[:n], s.rest):]
	return b
}

func (s *script) uint(n int) uint64 { return binary.LittleEndian.Uint64(s.next(n)) }

// packet makes a packet near the last one, or anywhere.
func (s *script) packet(last *rtp.Packet) *rtp.Packet {
	p := &rtp.Packet{Header: last.Header}
	flags := s.uint(1)
	p.Marker = flags&1 != 0
	p.SequenceNumber += uint16(int8(s.uint(1)))
	p.Timestamp += uint32(s.uint(1)) * 48
	if flags&2 != 0 {
		p.SequenceNumber = uint16(s.uint(2))
	}
	if flags&4 != 0 {
		p.Timestamp = uint32(s.uint(4))
	}
	if flags&8 != 0 {
		p.SSRC = uint32(s.uint(1))
	}
	size := min(int(s.uint(1)), len(s.rest))
	p.Payload, s.rest = s.rest[:size], s.rest[size:]
	switch {
	case flags&0x10 != 0: // a whole key frame
		p.Payload = append([]byte{0x90, 0x80, byte(flags >> 5)}, testFrame(int(flags), true, 0)...)
	case flags&0x20 != 0:
		p.Payload = append([]byte{0x90, 0x80, byte(flags >> 5)}, testFrame(int(flags), false, 0)...)
	}
	return p
}

// session is the script of a publisher that sends pictures, sound and reports, every nth one of which is lost.
func session(lose int) (b []byte) {
	const wait, tick, reported = 6 << 1, 3 << 1, 4 << 1
	for n := range 60 {
		step := byte(1)
		if lose > 0 && n%lose == 0 {
			step = 2
		}
		kind := byte(0x21) // an inter frame in one packet with a marker
		if n%20 == 0 {
			kind = 0x11
		}
		b = append(b, wait, 20, 0, kind, step, 40, 0)
		b = append(b, 0, 0, 1, 0, 6, 0x80, 0x80, byte(n), 1, 2, 3) // a packet of another frame
		b = append(b, 1, 0, step, 20, 3, 0xfc, 0xff, 0xfe, tick)
		for k := range byte(2) {
			b = append(b, reported|k, 0, 0, 0, byte(n), 1, 0, 0, 0, 0, byte(n), 0, 0)
		}
	}
	return append(b, 5<<1, wait, 200, tick)
}

// FuzzDepacketizer feeds packets, reports and instants of any kind. Nothing may panic, PTS increase, what is held is
// bounded, and frames are accounted for.
func FuzzDepacketizer(f *testing.F) {
	f.Add([]byte{})
	f.Add(session(0))
	f.Add(session(3))
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, VP8, data) })
}

// fuzz feeds a script to a Depacketizer of that codec.
func fuzz(t *testing.T, video Codec, data []byte) {
	last, received := [kinds]int64{-1, -1}, [kinds]int64{-1, -1}
	emitted := [kinds]uint64{}
	var slate []byte
	if video == VP8 {
		slate = testFrame(0, true, 900)
	}
	d, err := New(Options{Video: video, Audio: Opus, Slate: slate, FrameInterval: 250 * time.Millisecond, Emit: func(f Frame) {
		k := Video
		if f.Codec == Opus {
			k = Audio
		}
		if !f.Filler && f.PTS <= received[k] || !f.Late && f.PTS <= last[k] || len(f.Data) == 0 {
			t.Fatalf("%v frame %+v after PTS %d, received %d", k, f, last[k], received[k])
		}
		if !f.Filler {
			received[k] = f.PTS
		}
		if !f.Late {
			last[k] = f.PTS
			emitted[k]++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	run(d, data[:min(len(data), maxScript)])
	check(t, d, emitted)
}

// What a script may cost: a leap in time is filled with hundreds of frames, and the fuzzer has no use for more of them.
const (
	maxScript = 2048 // bytes
	maxLeaps  = 4
)

func run(d *Depacketizer, data []byte) {
	now, leaps := time.Now(), 0
	var packets [kinds]rtp.Packet
	for s := (script{data}); len(s.rest) > 0; {
		op := s.uint(1)
		k := Kind(op & 1)
		switch op >> 1 & 7 {
		case 0, 1, 2:
			packets[k] = *s.packet(&packets[k])
			d.Push(k, &packets[k], now)
		case 3:
			d.Tick(now)
		case 4:
			d.SenderReport(k, s.uint(8), uint32(s.uint(4)), now)
		case 5:
			d.Detach(now)
		case 6:
			now = now.Add(time.Duration(s.uint(1)) * time.Millisecond)
		case 7:
			if leaps++; leaps > maxLeaps {
				continue
			}
			now = now.Add(time.Duration(int64(s.uint(8)) >> (op >> 4 * 3)))
		}
	}
}

func check(t *testing.T, d *Depacketizer, emitted [kinds]uint64) {
	s := d.Stats()
	for k, s := range [kinds]TrackStats{s.Video, s.Audio} {
		if s.FramesIn != s.FramesOut+s.FramesDropped() || emitted[k] != s.FramesOut+s.Fillers {
			t.Fatalf("%v does not add up, with %d emitted: %+v", Kind(k), emitted[k], s)
		}
	}
	for _, track := range []*track{&d.video.track, &d.audio.track} {
		if track.buffer.held >= maxHeld {
			t.Fatalf("%v holds %d packets", track.kind, track.buffer.held)
		}
	}
	if held := d.video.assembler.(interface{ held() int }).held(); held > 2*maxFrameSize {
		t.Fatalf("the assembler holds %d bytes", held)
	}
}

func (d *partialFrame) held() int { return cap(d.buf) }
