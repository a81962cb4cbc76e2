package ogg

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// file builds streams that our Writer does not: the header pages are there, serial number 1, next sequence number 2.
type file struct{ Writer }

func newFile() *file { return &file{*NewWriter(io.Discard, Header{SerialNumber: 1})} }

// page appends a page with any segment table; its bytes count up from 0.
func (f *file) page(flags byte, granule int64, segments ...byte) {
	start := len(f.buf)
	f.appendPage(flags, granule, nil)
	f.buf[len(f.buf)-1] = byte(len(segments))
	f.buf = append(f.buf, segments...)
	for _, n := range segments {
		for i := range n {
			f.buf = append(f.buf, i)
		}
	}
	f.seal(start)
}

func (f *file) seal(start int) {
	field := f.buf[start+offsetCRC:][:4]
	clear(field)
	binary.LittleEndian.PutUint32(field, checksum(0, f.buf[start:]))
}

type packet struct {
	granule int64
	size    int
}

func readAll(t *testing.T, data []byte) (got []packet, err error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	for {
		granule, p, err := r.Next()
		if err != nil {
			return got, err
		}
		got = append(got, packet{granule, len(p)})
	}
}

func TestReaderPackets(t *testing.T) {
	cases := []struct {
		name  string
		pages func(f *file)
		want  []packet
		err   error
	}{
		{"nothing after the headers", func(f *file) {}, nil, io.EOF},
		{"several packets on a page", func(f *file) { f.page(0, 2880, 10, 20, 30) }, []packet{{-1, 10}, {-1, 20}, {2880, 30}}, io.EOF},
		{"an empty packet", func(f *file) { f.page(0, 960, 0) }, []packet{{960, 0}}, io.EOF},
		{"several segments in a packet", func(f *file) { f.page(0, 1920, 255, 255, 1, 255, 0) }, []packet{{-1, 511}, {1920, 255}}, io.EOF},
		{"a packet over three pages", func(f *file) {
			f.page(0, 960, 10, 255)
			f.page(flagContinued, noGranule, 255)
			f.page(flagContinued, 2880, 5, 7)
		}, []packet{{960, 10}, {-1, 515}, {2880, 7}}, io.EOF},
		{"pages without packets", func(f *file) { f.page(0, noGranule); f.page(0, 960, 1); f.page(0, noGranule) }, []packet{{960, 1}}, io.EOF},
		{"nothing after the last page", func(f *file) { f.page(flagLast, 960, 1); f.page(0, 1920, 2) }, []packet{{960, 1}}, io.EOF},
		{"a packet that goes on past the last page", func(f *file) { f.page(flagLast, noGranule, 255) }, nil, io.ErrUnexpectedEOF},
		{"a packet that goes on past the end", func(f *file) { f.page(0, noGranule, 255) }, nil, io.ErrUnexpectedEOF},
		{"a lost page", func(f *file) {
			f.page(0, 960, 10, 255)
			f.Writer.page++
			f.page(flagContinued, 2880, 5, 7)
		}, []packet{{960, 10}, {2880, 7}}, io.EOF},
		{"a lost page between packets", func(f *file) {
			f.page(0, 960, 10)
			f.Writer.page++
			f.page(0, 2880, 7)
		}, []packet{{960, 10}, {2880, 7}}, io.EOF},
		{"a continuation that does not come", func(f *file) { f.page(0, noGranule, 255); f.page(0, 960, 7) }, []packet{{960, 7}}, io.EOF},
		{"a continuation of nothing", func(f *file) { f.page(flagContinued, 960, 9, 7) }, []packet{{960, 7}}, io.EOF},
		{"another stream's pages", func(f *file) {
			f.page(0, 960, 255)
			f.serial, f.Writer.page = 2, f.Writer.page-1
			f.page(0, 5, 100)
			f.serial = 1
			f.page(flagContinued, 1920, 7)
		}, []packet{{1920, 262}}, io.EOF},
		{"a packet too large", func(f *file) {
			full := bytes.Repeat([]byte{255}, 255)
			f.page(0, noGranule, full...)
			f.page(flagContinued, noGranule, full...)
		}, nil, ErrTooLarge},
		{"bytes that are no page", func(f *file) { f.page(0, 960, 1); f.buf = append(f.buf, make([]byte, 30)...) }, []packet{{960, 1}}, ErrInvalid},
		{"a wrong checksum", func(f *file) { f.page(0, 960, 5); f.buf[len(f.buf)-1]++ }, nil, ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFile()
			c.pages(f)
			got, err := readAll(t, f.buf)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestReaderTruncated(t *testing.T) {
	f := newFile()
	headers := len(f.buf)
	f.page(0, 960, 10)
	end := len(f.buf)
	f.page(0, 1920, 20)
	for n := range f.buf {
		r, err := NewReader(bytes.NewReader(f.buf[:n]))
		if n < headers {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
			continue
		}
		require.NoError(t, err)
		for err == nil {
			_, _, err = r.Next()
		}
		if n == headers || n == end {
			require.Equal(t, io.EOF, err)
		} else {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
		}
	}
}

func TestReaderHeaderErrors(t *testing.T) {
	head := appendOpusHead(nil, 2)
	change := func(at int, v byte) []byte {
		b := bytes.Clone(head)
		b[at] = v
		return b
	}
	build := func(packets ...[]byte) []byte {
		f := &file{}
		for i, p := range packets {
			f.appendPage([]byte{flagFirst, 0}[min(i, 1)], 0, p)
		}
		return f.buf
	}
	tags := appendOpusTags(nil)
	cases := []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, io.ErrUnexpectedEOF},
		{"not Ogg", make([]byte, 100), ErrInvalid},
		{"another codec", build([]byte("\x01vorbis"), tags), ErrInvalid},
		{"incompatible version", build(change(8, 16), tags), ErrInvalid},
		{"compatible version", build(change(8, 15), tags), nil},
		{"no channels", build(change(9, 0), tags), ErrInvalid},
		{"three channels", build(change(9, 3), tags), ErrInvalid},
		{"mapping family 1", build(change(18, 1), tags), ErrInvalid},
		{"short identification header", build(head[:18], tags), ErrInvalid},
		{"no comment header", build(head, []byte("music")), ErrInvalid},
		{"only the first header", build(head), io.ErrUnexpectedEOF},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(c.data))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func FuzzOggReader(f *testing.F) {
	file := newFile()
	file.page(0, 1920, 10, 255)
	file.page(flagContinued, 2880, 3)
	f.Add(file.buf[:110], []byte{0, 2, 10, 255, 1, 1, 3, 4, 0})
	f.Add(file.buf, []byte{})
	f.Fuzz(func(t *testing.T, data, script []byte) {
		drain(t, data)
		drain(t, scripted(script))
	})
}

// scripted makes pages with right checksums, so that the fuzzer gets past those: of each, flags, number of segments,
// their lengths.
func scripted(script []byte) []byte {
	f := newFile()
	for len(script) > 2 && len(f.buf) < 1<<20 {
		flags, n := script[0], min(int(script[1]), len(script)-2)
		f.page(flags&7, int64(n), script[2:2+n]...)
		if flags&8 != 0 {
			f.Writer.page++
		}
		script = script[2+n:]
	}
	return f.buf
}

func drain(t *testing.T, data []byte) {
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		return
	}
	for total := 0; ; {
		_, p, err := r.Next()
		if err != nil {
			return
		}
		total += len(p)
		require.LessOrEqual(t, total, len(data))
	}
}

// endless is one page over and over, with the sequence number not counted up.
type endless struct{ bytes.Reader }

func (e *endless) Read(b []byte) (int, error) {
	if e.Len() == 0 {
		if _, err := e.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
	}
	return e.Reader.Read(b)
}

func BenchmarkNext(b *testing.B) {
	f := newFile()
	headers := bytes.Clone(f.buf)
	f.buf = f.buf[:0]
	f.page(0, 960, 160)
	r, err := NewReader(io.MultiReader(bytes.NewReader(headers), &endless{*bytes.NewReader(f.buf)}))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(160)
	for b.Loop() {
		if _, _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
