package depay

import (
	"cmp"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

const mtu = 1100

// testFrame makes a VP8 frame that carries its number: a right header, a first partition, and bytes that follow from n.
func testFrame(n int, key bool, size int) []byte {
	const partition = 8
	tag := uint32(1<<4 | partition<<5)
	head := make([]byte, 3, 10)
	if key {
		head = append(head, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01) // 640x480
	} else {
		tag |= 1
	}
	head[0], head[1], head[2] = byte(tag), byte(tag>>8), byte(tag>>16)
	frame := make([]byte, max(size, len(head)+partition+4))
	for i := range frame {
		frame[i] = byte(n*31 + i*7)
	}
	copy(frame, head)
	binary.BigEndian.PutUint32(frame[len(head)+4:], uint32(n))
	return frame
}

// frameNumber reads the number back.
func frameNumber(f Frame) int {
	at := 3 + 4
	if f.Key {
		at += 7
	}
	return int(binary.BigEndian.Uint32(f.Data[at:]))
}

// videoSource packetizes numbered frames as RFC 7741 says.
type videoSource struct {
	seq      uint16
	ssrc     uint32
	noID     bool // no PictureID
	sent     [][]byte
	firstPic int
}

// frame returns the packets of the next frame.
func (s *videoSource) frame(timestamp uint32, key, nonReference bool, size int) []*rtp.Packet {
	return s.packetize(timestamp, nonReference, testFrame(len(s.sent), key, size))
}

// packetize returns the packets of a frame.
func (s *videoSource) packetize(timestamp uint32, nonReference bool, data []byte) []*rtp.Packet {
	id := (s.firstPic + len(s.sent)) & 0x7fff
	s.sent = append(s.sent, data)
	var packets []*rtp.Packet
	for rest := data; len(rest) > 0; {
		desc := []byte{0x80, 0x80, 0x80 | byte(id>>8), byte(id)}
		if s.noID {
			desc = []byte{0}
		}
		if len(rest) == len(data) {
			desc[0] |= 0x10
		}
		if nonReference {
			desc[0] |= 0x20
		}
		part := rest[:min(mtu, len(rest))]
		rest = rest[len(part):]
		packets = append(packets, s.packet(timestamp, len(rest) == 0, append(desc, part...)))
	}
	return packets
}

func (s *videoSource) packet(timestamp uint32, marker bool, payload []byte) *rtp.Packet {
	s.seq++
	return &rtp.Packet{
		Header: rtp.Header{
			Version: 2, SSRC: s.ssrc, SequenceNumber: s.seq - 1, Timestamp: timestamp, Marker: marker,
		},
		Payload: payload,
	}
}

// audioSource makes Opus packets of 20 ms that carry a number.
type audioSource struct {
	seq  uint16
	ssrc uint32
	n    uint32
}

func (s *audioSource) packet(timestamp uint32) *rtp.Packet {
	s.seq++
	s.n++
	return &rtp.Packet{
		Header:  rtp.Header{Version: 2, SSRC: s.ssrc, SequenceNumber: s.seq - 1, Timestamp: timestamp},
		Payload: binary.BigEndian.AppendUint32([]byte{0xfc}, s.n),
	}
}

// rig is a Depacketizer, what it emitted, and a simulated time line.
type rig struct {
	*Depacketizer
	t        *testing.T
	epoch    time.Time
	frames   [kinds][]Frame
	received [kinds][]Frame         // with those that are Late
	at       [kinds][]time.Duration // when each was emitted
	now      time.Duration
	requests int
	events   []event
}

type event struct {
	at time.Duration
	do func(now time.Time)
}

func newRig(t *testing.T, video, audio Codec) *rig {
	r := &rig{t: t, epoch: time.Now()}
	d, err := New(Options{Video: video, Audio: audio, Emit: r.emit, RequestKeyFrame: func() { r.requests++ }})
	require.NoError(t, err)
	r.Depacketizer = d
	return r
}

// emit checks what holds for every frame, and keeps it.
func (r *rig) emit(f Frame) {
	k := Video
	if f.Codec == Opus {
		k = Audio
	}
	_, running := r.Zero()
	require.True(r.t, running, "a frame before zero is set")
	require.GreaterOrEqual(r.t, f.PTS, int64(0))
	if n := len(r.received[k]); n > 0 && !f.Filler {
		require.Greater(r.t, f.PTS, r.received[k][n-1].PTS, "PTS of received %v", k)
	}
	if !f.Filler {
		r.received[k] = append(r.received[k], f)
	}
	if f.Late {
		require.Equal(r.t, Audio, k)
		return
	}
	if n := len(r.frames[k]); n > 0 {
		require.Greater(r.t, f.PTS, r.frames[k][n-1].PTS, "PTS of %v", k)
	} else if k == Video {
		require.True(r.t, f.Key, "the first picture is a key frame")
		require.Zero(r.t, f.PTS)
	}
	require.NotEmpty(r.t, f.Data)
	require.Equal(r.t, k == Audio, f.Duration > 0)
	r.frames[k] = append(r.frames[k], f)
	r.at[k] = append(r.at[k], r.now)
}

func (r *rig) time(at time.Duration) time.Time { return r.epoch.Add(at) }

// on schedules something for run.
func (r *rig) on(at time.Duration, do func(now time.Time)) {
	r.events = append(r.events, event{at, do})
}

// arrive schedules packets.
func (r *rig) arrive(at time.Duration, k Kind, packets ...*rtp.Packet) {
	for _, p := range packets {
		r.on(at, func(now time.Time) { r.Push(k, p, now) })
	}
}

// report schedules a sender report of a source whose time stamp was rtpTime at the sender's time.
func (r *rig) report(at time.Duration, k Kind, sender time.Duration, rtpTime uint32) {
	r.on(at, func(now time.Time) { r.SenderReport(k, ntpTime(sender), rtpTime, now) })
}

// run plays what is scheduled, with a Tick every 33 ms, up to that time.
func (r *rig) run(until time.Duration) {
	for at := r.now; at <= until; at += 33 * time.Millisecond {
		r.on(at, r.Tick)
	}
	slices.SortStableFunc(r.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for _, e := range r.events {
		r.now = e.at
		e.do(r.time(e.at))
	}
	r.events = nil
}

// real returns the frames that came from the publisher.
func (r *rig) real(k Kind) []Frame {
	return slices.DeleteFunc(slices.Clone(r.frames[k]), func(f Frame) bool { return f.Filler })
}

// numbers returns the numbers of real pictures.
func (r *rig) numbers() []int {
	var numbers []int
	for _, f := range r.real(Video) {
		numbers = append(numbers, frameNumber(f))
	}
	return numbers
}

// addsUp checks that every frame is accounted for.
func (r *rig) addsUp() {
	s := r.Stats()
	for k, s := range map[Kind]TrackStats{Video: s.Video, Audio: s.Audio} {
		require.Equal(r.t, s.FramesIn, s.FramesOut+s.FramesDropped(), "%v: %+v", k, s)
		require.Equal(r.t, int(s.FramesOut), len(r.real(k)), "%v: %+v", k, s)
		require.Equal(r.t, int(s.Fillers), len(r.frames[k])-len(r.real(k)), "%v: %+v", k, s)
	}
}

// covered checks that every track carries data up to the fill age at the end, without a hole longer than that.
func (r *rig) covered(k Kind, hole time.Duration) {
	frames := r.frames[k]
	require.NotEmpty(r.t, frames)
	require.Less(r.t, frames[0].PTS, int64(1200), "the track begins at zero, give or take a packet")
	for i := 1; i < len(frames); i++ {
		gap := frames[i].PTS - frames[i-1].PTS - frames[i-1].Duration
		require.LessOrEqual(r.t, gap, ticks(hole, frames[i].Codec), "%v: hole before frame %d", k, i)
	}
	last := frames[len(frames)-1]
	end := last.PTS + last.Duration
	want := r.pts(r.now-DefaultFillAfter-DefaultFrameInterval-20*time.Millisecond, last.Codec)
	require.GreaterOrEqual(r.t, end, want, "%v: the end", k)
}

// ntpTime makes an NTP time stamp of a sender's clock that began in 2026.
func ntpTime(sender time.Duration) uint64 {
	const seconds = 3_990_000_000
	s, f := uint64(sender/time.Second), uint64(sender%time.Second)
	return (seconds+s)<<32 | f<<32/uint64(time.Second)
}

// videoTime and audioTime are time stamps of media captured at that time.
func videoTime(capture time.Duration) uint32 { return uint32(1<<32 - 90_000 + ticks(capture, VP8)) }
func audioTime(capture time.Duration) uint32 { return uint32(1<<32 - 96_000 + ticks(capture, Opus)) }
