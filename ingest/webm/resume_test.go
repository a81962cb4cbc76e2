package webm

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

var errHole = errors.New("a piece is lost")

// Whatever is lost of the first Cluster, the second is read.
func TestResumeAfterAHole(t *testing.T) {
	file, second := seed(), len(seed())-len(cluster(200, simple(1, 1, "picture")))
	for from := len(start()); from <= second; from++ {
		for to := from; to <= second; to++ {
			r := NewReader(&pieces{data: [][]byte{bytes.Clone(file[:from]), bytes.Clone(file[to:])}, err: errHole})
			before, err := drain(t, r)
			require.ErrorIs(t, err, errHole)
			require.Equal(t, seedBlocks()[:len(before)], append([]got{}, before...))
			r.Resume()
			after, err := drain(t, r)
			require.Equal(t, io.EOF, err)
			require.NotEmpty(t, after, "%d to %d", from, to)
			require.Equal(t, seedBlocks()[4-len(after):], after, "%d to %d", from, to)
		}
	}
}

func TestResumeFindsCluster(t *testing.T) {
	good := cluster(7, simple(1, 0, "a"))
	want := []got{{1, 7, "a"}}
	crc := elem(idCRC32, make([]byte, 4))
	cases := []struct {
		name string
		data []byte
		want []got
		err  error
	}{
		{"at once", good, want, io.EOF},
		{"of known size", elem(idCluster, number(idTimestamp, 7), simple(1, 0, "a")), want, io.EOF},
		{"with a CRC-32", open(idCluster, crc, number(idTimestamp, 7), simple(1, 0, "a")), want, io.EOF},
		{"with a wrong CRC-32", join(open(idCluster, elem(idCRC32, make([]byte, 3))), good), want, io.EOF},
		{"after noise", join(bytes.Repeat([]byte{0x1F, 0x43, 0xB6, 0, 0x1F, 0x1F}, 5000), good), want, io.EOF},
		{"after an ID without a size", join(id(idCluster), []byte{0}, good), want, io.EOF},
		{"after an ID without a timestamp", join(open(idCluster), good), want, io.EOF},
		{"after an ID with a long timestamp", join(open(idCluster, elem(idTimestamp, make([]byte, 9))), good), want, io.EOF},
		{"after an ID with a bad timestamp", join(open(idCluster, []byte{idTimestamp, 0}), good), want, io.EOF},
		{"after another recording", join(seed(), good), append(seedBlocks(), want...), io.EOF},
		{"none", make([]byte, 20_000), nil, io.EOF},
		{"nothing", nil, nil, io.EOF},
		{"the beginning of an ID", id(idCluster)[:3], nil, io.EOF},
		{"an ID", id(idCluster), nil, io.ErrUnexpectedEOF},
		{"no timestamp", open(idCluster), nil, io.ErrUnexpectedEOF},
		{"a CRC-32 cut off", open(idCluster, crc[:3]), nil, io.ErrUnexpectedEOF},
		{"a timestamp cut off", open(idCluster, []byte{idTimestamp, 0x84}), nil, io.ErrUnexpectedEOF},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			source := io.MultiReader(bytes.NewReader(start()), bytes.NewReader(c.data))
			for _, source := range []io.Reader{source, iotest.OneByteReader(bytes.NewReader(join(start(), c.data)))} {
				r := NewReader(source)
				_, err := r.Tracks()
				require.NoError(t, err)
				r.Resume()
				blocks, err := drain(t, r)
				require.ErrorIs(t, err, c.err)
				require.Equal(t, c.want, blocks)
			}
		})
	}
}

// What stands before a second hole is not joined to what stands behind it.
func TestResumeTwice(t *testing.T) {
	head := open(idCluster)
	data := [][]byte{start(), head[:len(head)-2], join(head[len(head)-2:], number(idTimestamp, 5), simple(1, 0, "wrong"),
		cluster(7, simple(1, 0, "right")))}
	r := NewReader(&pieces{data: data, err: errHole})
	for range 2 {
		_, err := r.Next()
		require.ErrorIs(t, err, errHole)
		r.Resume()
	}
	blocks, err := drain(t, r)
	require.Equal(t, io.EOF, err)
	require.Equal(t, []got{{1, 7, "right"}}, blocks)
}

// A Cluster is taken when its Timestamp is there, before its first block.
func TestResumeDoesNotWait(t *testing.T) {
	source := &pieces{data: [][]byte{start(), cluster(7)}, err: nil}
	r := NewReader(io.MultiReader(source, iotest.ErrReader(errHole)))
	_, err := r.Tracks()
	require.NoError(t, err)
	r.Resume()
	_, err = r.Next()
	require.EqualError(t, err, "webm: read element ID: a piece is lost")
	require.True(t, r.timed)
}

func TestResumeWithoutTracks(t *testing.T) {
	r := NewReader(bytes.NewReader(seed()[len(header("webm")):]))
	r.Resume()
	_, err := drain(t, r)
	require.Equal(t, "webm: read cluster: there are no tracks before it", err.Error())
	tracks, err := r.Tracks()
	require.Error(t, err)
	require.Empty(t, tracks)
}

func FuzzReader(f *testing.F) {
	f.Add(seed(), uint16(0))
	f.Add(seed(), uint16(len(start())+20))
	f.Add(join(seed(), seed()), uint16(60))
	f.Add(join(header("matroska"), elem(idSegment, info(1), elem(idTracks, audio(1)), elem(idCluster, number(idTimestamp, 1),
		group(1, -1, "a")))), uint16(9))
	f.Add(join(start(), claim(void, 1<<50), open(idCluster)), uint16(3))
	f.Fuzz(func(t *testing.T, file []byte, cut uint16) {
		at := min(int(cut), len(file))
		r := NewReader(&pieces{data: [][]byte{bytes.Clone(file[:at]), bytes.Clone(file[at:])}, err: errHole})
		_, _ = r.Tracks()
		total := 0
		for range 3 {
			total += count(t, r, len(file))
			r.Resume()
		}
		require.LessOrEqual(t, total, len(file))
		require.LessOrEqual(t, cap(r.buf), maxBlock)
		require.LessOrEqual(t, len(r.tracks), maxTracks)
	})
}

// count reads to an error and returns how many bytes the blocks took.
func count(t *testing.T, r *Reader, limit int) (total int) {
	for {
		b, err := r.Next()
		if err != nil {
			return total
		}
		total += len(b.Data) + 1 + blockHead
		require.LessOrEqual(t, len(b.Data), maxBlock)
		require.LessOrEqual(t, total, limit)
	}
}
