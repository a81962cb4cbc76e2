package rtptest

import (
	"io"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// Script yields what each step returns, then the end.
type Script []any

// Read returns the next step: its bytes, or its error.
func (s *Script) Read(b []byte) (int, interceptor.Attributes, error) {
	if len(*s) == 0 {
		return 0, nil, io.EOF
	}
	step := (*s)[0]
	*s = (*s)[1:]
	if err, ok := step.(error); ok {
		return 0, nil, err
	}
	return copy(b, step.([]byte)), nil, nil
}

// Marshal encodes a packet that can be encoded.
func Marshal(t testing.TB, p interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	b, err := p.Marshal()
	require.NoError(t, err)
	return b
}

// Patience bounds what a test waits for; nothing is concluded from it but failure.
const Patience = 2 * time.Minute

// Wait returns what comes from c, and fails the test when nothing does within Patience.
func Wait[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(Patience):
		require.FailNow(t, "waited in vain for "+what)
		panic("unreachable")
	}
}

// VP8Packet is the only packet of a frame.
func VP8Packet(seq uint16, key bool) *rtp.Packet {
	tag := byte(1)
	if key {
		tag = 0
	}
	return &rtp.Packet{
		Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: seq, Timestamp: uint32(seq) * 3000},
		Payload: []byte{0x10, tag, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01},
	}
}

// OpusPacket is 20 ms of silence, of which seq tells sequence number and time stamp.
func OpusPacket(seq uint16) *rtp.Packet {
	return &rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 960},
		Payload: []byte{0xfc, 0xff, 0xfe},
	}
}
