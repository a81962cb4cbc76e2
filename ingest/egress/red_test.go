package egress

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// soundTo makes sound on its way to a client that takes it with redundancy.
func soundTo(t testing.TB, distance int) (*downTrack, *written) {
	t.Helper()
	f := mediatest.Opus()
	o, err := newDownTrack(media.KindAudio, f, "cam")
	require.NoError(t, err)
	o.ssrc, o.rouse = 7, func() {}
	other := media.Format{Payload: "96"}
	w := &written{codecs: []webrtc.RTPCodecParameters{
		{RTPCodecCapability: f.Capability(), PayloadType: 111},
		{RTPCodecCapability: other.REDCapability(), PayloadType: 62}, // of another codec
		{RTPCodecCapability: f.REDCapability(), PayloadType: 63},
	}}
	require.False(t, o.local.takesRED(), "not negotiated yet")
	_, err = o.local.Bind(&negotiated{written: w})
	require.NoError(t, err)
	require.True(t, o.local.takesRED())
	o.red.set(distance)
	t.Cleanup(func() { o.red.set(0) })
	return o, w
}

// sound is a packet of a payload, with its number and time stamp.
type sound struct {
	sequence  uint16
	timestamp uint32
	payload   []byte
}

// play has the sound sent, and returns it.
func (o *downTrack) play(t testing.TB, pool *media.PacketPool, s sound) *media.Packet {
	t.Helper()
	p := pool.Get()
	p.Fill(rtp.Header{Version: 2, SequenceNumber: s.sequence, Timestamp: s.timestamp, SSRC: 1, PayloadType: 111}, time.Unix(0, 0), s.payload)
	require.False(t, o.send(p, p.Arrival))
	p.Release()
	return p
}

func of(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n) }

// RFC 2198 §3: the headers of the blocks, the oldest first, then the blocks; of what does not fit none is made.
func TestRED(t *testing.T) {
	first := sound{1, 5000, []byte{0xa}}
	for name, tt := range map[string]struct {
		distance int
		before   []sound
		last     sound
		payload  uint8
		want     []byte
	}{
		"off":            {0, []sound{first}, sound{2, 5960, []byte{0xb}}, 111, []byte{0xb}},
		"nothing before": {1, nil, first, 111, []byte{0xa}},
		"one":            {1, []sound{first}, sound{2, 5960, []byte{0xb}}, 63, []byte{0xef, 0x0f, 0, 1, 111, 0xa, 0xb}},
		"two": {2, []sound{first, {2, 5960, []byte{0xb, 0xb}}}, sound{3, 6920, []byte{0xc}}, 63,
			[]byte{0xef, 0x1e, 0, 1, 0xef, 0x0f, 0, 2, 111, 0xa, 0xb, 0xb, 0xc}},
		"one of two":             {1, []sound{first, {2, 5960, []byte{0xb}}}, sound{3, 6920, []byte{0xc}}, 63, []byte{0xef, 0x0f, 0, 1, 111, 0xb, 0xc}},
		"lost before":            {2, []sound{first}, sound{3, 6920, []byte{0xc}}, 63, []byte{0xef, 0x1e, 0, 1, 111, 0xa, 0xc}},
		"lost all before":        {2, []sound{first}, sound{4, 7880, []byte{0xc}}, 111, []byte{0xc}},
		"the largest offset":     {1, []sound{first}, sound{2, 5000 + 16383, []byte{0xb}}, 63, []byte{0xef, 0xff, 0xfc, 1, 111, 0xa, 0xb}},
		"too large an offset":    {1, []sound{first}, sound{2, 5000 + 16384, []byte{0xb}}, 111, []byte{0xb}},
		"no offset":              {1, []sound{first}, sound{2, 5000, []byte{0xb}}, 111, []byte{0xb}},
		"the longest block":      {1, []sound{{1, 0, of(1023)}}, sound{2, 960, []byte{0xb}}, 63, append(append([]byte{0xef, 0x0f, 3, 255, 111}, of(1023)...), 0xb)},
		"too long a block":       {1, []sound{{1, 0, of(1024)}}, sound{2, 960, []byte{0xb}}, 111, []byte{0xb}},
		"an empty one":           {1, []sound{{1, 0, nil}}, sound{2, 960, []byte{0xb}}, 111, []byte{0xb}},
		"as long as can be":      {1, []sound{{1, 0, of(1000)}}, sound{2, 960, of(195)}, 63, append(append([]byte{0xef, 0x0f, 3, 232, 111}, of(1000)...), of(195)...)},
		"too long together":      {1, []sound{{1, 0, of(1000)}}, sound{2, 960, of(196)}, 111, of(196)},
		"room for the newer one": {2, []sound{{1, 0, of(600)}, {2, 960, of(600)}}, sound{3, 1920, of(100)}, 63, append(append([]byte{0xef, 0x0f, 2, 88, 111}, of(600)...), of(100)...)},
		"numbers that wrap":      {1, []sound{{65535, 1<<32 - 1, []byte{0xa}}}, sound{0, 959, []byte{0xb}}, 63, []byte{0xef, 0x0f, 0, 1, 111, 0xa, 0xb}},
	} {
		t.Run(name, func(t *testing.T) {
			o, w := soundTo(t, tt.distance)
			pool := media.NewPacketPool()
			for _, s := range append(tt.before, tt.last) {
				o.play(t, pool, s)
			}
			got := w.packets[len(w.packets)-1]
			require.Equal(t, tt.want, got.Payload)
			require.Equal(t, [2]any{tt.payload, uint32(7)}, [2]any{got.PayloadType, got.SSRC})
		})
	}
}

