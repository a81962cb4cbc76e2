package media

import (
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// Which packets have come is known of the last thousand, of one source.
func TestWhatHasCome(t *testing.T) {
	s := &receiverStats{clockRate: VideoClockRate}
	come := func(sequences ...uint16) {
		for _, sequence := range sequences {
			s.add(&Packet{RTP: rtp.Packet{Header: rtp.Header{SequenceNumber: sequence}}})
		}
	}
	come(65000, 65535, 2, 0)
	for sequence, want := range map[uint16]bool{64999: false, 65000: true, 65001: false, 65535: true, 0: true, 1: false, 2: true, 3: false} {
		require.Equal(t, want, s.has(sequence), sequence)
	}
	come(1, 3000) // so far that nothing before is known
	for _, sequence := range []uint16{1, 2, 2999, 3001, 3000 - numbersKept} {
		require.False(t, s.has(sequence), sequence)
	}
	come(3000 - numbersKept) // whose place another has by now
	require.True(t, s.has(3000))
	s.beginSource()
	come(3500)
	require.False(t, s.has(3000))
}
