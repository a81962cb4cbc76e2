package webm

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
)

var wantTracks = []Track{
	{Number: 1, Codec: "V_VP8", Video: true, Width: 640, Height: 360},
	{Number: 2, Codec: "A_OPUS", Private: []byte("OpusHead"), Channels: 2},
}

func TestReaderTracks(t *testing.T) {
	subtitles := elem(idEntry, number(idNumber, 3), number(idType, 17), elem(idEncodings))
	cases := []struct {
		name   string
		tracks []byte
		want   []Track
	}{
		{"video and audio", join(video(1), audio(2)), wantTracks},
		{"others are left out", join(elem(idCRC32, make([]byte, 4)), video(1), subtitles, audio(2)), wantTracks},
		{"nothing but what must be", elem(idEntry, number(idNumber, 1<<40), number(idType, typeAudio), text(idCodec, "A_AAC")),
			[]Track{{Number: 1 << 40, Codec: "A_AAC", Channels: 1}}},
		{"empty elements have their defaults", elem(idEntry, number(idNumber, 4), number(idType, typeAudio),
			text(idCodec, "A_OPUS\x00\x00"), elem(idPrivate), elem(idAudio, elem(idChannels), elem(void))),
			[]Track{{Number: 4, Codec: "A_OPUS", Private: []byte{}, Channels: 1}}},
		{"encrypted", video(1, elem(idEncodings, make([]byte, 9))),
			[]Track{{Number: 1, Codec: "V_VP8", Video: true, Width: 640, Height: 360, Encoded: true}}},
		{"unknown elements", video(1, elem(idVideo, elem(0x55B0, make([]byte, 200)))), wantTracks[:1]},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(join(header("matroska"), open(idSegment, elem(idTracks, c.tracks)))))
			tracks, err := r.Tracks()
			require.NoError(t, err)
			require.Equal(t, c.want, tracks)
			_, err = r.Next()
			require.Equal(t, io.EOF, err)
			again, err := r.Tracks()
			require.NoError(t, err, "also after the end")
			require.Equal(t, tracks, again)
		})
	}
}

// A live upload must start before its first Cluster is there.
func TestTracksDoesNotWait(t *testing.T) {
	source, upload := io.Pipe()
	go func() { _, _ = upload.Write(start()) }()
	r := NewReader(source)
	tracks, err := r.Tracks()
	require.NoError(t, err)
	require.Equal(t, wantTracks, tracks)
	go func() { _, _ = upload.Write(cluster(5, simple(1, 0, "a"))) }()
	b, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, Block{Track: 1, Time: 5 * time.Millisecond, Data: []byte("a")}, b)
}

func TestTracksWithError(t *testing.T) {
	one := len(start()) - len(audio(2))
	r := NewReader(bytes.NewReader(start()[:one]))
	tracks, err := r.Tracks()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, wantTracks[:1], tracks, "what was found")
	_, again := r.Next()
	require.Equal(t, err, again)
}

func TestReaderBlocks(t *testing.T) {
	known := elem(idSegment, elem(0x114D9B74, make([]byte, 30)), info(1_000_000), elem(idTracks, video(1), audio(2)),
		elem(idCluster, number(idTimestamp, 7), simple(1, 0, "a"), group(2, 1, "b")),
		elem(idCluster, number(idTimestamp, 9), simple(1, 0, "c")), elem(0x1C53BB6B, make([]byte, 300)))
	cases := []struct {
		name string
		data []byte
		want []got
	}{
		{"unknown sizes", seed(), seedBlocks()},
		{"known sizes", join(header("webm"), elem(void, make([]byte, 9)), known), []got{{1, 7, "a"}, {2, 8, "b"}, {1, 9, "c"}}},
		{"no blocks", start(), nil},
		{"an empty frame", join(start(), cluster(0, simple(1, 0, ""))), nil},
		{"negative times", join(start(), cluster(0, simple(1, -5, "a"), simple(1, math.MinInt16, "b"))),
			[]got{{1, -5, "a"}, {1, -32768, "b"}}},
		{"a timestamp after a CRC-32", join(start(), open(idCluster, elem(idCRC32, make([]byte, 4)), number(idTimestamp, 3),
			simple(1, 0, "a"))), []got{{1, 3, "a"}}},
		{"a coarse scale", join(header("webm"), open(idSegment, info(1_000_000_000), elem(idTracks, video(1)),
			cluster(2, simple(1, 1, "a")))), []got{{1, 3000, "a"}}},
		{"a scale by default", join(header("webm"), open(idSegment, elem(idInfo, elem(idScale)), elem(idTracks, video(1)),
			cluster(2, simple(1, 1, "a")))), []got{{1, 3, "a"}}},
		{"no scale", join(header("webm"), open(idSegment, elem(idTracks, video(1)), cluster(2, simple(1, 1, "a")))), []got{{1, 3, "a"}}},
		{"what recurs changes nothing", join(start(), cluster(2, simple(1, 1, "a")), info(5), elem(idTracks, video(9)),
			cluster(3, simple(1, 1, "b"))), []got{{1, 3, "a"}, {1, 4, "b"}}},
		{"blocks of other tracks", join(start(), cluster(0, simple(3, 0, "x"), group(4, 0, "y"), claim(idSimple, maxBlock+1),
			frame(5, 0, ""), make([]byte, maxBlock-3), simple(1, 0, "a"))), []got{{1, 0, "a"}}},
		{"a number of more bytes", join(start(), cluster(0, elem(idSimple, []byte{0x40, 1, 0, 2, 0}, []byte("a")))), []got{{1, 2, "a"}}},
		{"a track number of 8 bytes", join(start(), cluster(0, elem(idSimple, []byte{1, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 'a'}))), []got{{2, 2, "a"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			blocks, err := readAll(t, c.data)
			require.Equal(t, io.EOF, err)
			require.Equal(t, c.want, blocks)
			if len(c.data) < 10_000 {
				blocks, err = drain(t, NewReader(iotest.OneByteReader(bytes.NewReader(c.data))))
				require.Equal(t, io.EOF, err)
				require.Equal(t, c.want, blocks, "byte by byte")
			}
		})
	}
}

func TestReaderBlockOfMaximalSize(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), maxBlock/16)[:maxBlock-4]
	blocks, err := readAll(t, join(start(), cluster(0, simple(1, 0, "a"), simple(1, 1, string(data)), simple(1, 2, "c"))))
	require.Equal(t, io.EOF, err)
	require.True(t, blocks[1].data == string(data))
	require.Equal(t, []got{{1, 0, "a"}, {1, 2, "c"}}, []got{blocks[0], blocks[2]})
}

