package session

import (
	"io"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/transport/v4/packetio"
	"github.com/stretchr/testify/require"
)

// A connection has so many streams of a kind and no more, and is told of once; those that were closed make room.
func TestStreamsAreBounded(t *testing.T) {
	for kind, most := range map[packetio.BufferPacketType]uint32{packetio.RTPBufferPacket: maxRTPStreams, packetio.RTCPBufferPacket: maxRTCPStreams} {
		told := 0
		var l streams
		l.onExcess(func(reason error) {
			require.Equal(t, ErrTooManySources, reason)
			told++
		})
		for ssrc := range most {
			require.NotEqual(t, refused{}, l.open(kind, ssrc))
		}
		require.Zero(t, told)
		require.NoError(t, l.rtcpOrRTP(kind)[7].Close())
		require.NotEqual(t, refused{}, l.open(kind, 7))
		for ssrc := range uint32(10) {
			require.Equal(t, refused{}, l.open(kind, most+ssrc))
		}
		require.Equal(t, 1, told)
		l.close()
		require.Empty(t, l.rtcpOrRTP(kind))
	}
	var gone refused
	n, err := gone.Write(make([]byte, 5))
	require.Equal(t, 5, n)
	require.NoError(t, err)
	_, err = gone.Read(nil)
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, gone.Close())
}

func (l *streams) rtcpOrRTP(kind packetio.BufferPacketType) map[uint32]io.Closer {
	if kind == packetio.RTPBufferPacket {
		return l.rtp
	}
	return l.rtcp
}

// What nobody reads is dropped beyond a bound for all streams together. What is read needs none.
func TestUnreadStreamsAreBounded(t *testing.T) {
	var l streams
	packet := make([]byte, 1000)
	for ssrc := range uint32(10) {
		s := l.open(packetio.RTPBufferPacket, ssrc)
		for range 300 {
			_, err := s.Write(packet)
			require.NoError(t, err)
		}
	}
	require.LessOrEqual(t, l.unread, maxUnread)
	require.Greater(t, l.unread, maxUnread-len(packet))
	first := l.rtp[0].(*rtpStream)
	for range fewReads {
		_, err := first.Read(packet)
		require.NoError(t, err)
	}
	require.Equal(t, maxUnread/1000*1000-300*1000, l.unread, "it is read")
	for range 300 {
		_, err := first.Write(packet)
		require.NoError(t, err)
	}
	require.Equal(t, 600-fewReads, first.Count())
	require.False(t, l.strayed().IsZero())
	l.close()
	require.Zero(t, l.unread)
}

// Streams that the description does not declare are read beside pion, which has nothing of them, if their payload type is known.
func TestUndeclaredStreams(t *testing.T) {
	section := &sdp.MediaDescription{Attributes: []sdp.Attribute{{Key: "ssrc", Value: "1 cname:a"}, {Key: "ssrc", Value: "2"}}}
	var l streams
	var adopted []uint32
	l.readUndeclared(func(s *rtpStream, packet []byte) bool {
		taken := packet[1]&0x7f == 96
		if taken {
			adopted = append(adopted, s.ssrc)
		}
		return taken
	}, &sdp.SessionDescription{MediaDescriptions: []*sdp.MediaDescription{section}})
	buf := make([]byte, 100)
	for _, tt := range []struct {
		ssrc    uint32
		payload byte
		want    error
	}{{1, 96, nil}, {2, 96, nil}, {3, 96, io.EOF}, {4, 97, nil}} {
		s := l.open(packetio.RTPBufferPacket, tt.ssrc)
		read := make(chan error)
		go func() {
			_, err := s.Read(buf)
			read <- err
		}()
		_, err := s.Write([]byte{0x80, 0x80 | tt.payload, 7, 7})
		require.NoError(t, err)
		require.ErrorIs(t, <-read, tt.want)
	}
	require.Equal(t, []uint32{3}, adopted)
	n, err := l.rtp[3].(*rtpStream).take(buf)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	silent := l.open(packetio.RTPBufferPacket, 5)
	l.close()
	_, err = silent.Read(buf)
	require.ErrorIs(t, err, io.EOF, "a stream of which nothing has come ends, too")
	require.Equal(t, refused{}, l.open(packetio.RTPBufferPacket, 6))
}
