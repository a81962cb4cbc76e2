package session

import (
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

// What a retransmission has brought is not asked for again.
func TestNothingIsAskedForThatHasCome(t *testing.T) {
	var sent []rtcp.Packet
	f := &feedback{}
	w := f.BindRTCPWriter(interceptor.RTCPWriterFunc(func(packets []rtcp.Packet, _ interceptor.Attributes) (int, error) {
		sent = append(sent, packets...)
		return 0, nil
	}))
	ask := func(ssrc uint32, sequences ...uint16) {
		_, err := w.Write([]rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(sequences)}}, nil)
		require.NoError(t, err)
	}
	has := func(ssrc uint32, sequence uint16) bool { return ssrc == 1 && sequence == 65535 }
	f.has.Store(&has)
	ask(1, 65535)
	require.Empty(t, sent)
	ask(1, 65534, 65535, 0)
	ask(2, 65535)
	require.Equal(t, []uint16{65534, 0}, sequencesOf(sent[0]))
	require.Equal(t, []uint16{65535}, sequencesOf(sent[1]))
	require.EqualValues(t, 3, f.nacks.Load())
}

func sequencesOf(p rtcp.Packet) (all []uint16) {
	for _, pair := range p.(*rtcp.TransportLayerNack).Nacks {
		all = append(all, pair.PacketList()...)
	}
	return all
}
