package media

import (
	"encoding/binary"
	"io"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// unwrapper is a track of sound that comes with redundancy, and who gets it.
type unwrapper struct {
	testing.TB
	track   *Track
	tap     *Tap
	deliver func(*Packet)
}

func redFormat() Format {
	return Format{Payload: "111", Red: "63", Parameters: "minptime=10;useinbandfec=1"}
}

func newUnwrapper(t testing.TB) *unwrapper {
	track := NewTrack(KindAudio, redFormat(), NewPacketPool())
	return &unwrapper{t, track, track.Tap(256), unwrapped(track)}
}

// write delivers a packet as the read loop does.
func (u *unwrapper) write(payloadType uint8, seq uint16, timestamp uint32, payload []byte) {
	raw := rtptest.Marshal(u, &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: payloadType, SequenceNumber: seq, Timestamp: timestamp, SSRC: 7}, Payload: payload})
	u.track.ReadRTP(&rtptest.Script{raw}, u.deliver)
}

func (u *unwrapper) opus(seq uint16) { u.write(111, seq, uint32(seq)*960, rtptest.SoundOf(seq)) }
func (u *unwrapper) red(seq uint16, before int) {
	u.write(63, seq, uint32(seq)*960, rtptest.REDPacket(seq, before))
}

// take empties the tap.
func (u *unwrapper) take() (packets []rtp.Packet) {
	for p, ok := u.tap.Next(); ok; p, ok = u.tap.Next() {
		out := p.RTP
		out.Payload = append([]byte{}, p.RTP.Payload...)
		packets = append(packets, out)
		p.Release()
	}
	return packets
}

// RFC 2198 §4: what comes out is what was sent, once, whichever way it came.
func TestRedundancy(t *testing.T) {
	for name, c := range map[string]struct {
		send      func(*unwrapper)
		want      []int
		recovered uint64
		lost      uint64
	}{
		"nothing lost":                  {func(u *unwrapper) { u.red(1, 1); u.red(2, 1); u.red(3, 1) }, []int{1, 2, 3}, 0, 0},
		"one lost":                      {func(u *unwrapper) { u.red(1, 1); u.red(3, 1) }, []int{1, 2, 3}, 1, 0},
		"two lost, one comes back":      {func(u *unwrapper) { u.red(1, 1); u.red(4, 1) }, []int{1, 3, 4}, 1, 1},
		"two lost, both come back":      {func(u *unwrapper) { u.red(1, 2); u.red(4, 2) }, []int{1, 2, 3, 4}, 2, 0},
		"it comes late":                 {func(u *unwrapper) { u.red(1, 1); u.red(3, 1); u.red(2, 1); u.red(4, 1) }, []int{1, 2, 3, 4}, 1, 0},
		"it comes late, alone":          {func(u *unwrapper) { u.red(1, 1); u.red(3, 1); u.opus(2); u.opus(4) }, []int{1, 2, 3, 4}, 1, 0},
		"late and not restored":         {func(u *unwrapper) { u.opus(1); u.opus(3); u.opus(2) }, []int{1, 3, 2}, 0, 0},
		"late, with another one":        {func(u *unwrapper) { u.opus(1); u.opus(4); u.red(3, 1) }, []int{1, 4, 2, 3}, 1, 0},
		"twice":                         {func(u *unwrapper) { u.red(1, 1); u.red(1, 1); u.opus(2); u.opus(2) }, []int{1, 2}, 0, 0},
		"alone and with redundancy":     {func(u *unwrapper) { u.opus(1); u.red(3, 1); u.opus(4); u.red(6, 2) }, []int{1, 2, 3, 4, 5, 6}, 2, 0},
		"before the first":              {func(u *unwrapper) { u.red(9, 2) }, []int{9}, 0, 0},
		"sequence numbers wrap":         {func(u *unwrapper) { u.red(65534, 2); u.red(1, 2) }, []int{65534, 65535, 0, 1}, 2, 0},
		"far ahead":                     {func(u *unwrapper) { u.red(1, 1); u.red(1000, 2) }, []int{1, 998, 999, 1000}, 2, 996},
		"far back":                      {func(u *unwrapper) { u.red(1000, 1); u.red(100, 2); u.red(102, 1) }, []int{1000, 100, 101, 102}, 1, 0},
		"malformed":                     {func(u *unwrapper) { u.red(1, 0); u.write(63, 2, 1920, []byte{0xef}); u.red(3, 1) }, []int{1, 2, 3}, 1, 0},
		"not in a row":                  {func(u *unwrapper) { u.opus(1); u.pause(3) }, []int{1, 3}, 0, 1},
		"before what is not in a row":   {func(u *unwrapper) { u.opus(1); u.skipping(5) }, []int{1, 4, 5}, 1, 2},
		"a block without sound":         {func(u *unwrapper) { u.opus(1); u.write(63, 3, 2880, []byte{0xef, 0, 0, 0, 111, 0xf8, 0, 3}) }, []int{1, 3}, 0, 1},
		"older than what is remembered": {func(u *unwrapper) { u.opus(1); u.opus(100); u.red(40, 9) }, []int{1, 100, 37, 38, 39, 40}, 3, 94},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnwrapper(t)
			c.send(u)
			var got []int
			for _, p := range u.take() {
				got = append(got, int(p.SequenceNumber))
				require.Equal(t, rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: p.SequenceNumber, Timestamp: p.Timestamp, SSRC: 7, CSRC: p.CSRC}, p.Header)
				require.Equal(t, rtptest.SoundOf(p.SequenceNumber), p.Payload)
			}
			require.Equal(t, c.want, got)
			st := u.track.Stats()
			require.Equal(t, c.recovered, st.Recovered)
			require.Equal(t, c.lost, st.Lost)
		})
	}
}

// pause sends a packet whose redundancy is of before a pause.
func (u *unwrapper) pause(seq uint16) {
	b := rtptest.REDPacket(seq, 1)
	binary.BigEndian.PutUint16(b[1:], 1920<<2)
	u.write(63, seq, uint32(seq)*960, b)
}

// skipping sends a packet with two before it, of which one was sent much earlier.
func (u *unwrapper) skipping(seq uint16) {
	b := rtptest.REDPacket(seq, 2)
	binary.BigEndian.PutUint16(b[1:], 4800<<2)
	u.write(63, seq, uint32(seq)*960, b)
}

// BenchmarkRedundancy unwraps packets as they are read: with nothing lost, and with every other one.
func BenchmarkRedundancy(b *testing.B) {
	for name, step := range map[string]uint16{"whole": 1, "half": 2} {
		b.Run(name, func(b *testing.B) {
			track := NewTrack(KindAudio, redFormat(), NewPacketPool())
			track.Subscribe(&discard{})
			deliver := unwrapped(track)
			payload := rtptest.REDPacket(1, 1)
			raw := rtptest.Marshal(b, &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 63}, Payload: payload})
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			track.ReadRTP(&redReader{loop: b.Loop, raw: raw, step: step}, deliver)
			require.Equal(b, step == 2, track.Stats().Recovered > 0)
		})
	}
}

// redReader yields every step-th packet of a sound, until the loop ends.
type redReader struct {
	loop func() bool
	raw  []byte
	step uint16
	seq  uint16
}

func (r *redReader) Read(b []byte) (int, interceptor.Attributes, error) {
	if !r.loop() {
		return 0, nil, io.EOF
	}
	r.seq += r.step
	n := copy(b, r.raw)
	binary.BigEndian.PutUint16(b[2:], r.seq)
	return n, nil, nil
}
