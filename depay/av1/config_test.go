package av1

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/Eyevinn/mp4ff/av1"
	"github.com/stretchr/testify/require"
)

func TestAppendSample(t *testing.T) {
	for _, c := range []struct{ name, unit, want string }{
		{"nothing", "", ""},
		{"only a delimiter", "\x12\x00", ""},
		{"delimiter first", "\x12\x00\x0a\x01\xaa\x32\x02\xbb\xcc", "\x0a\x01\xaa\x32\x02\xbb\xcc"},
		{"delimiter with extension", "\x16\x00\x00\x32\x01\xbb", "\x32\x01\xbb"},
		{"last unit without size", "\x12\x00\x0a\x01\xaa\x30\xbb\xcc", "\x0a\x01\xaa\x30\xbb\xcc"},
		{"broken size", "\x12\x00\x32\x05\xbb", "\x32\x05\xbb"},
		{"extension is missing", "\x12\x00\x36", "\x36"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, "before"+c.want, string(AppendSample([]byte("before"), []byte(c.unit))))
		})
	}
}

// sequenceHeaders are OBUs, with what mp4ff reads of them.
func sequenceHeaders() map[string][]byte {
	return map[string][]byte{
		"libaom":     AppendBlack(nil),
		"everything": AppendOBU(AppendTemporalDelimiter(nil), OBU{Type: SequenceHeaderType, Payload: timed()}),
		"a layer's":  AppendOBU(nil, OBU{Type: SequenceHeaderType, Extended: true, SpatialID: 1, Payload: timed()}),
	}
}

// mp4ff has the same opinion of sequence headers and of the record that is made of them.
func TestMP4FFAgrees(t *testing.T) {
	for name, key := range sequenceHeaders() {
		t.Run(name, func(t *testing.T) {
			record, err := AppendConfig(nil, key)
			require.NoError(t, err)
			read, err := av1.DecodeAV1CodecConfRec(record)
			require.NoError(t, err)
			known, err := read.SequenceHeader()
			require.NoError(t, err)
			require.Equal(t, read, av1.CodecConfRecFromSequenceHeader(known, read.ConfigOBUs))
			o, n, err := ParseOBU(read.ConfigOBUs)
			require.NoError(t, err)
			require.Len(t, read.ConfigOBUs, n)
			s, err := ParseSequence(o.Payload)
			require.NoError(t, err)
			require.Equal(t, [2]uint32{known.Width(), known.Height()}, [2]uint32{s.Width, s.Height})
			require.Equal(t, []any{known.MonoChrome, known.Use128x128Superblock, known.EnableCdef, known.FilmGrainParamsPresent, known.SeparateUVDeltaQ},
				[]any{s.Monochrome, s.superblock128, s.cdef, s.filmGrain, s.separateDelta})
			require.Equal(t, known.OperatingPointIdc, s.pointIDs[:s.points])
		})
	}
}

func TestKeyFrameWithoutSequence(t *testing.T) {
	for _, key := range []string{"", "\x12\x00", "\x0a\x7f\x00", "\x12\x00\x8a\x00"} {
		_, err := AppendConfig(nil, []byte(key))
		require.ErrorIs(t, err, ErrNoSequence, "%x", key)
	}
	_, err := AppendConfig(nil, []byte("\x0a\x02\x00\x00"))
	require.ErrorIs(t, err, ErrTruncated)
}

// What is stored of a temporal unit is stored the same a second time, and nothing but delimiters is missing.
func FuzzAppendSample(f *testing.F) {
	f.Add([]byte("\x12\x00\x0a\x0b\x00\x00\x00\x04\x3c\xff\xbc\xff\xf9\x88\x40\x32\x01\xaa"))
	f.Add([]byte("\x16\x08\x00\x30\x01"))
	f.Fuzz(func(t *testing.T, unit []byte) {
		_, _ = AppendConfig(nil, unit)
		stored := AppendSample(nil, unit)
		require.Equal(t, stored, AppendSample(nil, stored))
		if !bytes.Contains(unit, []byte{0x12}) && !bytes.Contains(unit, []byte{0x16}) {
			require.LessOrEqual(t, len(stored), len(unit))
		}
	})
}

func BenchmarkAppendSample(b *testing.B) {
	unit := append(binary.AppendUvarint([]byte{0x12, 0, 0x32}, 10_000), bytes.Repeat([]byte{0xaa}, 10_000)...)
	buf := make([]byte, 0, 1<<15)
	b.SetBytes(int64(len(unit)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendSample(buf[:0], unit)
	}
}