// seedElements are the pieces of seed that are read one after the other; after each is an end between elements.
func seedElements() [][]byte {
	return [][]byte{
		nil, header("webm"), open(idSegment), info(1_000_000), elem(idTracks, video(1), audio(2)),
		open(idCluster), number(idTimestamp, 100), simple(1, 0, "key frame"), simple(2, -3, "sound"),
		group(2, 17, "more sound")[:2], elem(idBlock, frame(2, 17, "more sound")), number(0x9B, 20), elem(void, make([]byte, 5)),
		open(idCluster), number(idTimestamp, 200), simple(1, 1, "picture"),
	}
}

func TestReaderTruncated(t *testing.T) {
	file, at := seed(), 0
	clean := map[int]bool{}
	for _, e := range seedElements() {
		at += len(e)
		clean[at] = true
	}
	require.Equal(t, file, join(seedElements()...))
	for n := range len(file) + 1 {
		r := NewReader(bytes.NewReader(file[:n]))
		tracks, err := r.Tracks()
		require.Equal(t, n >= len(start()), err == nil, "%d bytes: %v", n, err)
		require.Equal(t, wantTracks[:len(tracks)], append([]Track{}, tracks...))
		blocks, err := drain(t, r)
		require.Equal(t, seedBlocks()[:len(blocks)], append([]got{}, blocks...))
		if clean[n] {
			require.Equal(t, io.EOF, err, "%d bytes", n)
		} else {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
		}
	}
}

func TestReaderPassesOnErrors(t *testing.T) {
	cause := errors.New("connection reset")
	for n := range seed() {
		r := NewReader(io.MultiReader(bytes.NewReader(seed()[:n]), iotest.ErrReader(cause)))
		_, err := drain(t, r)
		require.ErrorIs(t, err, cause, "%d bytes", n)
		require.ErrorContains(t, err, "webm: ")
	}
}

// A size that is only claimed takes no memory.
func TestReaderMemory(t *testing.T) {
	r := NewReader(bytes.NewReader(join(start(), cluster(0, claim(idSimple, maxBlock), frame(1, 0, "abc")))))
	_, err := r.Next()
	require.EqualError(t, err, "webm: read block of track 1: unexpected EOF")
	require.LessOrEqual(t, cap(r.buf), minBuffer)
}

func TestNextDoesNotAllocate(t *testing.T) {
	piece := cluster(1000, simple(1, 0, string(make([]byte, 9000))), group(2, 5, string(make([]byte, 90))))
	r := NewReader(io.MultiReader(bytes.NewReader(start()), &mediatest.Endless{Piece: piece}))
	_, err := r.Next()
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}))
}

func BenchmarkNext(b *testing.B) {
	for name, size := range map[string]int{"sound": 160, "picture": 10_000} {
		b.Run(name, func(b *testing.B) {
			block := simple(1, 0, string(make([]byte, size)))
			piece := cluster(1000, bytes.Repeat(block, 50))
			r := NewReader(io.MultiReader(bytes.NewReader(start()), &mediatest.Endless{Piece: piece}))
			b.ReportAllocs()
			b.SetBytes(int64(len(block)))
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkResume looks for Clusters that are 1 MB apart.
func BenchmarkResume(b *testing.B) {
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	piece := append(noise, cluster(0, simple(1, 0, "a"))...)
	r := NewReader(io.MultiReader(bytes.NewReader(start()), &mediatest.Endless{Piece: piece}))
	if _, err := r.Tracks(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(piece)))
	for b.Loop() {
		r.Resume()
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
