package ogg

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeLog remembers each Write, and fails from the one numbered fail on.
type writeLog struct {
	writes [][]byte
	fail   int
}

var errDisk = errors.New("disk full")

func (l *writeLog) Write(b []byte) (int, error) {
	if l.fail > 0 && len(l.writes) >= l.fail {
		return 0, errDisk
	}
	l.writes = append(l.writes, bytes.Clone(b))
	return len(b), nil
}

func TestChecksum(t *testing.T) {
	// The check value of CRC-32 with this polynomial, initial value 0, nothing reflected, nothing inverted.
	require.Equal(t, uint32(0x89a1897f), checksum(0, []byte("123456789")))
	require.Equal(t, checksum(0, []byte("123456789")), checksum(checksum(0, []byte("1234")), []byte("56789")))
}

func TestWriterBytes(t *testing.T) {
	var log writeLog
	w := NewWriter(&log, Header{Channels: 1, SerialNumber: 0x01020304})
	require.Empty(t, log.writes, "nothing before the first packet")
	require.NoError(t, w.WritePacket(1<<40, 960, []byte{0xfc, 0xff, 0xfe}))
	require.NoError(t, w.WritePacket(1<<40+960, 480, []byte{7}))
	require.Len(t, log.writes, 2, "one write per packet")
	first := log.writes[0]
	require.Equal(t, "OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x04\x03\x02\x01\x00\x00\x00\x00", string(first[:22]))
	require.Equal(t, "\x01\x13OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00", string(first[26:47]))
	require.Equal(t, "OggS\x00\x00", string(first[47:53]))
	require.Equal(t, "\x01\x16OpusTags\x06\x00\x00\x00sluice\x00\x00\x00\x00", string(first[73:97]))
	require.Equal(t, "OggS\x00\x00\xc0\x03\x00\x00\x00\x01\x00\x00\x04\x03\x02\x01\x02\x00\x00\x00", string(first[97:119]))
	require.Equal(t, "\x01\x03\xfc\xff\xfe", string(first[123:]))
	require.Equal(t, "OggS\x00\x00\xa0\x05\x00\x00\x00\x01\x00\x00\x04\x03\x02\x01\x03\x00\x00\x00", string(log.writes[1][:22]))
}

func TestWriterErrors(t *testing.T) {
	t.Run("channels", func(t *testing.T) {
		require.ErrorContains(t, NewWriter(io.Discard, Header{Channels: 3}).WritePacket(0, 960, []byte{1}), "3 channels")
	})
	t.Run("an empty packet is refused", func(t *testing.T) {
		require.ErrorIs(t, NewWriter(io.Discard, Header{}).WritePacket(0, 960, nil), errEmpty)
	})
	t.Run("a packet too large is refused and the next one is not", func(t *testing.T) {
		w := NewWriter(io.Discard, Header{})
		require.ErrorIs(t, w.WritePacket(0, 960, make([]byte, MaxPacketSize+1)), ErrTooLarge)
		require.NoError(t, w.WritePacket(0, 960, make([]byte, MaxPacketSize)))
	})
	t.Run("nothing is written after a failure", func(t *testing.T) {
		log := writeLog{fail: 1}
		w := NewWriter(&log, Header{})
		require.NoError(t, w.WritePacket(0, 960, []byte{1}))
		require.ErrorIs(t, w.WritePacket(960, 960, []byte{1}), errDisk)
		log.fail = 0
		require.ErrorIs(t, w.WritePacket(960, 960, []byte{1}), errDisk)
		require.ErrorIs(t, w.Close(), errDisk)
		require.Len(t, log.writes, 1)
	})
}

func BenchmarkWritePacket(b *testing.B) {
	w := NewWriter(io.Discard, Header{})
	packet := make([]byte, 160)
	b.ReportAllocs()
	b.SetBytes(int64(len(packet)))
	for i := int64(0); b.Loop(); i += 960 {
		if err := w.WritePacket(i, 960, packet); err != nil {
			b.Fatal(err)
		}
	}
}
