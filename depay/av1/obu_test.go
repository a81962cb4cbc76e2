package av1

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseOBU(t *testing.T) {
	cases := []struct {
		name string
		data []byte
		n    int
		want OBU
		err  error
	}{
		{"temporal delimiter", []byte{0x12, 0, 0x32}, 2, OBU{Type: TemporalDelimiterType, Payload: []byte{}}, nil},
		{"without a size", []byte{0x30, 1, 2}, 3, OBU{Type: FrameType, Payload: []byte{1, 2}}, nil},
		{"with extension and size", []byte{0x36, 0x48, 1, 7, 9}, 4, OBU{Type: FrameType, Extended: true, TemporalID: 2, SpatialID: 1, Payload: []byte{7}}, nil},
		{"longer LEB128 than needed", []byte{0x32, 0x81, 0x80, 0x00, 7}, 5, OBU{Type: FrameType, Payload: []byte{7}}, nil},
		{"empty", nil, 0, OBU{}, ErrTruncated},
		{"no extension", []byte{0x36}, 0, OBU{}, ErrTruncated},
		{"no size", []byte{0x32}, 0, OBU{}, ErrTruncated},
		{"larger than there is", []byte{0x32, 2, 1}, 0, OBU{}, ErrTruncated},
		{"forbidden bit", []byte{0x92, 0}, 0, OBU{}, ErrInvalid},
		{"size of more than 32 bits", []byte{0x32, 0xff, 0xff, 0xff, 0xff, 0x7f}, 0, OBU{}, ErrInvalid},
		{"endless size", []byte{0x32, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, 0, OBU{}, ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o, n, err := ParseOBU(c.data)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.n, n)
			require.Equal(t, c.want, o)
		})
	}
}

func TestAppendOBU(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 16383, 16384, 1 << 21} {
		for _, extended := range []bool{false, true} {
			want := OBU{Type: FrameType, Extended: extended, Payload: bytes.Repeat([]byte{7}, size)}
			if extended {
				want.TemporalID, want.SpatialID = 3, 2
			}
			b := AppendOBU([]byte{1}, want)
			got, n, err := ParseOBU(b[1:])
			require.NoError(t, err)
			require.Equal(t, len(b)-1, n)
			require.Equal(t, want, got)
		}
	}
}

func FuzzParseOBU(f *testing.F) {
	f.Add(AppendBlack(nil))
	f.Add([]byte{0x36, 0x48, 1, 7, 9})
	f.Fuzz(func(t *testing.T, data []byte) {
		o, n, err := ParseOBU(data)
		if err != nil {
			require.Zero(t, n)
			return
		}
		require.True(t, len(o.Payload) < n && n <= len(data))
		again, _, err := ParseOBU(AppendOBU(nil, o))
		require.NoError(t, err)
		require.True(t, bytes.Equal(o.Payload, again.Payload))
		o.Payload, again.Payload = nil, nil
		require.Equal(t, o, again)
	})
}

// elements reads all of a payload.
func elements(payload []byte) (a Aggregation, all [][]byte, err error) {
	if err := a.Unmarshal(payload); err != nil {
		return a, nil, err
	}
	for a.More() {
		element, err := a.Next()
		if err != nil {
			return a, all, err
		}
		all = append(all, element)
	}
	return a, all, nil
}

func TestAggregation(t *testing.T) {
	cases := []struct {
		name    string
		payload []byte
		want    [][]byte
		flags   Aggregation
		whole   bool
		err     error
	}{
		{"one element, no length", []byte{0x10, 1, 2}, [][]byte{{1, 2}}, Aggregation{}, true, nil},
		{"one element with its length", []byte{0x00, 2, 1, 2}, [][]byte{{1, 2}}, Aggregation{}, true, nil},
		{"three elements, the last without a length", []byte{0x30, 1, 7, 2, 8, 9, 4, 5}, [][]byte{{7}, {8, 9}, {4, 5}}, Aggregation{}, true, nil},
		{"five elements", []byte{0x00, 1, 1, 1, 2, 1, 3, 1, 4, 0}, [][]byte{{1}, {2}, {3}, {4}, {}}, Aggregation{}, true, nil},
		{"flags", []byte{0xd0, 1}, [][]byte{{1}}, Aggregation{Continues: true, Continued: true}, true, nil},
		{"a new sequence", []byte{0x18, 1}, [][]byte{{1}}, Aggregation{NewSequence: true}, true, nil},
		{"fewer elements than announced", []byte{0x20, 1, 7}, [][]byte{{7}}, Aggregation{}, false, nil},
		{"nothing behind the header", []byte{0x00}, nil, Aggregation{}, true, nil},
		{"nothing where one was announced", []byte{0x10}, nil, Aggregation{}, false, nil},
		{"empty", nil, nil, Aggregation{}, true, ErrTruncated},
		{"a sequence begins inside an OBU", []byte{0x98, 1}, nil, Aggregation{Continues: true, NewSequence: true}, true, ErrInvalid},
		{"longer than there is", []byte{0x00, 1, 7, 3, 1}, [][]byte{{7}}, Aggregation{}, false, ErrTruncated},
		{"endless length", []byte{0x00, 0xff}, nil, Aggregation{}, false, ErrTruncated},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, all, err := elements(c.payload)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, all)
			require.Equal(t, c.flags, Aggregation{Continues: a.Continues, Continued: a.Continued, NewSequence: a.NewSequence})
			if err == nil {
				require.Equal(t, c.whole, a.Whole())
			}
		})
	}
}

func FuzzAggregation(f *testing.F) {
	f.Add([]byte{0x30, 1, 7, 2, 8, 9, 4, 5})
	f.Add([]byte{0x00, 1, 1, 1, 2, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, all, _ := elements(payload)
		total := 0
		for _, element := range all {
			total += len(element)
		}
		require.True(t, total == 0 || total < len(payload))
	})
}

func BenchmarkAggregation(b *testing.B) {
	payload := append([]byte{0x20, 11, 0x0a, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9}, make([]byte, 1100)...)
	b.ReportAllocs()
	for b.Loop() {
		var a Aggregation
		if err := a.Unmarshal(payload); err != nil {
			b.Fatal(err)
		}
		for a.More() {
			if _, err := a.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
