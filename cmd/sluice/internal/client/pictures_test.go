package client

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/ivf"
)

func readPictures(t *testing.T, r io.Reader) (pictures []string, ticks []int64) {
	in := newPictureReader(r, codecOf(t, "h264"), rate{25, 1})
	for {
		at, picture, err := in.Next()
		if errors.Is(err, io.EOF) {
			return pictures, ticks
		}
		require.NoError(t, err)
		pictures, ticks = append(pictures, string(picture)), append(ticks, at)
	}
}

func TestAccessUnits(t *testing.T) {
	const long, short = "\x00\x00\x00\x01\x09\xf0", "\x00\x00\x01\x09\xf0"
	for _, c := range []struct {
		name   string
		stream string
		want   []string
	}{
		{"nothing", "", nil},
		{"one", long + "\x00\x00\x01\x65\x88", []string{long + "\x00\x00\x01\x65\x88"}},
		{"start codes of four bytes", long + "\x00\x00\x01\x65\x88" + long + "\x00\x00\x01\x41\x9a",
			[]string{long + "\x00\x00\x01\x65\x88", long + "\x00\x00\x01\x41\x9a"}},
		{"start codes of three bytes", short + "\x00\x00\x01\x65\x88" + short + "\x00\x00\x01\x41\x9a",
			[]string{short + "\x00\x00\x01\x65\x88", short + "\x00\x00\x01\x41\x9a"}},
		{"no delimiter", "\x00\x00\x01\x65\x88\x00\x00\x01\x41\x9a", []string{"\x00\x00\x01\x65\x88\x00\x00\x01\x41\x9a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader([]byte(c.stream)), iotest.OneByteReader(bytes.NewReader([]byte(c.stream)))} {
				pictures, ticks := readPictures(t, r)
				require.Equal(t, c.want, pictures)
				for i, at := range ticks {
					require.EqualValues(t, i*3600, at)
				}
			}
		})
	}
}

func TestAccessUnitsAreBounded(t *testing.T) {
	_, _, err := newPictureReader(io.LimitReader(endless{}, 3*ivf.MaxFrameSize), codecOf(t, "h264"), rate{25, 1}).Next()
	require.ErrorIs(t, err, errPictureTooLarge)
	broken := errors.New("broken")
	_, _, err = newPictureReader(iotest.ErrReader(broken), codecOf(t, "h264"), rate{25, 1}).Next()
	require.ErrorIs(t, err, broken)
}

// endless reads ones for ever.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 1
	}
	return len(b), nil
}

// Nothing is lost and nothing is added, however the pipe cuts it.
func FuzzAccessUnits(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x09\xf0\x00\x00\x01\x65\x88\x00\x00\x00\x01\x09\xf0\x00\x00\x01\x41"))
	f.Add([]byte("\x00\x00\x01\x09\x00\x00\x01\x09\x00\x00\x00\x00\x01\x09"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, _ := readPictures(t, bytes.NewReader(stream))
		halves, _ := readPictures(t, iotest.HalfReader(bytes.NewReader(stream)))
		require.Equal(t, whole, halves)
		var all []byte
		for _, picture := range whole {
			require.NotEmpty(t, picture)
			all = append(all, picture...)
		}
		require.True(t, bytes.Equal(stream, all))
	})
}

func BenchmarkAccessUnits(b *testing.B) {
	picture := append([]byte("\x00\x00\x00\x01\x09\xf0\x00\x00\x00\x01\x65"), bytes.Repeat([]byte{0xaa}, 6000)...)
	in := &accessUnits{r: &repeated{of: picture}, rate: rate{30, 1}}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := in.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// repeated reads the same bytes over and over, as much as a pipe holds.
type repeated struct {
	of []byte
	at int
}

func (r *repeated) Read(b []byte) (n int, err error) {
	for n < len(b) {
		m := copy(b[n:], r.of[r.at:])
		n, r.at = n+m, (r.at+m)%len(r.of)
	}
	return n, nil
}
