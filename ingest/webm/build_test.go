package webm

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const void = 0xEC

// unknown is the size of an element that has no end, in 8 bytes.
var unknown = []byte{0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// id is an element ID without leading zeros.
func id(v uint32) []byte {
	return bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, v), "\x00")
}

// claim begins an element of the given size, in 8 bytes.
func claim(v uint32, size uint64) []byte {
	return join(id(v), binary.BigEndian.AppendUint64(nil, 1<<56|size))
}

// elem is an element of known size, in one byte when it fits.
func elem(v uint32, body ...[]byte) []byte {
	b := join(body...)
	if len(b) < 127 {
		return join(id(v), []byte{0x80 | byte(len(b))}, b)
	}
	return join(claim(v, uint64(len(b))), b)
}

// open is an element of unknown size.
func open(v uint32, body ...[]byte) []byte { return join(id(v), unknown, join(body...)) }

func number(v uint32, n uint64) []byte {
	return elem(v, bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, n), "\x00"))
}

func text(v uint32, s string) []byte { return elem(v, []byte(s)) }

func header(kind string) []byte {
	return elem(idHeader, number(0x4286, 1), text(idDocType, kind), number(0x4287, 4))
}

func info(scale uint64) []byte {
	return elem(idInfo, number(idScale, scale), text(0x4D80, "Chrome"))
}

func video(n uint64, more ...[]byte) []byte {
	return elem(idEntry, number(idNumber, n), number(idType, typeVideo), text(idCodec, "V_VP8"),
		elem(idVideo, number(idWidth, 640), number(idHeight, 360)), join(more...))
}

func audio(n uint64, more ...[]byte) []byte {
	return elem(idEntry, number(idNumber, n), number(idType, typeAudio), text(idCodec, "A_OPUS"),
		elem(idPrivate, []byte("OpusHead")), elem(idAudio, number(idChannels, 2)), join(more...))
}

// frame is the data of a SimpleBlock or Block.
func frame(track byte, at int16, data string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x80 | track}, uint16(at)), "\x80"+data...)
}

func simple(track byte, at int16, data string) []byte { return elem(idSimple, frame(track, at, data)) }

func group(track byte, at int16, data string) []byte {
	return elem(idGroup, elem(idBlock, frame(track, at, data)), number(0x9B, 20))
}

// start is a stream up to its first Cluster, as MediaRecorder writes it.
func start() []byte {
	return join(header("webm"), open(idSegment, info(1_000_000), elem(idTracks, video(1), audio(2))))
}

func cluster(at uint64, body ...[]byte) []byte {
	return open(idCluster, number(idTimestamp, at), join(body...))
}

// seed has everything that the reader reads, in 2 Clusters.
func seed() []byte {
	return join(start(),
		cluster(100, simple(1, 0, "key frame"), simple(2, -3, "sound"), group(2, 17, "more sound")),
		elem(void, make([]byte, 5)),
		cluster(200, simple(1, 1, "picture")))
}

// got is a Block with data of its own.
type got struct {
	track byte
	ms    int
	data  string
}

// seedBlocks are those of seed.
func seedBlocks() []got {
	return []got{{1, 100, "key frame"}, {2, 97, "sound"}, {2, 117, "more sound"}, {1, 201, "picture"}}
}

func drain(t *testing.T, r *Reader) (all []got, err error) {
	t.Helper()
	for {
		b, err := r.Next()
		if err != nil {
			_, again := r.Next()
			require.Equal(t, err, again, "the error stays")
			return all, err
		}
		all = append(all, got{byte(b.Track), int(b.Time / time.Millisecond), string(b.Data)})
	}
}

func readAll(t *testing.T, data []byte) ([]got, error) {
	t.Helper()
	return drain(t, NewReader(bytes.NewReader(data)))
}

// pieces gives each piece in one Read, and an error, if it is not nil, between them.
type pieces struct {
	data [][]byte
	err  error
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	if len(p.data[0]) == 0 {
		p.data = p.data[1:]
		if p.err != nil && len(p.data) > 0 {
			return 0, p.err
		}
		return p.Read(b)
	}
	n := copy(b, p.data[0])
	p.data[0] = p.data[0][n:]
	return n, nil
}
