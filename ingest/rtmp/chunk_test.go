package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// piece is a chunk: a basic header of one byte, a message header of the format, and what else follows.
func piece(format, number byte, header []byte, rest ...[]byte) []byte {
	return append(append([]byte{format<<6 | number}, header...), bytes.Join(rest, nil)...)
}

// header is the header of a message of format 0 or 1.
func header(format byte, stamp uint32, length int, kind byte) []byte {
	b := []byte{byte(stamp >> 16), byte(stamp >> 8), byte(stamp), byte(length >> 16), byte(length >> 8), byte(length), kind}
	if format == 0 {
		b = append(b, 1, 0, 0, 0)
	}
	return b
}

func word(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// got is a message as it was read.
type got struct {
	kind byte
	time uint32
	body string
}

func readMessages(stream io.Reader) (all []got, err error) {
	r := newChunkReader(stream)
	r.media = true
	for {
		m, err := r.next()
		if err != nil {
			return all, err
		}
		all = append(all, got{m.kind, m.time, string(m.body)})
	}
}

// Messages are put together from chunks as RTMP 1.0 §5.3 has them.
func TestChunks(t *testing.T) {
	long := bytes.Repeat([]byte("a"), 200)
	for name, c := range map[string]struct {
		stream []byte
		want   []got
	}{
		"nothing":      {nil, nil},
		"one":          {piece(0, 4, header(0, 5, 3, typeAudio), []byte("abc")), []got{{typeAudio, 5, "abc"}}},
		"two chunks":   {join(piece(0, 4, header(0, 5, 200, typeVideo), long[:128]), piece(3, 4, nil, long[128:])), []got{{typeVideo, 5, string(long)}}},
		"an empty one": {piece(0, 4, header(0, 5, 0, typeAudio)), []got{{typeAudio, 5, ""}}},
		"deltas": {
			join(piece(0, 4, header(0, 100, 1, typeAudio), []byte("a")), piece(1, 4, header(1, 20, 2, typeVideo), []byte("bb")), piece(2, 4, []byte{0, 0, 30}, []byte("cc")), piece(3, 4, nil, []byte("dd"))),
			[]got{{typeAudio, 100, "a"}, {typeVideo, 120, "bb"}, {typeVideo, 150, "cc"}, {typeVideo, 180, "dd"}},
		},
		"a third format after the first": {
			join(piece(0, 4, header(0, 100, 1, typeAudio), []byte("a")), piece(3, 4, nil, []byte("b"))), []got{{typeAudio, 100, "a"}, {typeAudio, 100, "b"}},
		},
		"interleaved": {
			join(piece(0, 4, header(0, 1, 200, typeVideo), long[:128]), piece(0, 5, header(0, 2, 1, typeAudio), []byte("b")), piece(3, 4, nil, long[128:])),
			[]got{{typeAudio, 2, "b"}, {typeVideo, 1, string(long)}},
		},
		"larger chunks": {
			join(piece(0, 2, header(0, 0, 4, typeChunkSize), word(4096)), piece(0, 4, header(0, 1, 200, typeVideo), long)), []got{{typeVideo, 1, string(long)}},
		},
		"an extended time stamp, repeated": {
			join(piece(0, 4, header(0, extended, 200, typeVideo), word(0x1000005), long[:128]), piece(3, 4, nil, word(0x1000005), long[128:])), []got{{typeVideo, 0x1000005, string(long)}},
		},
		"and not repeated": {
			join(piece(0, 4, header(0, extended, 200, typeVideo), word(0x1000005), long[:128]), piece(3, 4, nil, long[128:])), []got{{typeVideo, 0x1000005, string(long)}},
		},
		"given up": {
			join(piece(0, 4, header(0, 1, 200, typeVideo), long[:128]), piece(0, 2, header(0, 0, 4, typeAbort), word(4)), piece(0, 4, header(0, 2, 1, typeAudio), []byte("b"))),
			[]got{{typeAudio, 2, "b"}},
		},
		"a first one of format 1": {piece(1, 4, header(1, 7, 1, typeAudio), []byte("a")), []got{{typeAudio, 7, "a"}}},
		"numbers of two and three bytes": {
			join([]byte{0, 10}, header(0, 1, 1, typeAudio), []byte("a"), []byte{1, 10, 1}, header(0, 2, 1, typeAudio), []byte("b")), []got{{typeAudio, 1, "a"}, {typeAudio, 2, "b"}},
		},
		"a time that wraps": {
			join(piece(0, 4, header(0, extended, 1, typeAudio), word(1<<32-10), []byte("a")), piece(1, 4, header(1, 20, 1, typeAudio), []byte("b"))),
			[]got{{typeAudio, 1<<32 - 10, "a"}, {typeAudio, 10, "b"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := readMessages(iotest.HalfReader(bytes.NewReader(c.stream)))
			require.ErrorIs(t, err, io.EOF)
			require.Equal(t, c.want, all)
		})
	}
}

// What a client cannot mean, or would make us hold too much, ends the connection.
func TestChunksRefused(t *testing.T) {
	var many, streams []byte
	many = join(many, piece(0, 2, header(0, 0, 4, typeChunkSize), word(maxHeld/2)))
	for number := byte(3); number < 9; number++ {
		many = join(many, piece(0, number, header(0, 0, maxVideo, typeVideo), make([]byte, maxHeld/2)))
	}
	for number := byte(3); number < 3+maxStreams+1; number++ {
		streams = join(streams, piece(0, number, header(0, 0, 1, typeAudio), []byte("a")))
	}
	for name, c := range map[string]struct {
		stream []byte
		want   string
	}{
		"cut short":              {piece(0, 4, header(0, 5, 3, typeAudio), []byte("ab")), "unexpected EOF"},
		"in a header":            {piece(0, 4, header(0, 5, 3, typeAudio)[:4]), "unexpected EOF"},
		"follows on none":        {piece(3, 4, nil, []byte("a")), "follows on none"},
		"begins in the middle":   {join(piece(0, 4, header(0, 1, 200, typeVideo), make([]byte, 128)), piece(0, 4, header(0, 1, 1, typeVideo), []byte("a"))), "in the middle"},
		"a long command":         {piece(0, 4, header(0, 5, maxOther+1, typeCommand)), "are the most"},
		"a long picture":         {piece(0, 4, header(0, 5, maxVideo+1, typeVideo)), "are the most"},
		"chunks of no bytes":     {piece(0, 2, header(0, 0, 4, typeChunkSize), word(0)), "chunks of 0 bytes"},
		"a short protocol one":   {piece(0, 2, header(0, 0, 2, typeChunkSize), []byte{1, 2}), "cut short"},
		"too much at once":       {many, "not complete"},
		"too many chunk streams": {streams, "more than 32"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readMessages(bytes.NewReader(c.stream))
			require.ErrorContains(t, err, c.want)
			require.False(t, errors.Is(err, io.EOF))
		})
	}
}

// Who has not said what to publish, and may not be known, cannot make us hold pictures.
func TestChunksBeforePublishing(t *testing.T) {
	for _, kind := range []byte{typeVideo, typeAudio} {
		_, err := newChunkReader(bytes.NewReader(piece(0, 4, header(0, 0, maxOther+1, kind)))).next()
		require.ErrorContains(t, err, "are the most")
	}
}

// Memory of long messages is let go of, that of short ones is used again.
func TestChunksLetGo(t *testing.T) {
	long := make([]byte, keptBuffer+1)
	r := newChunkReader(bytes.NewReader(join(
		piece(0, 2, header(0, 0, 4, typeChunkSize), word(maxVideo)), piece(0, 4, header(0, 0, len(long), typeVideo), long), piece(0, 5, header(0, 0, 10, typeAudio), long[:10]))))
	r.media = true
	_, err := r.next()
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.held, len(long))
	_, err = r.next()
	require.NoError(t, err)
	require.Less(t, r.held, 100)
}

func TestTarget(t *testing.T) {
	for _, c := range []struct{ app, publish, stream, key string }{
		{"live", "cam", "cam", ""},
		{"live", "cam?key=a+b/c==", "cam", "a+b/c=="},
		{"live", "cam?key=a%2Bb", "cam", "a+b"},
		{"live/", "/cam/", "cam", ""},
		{"live/cam", "", "cam", ""},
		{"live/cam?key=abc", "", "cam", "abc"},
		{"live?token=abc", "cam", "cam", "abc"},
		{"live?key=old", "cam?key=new", "cam", "new"},
		{"", "cam?user=me&pass=abc", "cam", "abc"},
		{"live", "cam?password=abc&x", "cam", "abc"},
		{"live", "cam?key=&token=abc", "cam", "abc"},
		{"live", "cam?key=%zz", "cam", "%zz"},
		{"live", "?key=abc", "live", "abc"},
		{"", "", "", ""},
	} {
		stream, key := target(c.app, c.publish)
		require.Equal(t, []string{c.stream, c.key}, []string{stream, key}, "%s and %s", c.app, c.publish)
	}
}
