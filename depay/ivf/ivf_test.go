package ivf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var header = Header{FourCC: VP8, Width: 640, Height: 360}

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

func TestWriterBytes(t *testing.T) {
	var log writeLog
	w := NewWriter(&log, header)
	require.Empty(t, log.writes, "nothing before the first frame")
	require.NoError(t, w.WriteFrame(1<<33, []byte{7, 8}))
	require.NoError(t, w.WriteFrame(1<<33+3000, []byte{9}))
	require.Equal(t, [][]byte{
		[]byte("DKIF\x00\x00\x20\x00VP80\x80\x02\x68\x01\x90\x5f\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
			"\x02\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x07\x08"),
		[]byte("\x01\x00\x00\x00\xb8\x0b\x00\x00\x02\x00\x00\x00\x09"),
	}, log.writes, "one write per frame")
}

func TestWriterErrors(t *testing.T) {
	t.Run("code", func(t *testing.T) {
		require.ErrorContains(t, NewWriter(io.Discard, Header{FourCC: "VP8"}).WriteFrame(0, nil), `"VP8"`)
	})
	t.Run("a frame too large is refused and the next one is not", func(t *testing.T) {
		w := NewWriter(io.Discard, header)
		require.ErrorIs(t, w.WriteFrame(0, make([]byte, MaxFrameSize+1)), ErrTooLarge)
		require.NoError(t, w.WriteFrame(0, nil))
	})
	t.Run("nothing is written after a failure", func(t *testing.T) {
		log := writeLog{fail: 1}
		w := NewWriter(&log, header)
		require.NoError(t, w.WriteFrame(0, nil))
		require.ErrorIs(t, w.WriteFrame(1, nil), errDisk)
		log.fail = 0
		require.ErrorIs(t, w.WriteFrame(2, nil), errDisk)
		require.Len(t, log.writes, 1)
	})
}

func TestReaderReadsWhatWriterWrote(t *testing.T) {
	var b bytes.Buffer
	h := Header{FourCC: H264, Width: 3, Height: 4, Rate: 1000, Scale: 7}
	w := NewWriter(&b, h)
	frames := [][]byte{{1, 2, 3}, {}, bytes.Repeat([]byte{4}, 100_000)}
	for i, f := range frames {
		require.NoError(t, w.WriteFrame(int64(i)<<40-1, f))
	}
	r, err := NewReader(&b)
	require.NoError(t, err)
	require.Equal(t, h, r.Header)
	for i, f := range frames {
		pts, data, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, int64(i)<<40-1, pts)
		require.Equal(t, f, data)
	}
	_, _, err = r.Next()
	require.Equal(t, io.EOF, err)
}

func TestReaderHeaderErrors(t *testing.T) {
	good := appendFileHeader(nil, header)
	change := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	cases := []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, io.EOF},
		{"short", good[:31], io.ErrUnexpectedEOF},
		{"signature", change(0, 'd'), ErrInvalid},
		{"length too small", change(6, 31), ErrInvalid},
		{"length beyond the end", change(6, 33), io.EOF},
		{"rate 0", change(16, 0, 0, 0, 0), ErrInvalid},
		{"scale 0", change(20, 0, 0, 0, 0), ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(c.data))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestReaderSkipsLongerHeader(t *testing.T) {
	b := appendFileHeader(nil, header)
	b[6] = 36
	b = append(b, 0, 0, 0, 0)
	r, err := NewReader(bytes.NewReader(append(b, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 42)))
	require.NoError(t, err)
	pts, data, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, int64(5), pts)
	require.Equal(t, []byte{42}, data)
}

func TestReaderFrameErrors(t *testing.T) {
	file := appendFileHeader(nil, header)
	next := func(frame []byte) error {
		r, err := NewReader(bytes.NewReader(append(bytes.Clone(file), frame...)))
		require.NoError(t, err)
		_, _, err = r.Next()
		return err
	}
	whole := append(binary.LittleEndian.AppendUint32(nil, 3), make([]byte, 8+3)...)
	for n := 1; n < len(whole); n++ {
		require.ErrorIs(t, next(whole[:n]), io.ErrUnexpectedEOF, "%d bytes", n)
	}
	large := append(binary.LittleEndian.AppendUint32(nil, MaxFrameSize+1), make([]byte, 8)...)
	require.ErrorIs(t, next(large), ErrTooLarge)
}

// ffmpeg must take the times as they are, far past 32 bits.
func TestFFmpegReadsTimes(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, header)
	want := []string{"0", "1500", "4503", "4294970296", "4294973296"}
	for i, pts := range []int64{0, 1500, 4503, 1<<32 + 3000, 1<<32 + 6000} {
		require.NoError(t, w.WriteFrame(pts, []byte{0x11, byte(i)}))
	}
	cmd := exec.Command("ffprobe", "-v", "error", "-probesize", "32", "-analyzeduration", "0", "-f", "ivf", "-show_entries",
		"packet=pts", "-of", "csv=p=0", "-")
	cmd.Stdin = &b
	out, err := cmd.Output()
	require.NoError(t, err, "ffprobe (install it with apt-get install ffmpeg)")
	require.Equal(t, want, strings.Fields(string(out)))
}

func FuzzIVFReader(f *testing.F) {
	var b bytes.Buffer
	w := NewWriter(&b, header)
	for i := range 3 {
		if err := w.WriteFrame(int64(i), make([]byte, i*10)); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:60])
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		for total := 0; ; {
			_, data, err := r.Next()
			if err != nil {
				return
			}
			total += frameHeaderSize + len(data)
			require.LessOrEqual(t, total, len(file))
		}
	})
}

func BenchmarkWriteFrame(b *testing.B) {
	w := NewWriter(io.Discard, header)
	frame := make([]byte, 10_000)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for i := int64(0); b.Loop(); i++ {
		if err := w.WriteFrame(i*3000, frame); err != nil {
			b.Fatal(err)
		}
	}
}

// endless is one frame over and over.
type endless struct {
	frame []byte
	at    int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.frame[e.at:])
	e.at = (e.at + n) % len(e.frame)
	return n, nil
}

func BenchmarkNext(b *testing.B) {
	frame := append(binary.LittleEndian.AppendUint32(nil, 10_000), make([]byte, 8+10_000)...)
	r := &Reader{r: &endless{frame: frame}}
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