// Numbers and time stamps go on over switching on and off, what is kept is given back, and octets are those that were sent.
func TestREDSwitches(t *testing.T) {
	o, w := soundTo(t, 0)
	pool := media.NewPacketPool()
	var all []*media.Packet
	for n := range 30 {
		if n%10 == 0 {
			o.red.set([]int{0, 2, 1}[n/10])
		}
		all = append(all, o.play(t, pool, sound{uint16(n), uint32(960 * n), []byte{1, 2, 3}}))
	}
	octets, redundant := 0, 0
	for n, p := range w.packets {
		require.Equal(t, w.packets[0].SequenceNumber+uint16(n), p.SequenceNumber)
		require.Equal(t, w.packets[0].Timestamp+uint32(960*n), p.Timestamp)
		require.Equal(t, []byte{1, 2, 3}, p.Payload[len(p.Payload)-3:], "the newest is last")
		octets += len(p.Payload)
		if p.PayloadType == 63 {
			redundant++
		}
	}
	require.EqualValues(t, octets, o.octets)
	require.EqualValues(t, redundant, o.red.packets)
	require.Equal(t, 19, redundant, "all but the first since it was switched on")
	o.red.set(0)
	for _, p := range all {
		require.Zero(t, p.References())
	}
}

// A packet that comes late brings those before it, and is brought by the next ones.
func TestREDReordered(t *testing.T) {
	o, w := soundTo(t, 2)
	pool := media.NewPacketPool()
	for _, n := range []uint16{1, 3, 2, 4} {
		o.play(t, pool, sound{n, 960 * uint32(n), []byte{byte(n)}})
	}
	require.Equal(t, []byte{0xef, 0x1e, 0, 1, 111, 1, 3}, w.packets[1].Payload)
	require.Equal(t, []byte{0xef, 0x0f, 0, 1, 111, 1, 2}, w.packets[2].Payload)
	require.Equal(t, []byte{0xef, 0x1e, 0, 1, 0xef, 0x0f, 0, 1, 111, 2, 3, 4}, w.packets[3].Payload)
}

// There is more as soon as more is lost, less only after a while, and never more than there is room for.
func TestLevelFollowsLosses(t *testing.T) {
	var l level
	now := time.Unix(0, 0)
	one, two := redFrom[0], redFrom[1]
	for _, step := range []struct {
		after time.Duration
		loss  float64
		most  int
		want  int
	}{
		{0, 0, 2, 0}, {0, one - 0.001, 2, 0}, {0, one, 2, 1}, {levelHold, one / levelKeeps, 2, 1}, {levelHold - 1, 0, 2, 1}, {1, 0, 2, 0},
		{0, two, 2, 2}, {0, two, 1, 1}, {0, two, 0, 0}, {0, two, 2, 2}, {levelHold, two / levelKeeps, 2, 2},
		{levelHold, one, 2, 1}, {levelHold - 1, 0, 2, 1}, {1, 0, 2, 0}, {levelHold, 0, 2, 0},
	} {
		now = now.Add(step.after)
		require.Equal(t, step.want, l.follow(step.loss, redFrom, step.most, now), "%+v", step)
	}
}

// The share of losses is what the client tells of each packet, or reports, if that is more; a few packets tell nothing.
func TestLosses(t *testing.T) {
	var l losses
	l.add(bandwidth.Stats{Packets: 10, Lost: 9}, 0)
	require.Zero(t, l.share)
	l.add(bandwidth.Stats{Packets: 100, Lost: 19}, 0.02)
	require.InDelta(t, 0.1*lossWeight, l.share, 1e-9)
	for range 50 {
		l.add(bandwidth.Stats{Packets: 100, Lost: 19}, 0.02)
	}
	require.InDelta(t, 0.02, l.share, 1e-6)
}

// slowControl is of a connection that is known to carry 60 kbit/s.
func slowControl(t testing.TB) *bandwidth.Controller {
	t.Helper()
	began := time.Now()
	control := bandwidth.NewController(began)
	sequence := control.Sent(1000, began)
	control.Feedback([]byte{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, byte(sequence >> 8), byte(sequence), 0, 1, 0, 0, 1, 0, 0x20, 1, 4, 0}, began)
	control.Sent(1000, began.Add(time.Second))
	control.Look(began.Add(time.Minute)) // of which the client has told nothing
	estimate, known := control.Estimate()
	require.True(t, known)
	require.InDelta(t, 60_000, estimate, 1)
	return control
}

// Redundancy takes half of a connection at most, once it is known what that carries.
func TestREDFitsTheConnection(t *testing.T) {
	o, _ := soundTo(t, 0)
	v := &Viewer{share: NewShare(bandwidth.NewController(time.Now())), audio: o}
	require.Equal(t, mostDistance, v.affords(o), "nothing is known")
	v.share = NewShare(slowControl(t))
	require.Equal(t, mostDistance, v.affords(o), "it has all for itself")
	for range 3 {
		v.share.join(nil)
	}
	require.Zero(t, v.affords(o), "it has a third of that")
}

// BenchmarkRED sends sound of which each packet brings two earlier ones.
func BenchmarkRED(b *testing.B) {
	for _, distance := range []int{0, 2} {
		b.Run(map[int]string{0: "off", 2: "two"}[distance], func(b *testing.B) {
			o, w := soundTo(b, distance)
			w.discards = true
			pool := media.NewPacketPool()
			payload := of(160)
			n := uint16(0)
			b.ReportAllocs()
			for b.Loop() {
				p := pool.Get()
				p.Fill(rtp.Header{Version: 2, SequenceNumber: n, Timestamp: 960 * uint32(n), SSRC: 1}, time.Time{}, payload)
				_ = o.send(p, p.Arrival)
				p.Release()
				n++
			}
		})
	}
}
