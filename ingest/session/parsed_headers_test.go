package session

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/transport/v4/packetio"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// withExtensions is a packet with a header extension of that profile (RFC 8285).
func withExtensions(t testing.TB, profile uint16, ids ...uint8) []byte {
	p := rtptest.OpusPacket(1)
	p.Extension, p.ExtensionProfile = true, profile
	for _, id := range ids {
		require.NoError(t, p.SetExtension(id, []byte{id, 2, 3}))
	}
	return rtptest.Marshal(t, p)
}

// FuzzHeaders feeds two packets, one after the other. Nothing of the first is left in the memory that the second is parsed into.
func FuzzHeaders(f *testing.F) {
	f.Add(withExtensions(f, 0xbede, 1, 2, 3), rtptest.Marshal(f, rtptest.OpusPacket(2)))
	f.Add(withExtensions(f, 0x1000, 1, 200), withExtensions(f, 0xbede, 4))
	f.Add(rtptest.Marshal(f, &rtp.Packet{Header: rtp.Header{Version: 2, CSRC: []uint32{1, 2}}}), withExtensions(f, 0xbede, 14))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		script := rtptest.Script{first, second}
		reader := (&parsedHeaders{}).BindRemoteStream(nil, interceptor.RTPReaderFunc(func(b []byte, _ interceptor.Attributes) (int, interceptor.Attributes, error) {
			return script.Read(b)
		}))
		buf := make([]byte, 1500)
		for _, packet := range [][]byte{first, second} {
			packet = packet[:min(len(packet), len(buf))]
			var want rtp.Header
			_, wantErr := want.Unmarshal(packet)
			n, attributes, err := reader.Read(buf, nil)
			require.Equal(t, wantErr == nil, err == nil, "%v, %v", wantErr, err)
			if err != nil {
				continue
			}
			got, err := attributes.GetRTPHeader(buf[:n])
			require.NoError(t, err)
			require.Equal(t, want.SSRC, got.SSRC)
			require.Equal(t, want.GetExtensionIDs(), got.GetExtensionIDs())
			for _, id := range want.GetExtensionIDs() {
				require.Equal(t, want.GetExtension(id), got.GetExtension(id))
			}
			require.Equal(t, len(want.CSRC), len(got.CSRC))
		}
	})
}

// FuzzStreams has packets of any kind written to streams of any source, and read or not. What waits is bounded and accounted for.
func FuzzStreams(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7}, []byte{0x80, 0x60, 1, 2, 3, 4, 5, 6})
	f.Add([]byte{0x11, 0x21, 0x31, 0x01, 0x81}, []byte{})
	f.Add(bytes.Repeat([]byte{0x4a}, 2*rtcpBuffer/1500), make([]byte, 1500)) // of RTCP that nobody reads
	f.Fuzz(func(t *testing.T, script, packet []byte) {
		var l streams
		l.adopt = func(_ *rtpStream, packet []byte) bool { return packet[1]&0x7f == 96 }
		packet = packet[:min(len(packet), 1500)]
		buf := make([]byte, 1500)
		for _, op := range script[:min(len(script), 64)] {
			kind, ssrc := packetio.RTPBufferPacket, uint32(op&7)
			if op&8 != 0 {
				kind = packetio.RTCPBufferPacket
			}
			s, ok := l.rtcpOrRTP(kind)[ssrc].(io.ReadWriteCloser)
			if !ok {
				s = l.open(kind, ssrc)
			}
			if r, isRTP := s.(*rtpStream); isRTP && op&0x20 != 0 && r.Count() > 0 {
				_, _ = r.take(buf)
			}
			if op&0x10 != 0 {
				require.NoError(t, s.Close())
				continue
			}
			n, err := s.Write(packet)
			full := kind == packetio.RTCPBufferPacket && errors.Is(err, packetio.ErrFull) // pion drops it without a word
			require.True(t, full || err == nil && n == len(packet), "%d, %v", n, err)
		}
		waits := 0
		for _, s := range l.rtp {
			waits += s.(*rtpStream).unread
		}
		require.Equal(t, waits, l.unread)
		require.LessOrEqual(t, l.unread, maxUnread)
		l.close()
		require.Zero(t, l.unread)
	})
}
