package session

import (
	"testing"

	"github.com/pion/dtls/v3/pkg/protocol/handshake"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
	"github.com/stretchr/testify/require"
)

// Pion reads these bytes of clients in goroutines of its own, where a panic cannot be contained and would end the service. What has only
// come from the right address is first.

func FuzzPionSTUN(f *testing.F) {
	check, err := stun.Build(
		stun.BindingRequest, stun.TransactionID, stun.NewUsername("server:client"), ice.PriorityAttr(1), ice.AttrControlling(7), ice.UseCandidate(),
		stun.NewShortTermIntegrity("password"), stun.Fingerprint,
	)
	require.NoError(f, err)
	f.Add(check.Raw)
	f.Fuzz(func(_ *testing.T, packet []byte) {
		if !stun.IsMessage(packet) {
			return
		}
		m := &stun.Message{Raw: packet}
		if m.Decode() != nil {
			return
		}
		_, _ = m.Get(stun.AttrUsername)
		_ = m.Check(stun.NewShortTermIntegrity("password"), stun.Fingerprint)
		var (
			username stun.Username
			address  stun.XORMappedAddress
			code     stun.ErrorCodeAttribute
			control  ice.AttrControl
			priority ice.PriorityAttr
		)
		for _, a := range []stun.Getter{&username, &address, &code, &control, &priority} {
			_ = a.GetFrom(m)
		}
		_ = m.String()
	})
}

func FuzzPionDTLS(f *testing.F) {
	hello, err := (&recordlayer.RecordLayer{Content: &handshake.Handshake{Message: &handshake.MessageClientHello{
		Cookie: []byte{1}, SessionID: []byte{2}, CipherSuiteIDs: []uint16{0xc02b}, CompressionMethods: nil,
	}}}).Marshal()
	require.NoError(f, err)
	f.Add(hello)
	f.Fuzz(func(_ *testing.T, packet []byte) {
		records, err := recordlayer.ContentAwareUnpackDatagram(packet, 0)
		if err != nil {
			return
		}
		for _, record := range records {
			var header recordlayer.Header
			var layer recordlayer.RecordLayer
			if header.Unmarshal(record) != nil || layer.Unmarshal(record) != nil {
				continue
			}
			var h handshake.Handshake
			_ = h.Unmarshal(record[min(len(record), header.Size()):])
		}
	})
}

func FuzzPionRTCP(f *testing.F) {
	for _, p := range []rtcp.Packet{
		&rtcp.SenderReport{Reports: make([]rtcp.ReceptionReport, 2)}, &rtcp.ReceiverReport{Reports: make([]rtcp.ReceptionReport, 1)},
		&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{1, 2}}, &rtcp.Goodbye{Sources: []uint32{1}, Reason: "end"},
		&rtcp.TransportLayerNack{Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 3}}}, rtcp.NewCNAMESourceDescription(1, "a"),
		&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 1}}},
	} {
		raw, err := p.Marshal()
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 2, 0, 0, 1, 0, 0x20, 2, 4, 4}) // feedback of transport-wide congestion control
	f.Add([]byte{0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2})                // an extended report
	f.Fuzz(func(_ *testing.T, packet []byte) {
		packets, err := rtcp.Unmarshal(packet)
		if err != nil {
			return
		}
		for _, p := range packets { // as pion's SRTCP session does
			_, _ = p.Marshal()
			_ = p.DestinationSSRC()
		}
	})
}

func FuzzPionRTP(f *testing.F) {
	raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2, Padding: true, PaddingSize: 2, CSRC: []uint32{1}}, Payload: []byte{1, 2, 3}}).Marshal()
	require.NoError(f, err)
	f.Add(raw)
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 1, 2})
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 0, 0, 1, 1, 1, 7, 0, 1, 2})
	f.Fuzz(func(_ *testing.T, packet []byte) {
		var header rtp.Header
		if _, err := header.Unmarshal(packet); err != nil {
			return
		}
		for _, id := range header.GetExtensionIDs() {
			_ = header.GetExtension(id)
		}
		_, _ = header.Marshal()
		var p rtp.Packet
		_ = p.Unmarshal(packet)
	})
}
