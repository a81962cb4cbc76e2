package h264

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func whole(header byte, body ...byte) Unit {
	return Unit{Header: header, Start: true, End: true, Body: body}
}

func TestPayload(t *testing.T) {
	cases := []struct {
		name    string
		payload []byte
		want    []Unit
		err     error
	}{
		{"empty", nil, nil, nil},
		{"single NAL unit", []byte{0x65, 1, 2}, []Unit{whole(0x65, 1, 2)}, nil},
		{"nothing but a header", []byte{0x09}, []Unit{whole(0x09)}, nil},
		{"two in one", []byte{0x78, 0, 2, 0x67, 1, 0, 3, 0x68, 2, 3}, []Unit{whole(0x67, 1), whole(0x68, 2, 3)}, nil},
		{"one in one", []byte{0x78, 0, 1, 0x67}, []Unit{whole(0x67)}, nil},
		{"none in one", []byte{0x78}, nil, ErrTruncated},
		{"size without a unit", []byte{0x78, 0, 2, 0x67, 1, 0, 3}, []Unit{whole(0x67, 1)}, ErrTruncated},
		{"half a size", []byte{0x78, 0, 2, 0x67, 1, 0}, []Unit{whole(0x67, 1)}, ErrTruncated},
		{"size of zero", []byte{0x78, 0, 0, 0x67, 1}, nil, ErrTruncated},
		{"size beyond the end", []byte{0x78, 0xff, 0xff, 0x67, 1}, nil, ErrTruncated},
		{"packet inside a packet", []byte{0x78, 0, 2, 0x78, 1}, nil, ErrInvalid},
		{"forbidden bit inside", []byte{0x78, 0, 2, 0xe7, 1}, nil, ErrInvalid},
		{"first fragment", []byte{0x7c, 0x85, 1, 2}, []Unit{{Header: 0x65, Start: true, Body: []byte{1, 2}}}, nil},
		{"middle fragment", []byte{0x5c, 0x01, 3}, []Unit{{Header: 0x41, Body: []byte{3}}}, nil},
		{"last fragment", []byte{0x1c, 0x41, 3}, []Unit{{Header: 0x01, End: true, Body: []byte{3}}}, nil},
		{"reserved bit is ignored", []byte{0x1c, 0x61, 3}, []Unit{{Header: 0x01, End: true, Body: []byte{3}}}, nil},
		{"only fragment", []byte{0x7c, 0xc5, 3}, []Unit{whole(0x65, 3)}, nil},
		{"empty fragment", []byte{0x7c, 0x05}, []Unit{{Header: 0x65, Body: []byte{}}}, nil},
		{"fragment without its header", []byte{0x7c}, nil, ErrTruncated},
		{"fragment of a packet", []byte{0x7c, 0x98, 1}, nil, ErrInvalid},
		{"fragment of nothing", []byte{0x7c, 0x80, 1}, nil, ErrInvalid},
		{"forbidden bit", []byte{0xe5, 1}, nil, ErrInvalid},
		{"type 0", []byte{0x60, 1}, nil, ErrInvalid},
		{"STAP-B", []byte{0x79, 0, 0, 0, 2, 0x67, 1}, nil, ErrInvalid},
		{"MTAP16", []byte{0x7a, 0, 0, 0, 2, 0x67, 1}, nil, ErrInvalid},
		{"FU-B", []byte{0x7d, 0x85, 0, 0, 1}, nil, ErrInvalid},
		{"type 31", []byte{0x7f, 1}, nil, ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []Unit
			p := NewPayload(c.payload)
			for u, ok := p.Next(); ok; u, ok = p.Next() {
				got = append(got, u)
			}
			require.ErrorIs(t, p.Err(), c.err)
			require.Equal(t, len(c.want), len(got))
			for i := range got {
				require.Equal(t, string(c.want[i].Body), string(got[i].Body))
				got[i].Body, c.want[i].Body = nil, nil
			}
			require.Equal(t, c.want, got)
		})
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte{0x65, 1, 2})
	f.Add([]byte{0x78, 0, 2, 0x67, 1, 0, 3, 0x68, 2, 3})
	f.Add([]byte{0x7c, 0x85, 1, 2})
	f.Fuzz(func(t *testing.T, payload []byte) {
		p := NewPayload(payload)
		bytes := 0
		for u, ok := p.Next(); ok; u, ok = p.Next() {
			bytes += 1 + len(u.Body)
			require.True(t, u.Type() > 0 && u.Type() <= TypeMaximum && u.Header&maskForbidden == 0)
		}
		require.LessOrEqual(t, bytes, len(payload))
		_, ok := p.Next()
		require.False(t, ok)
	})
}

func BenchmarkPayload(b *testing.B) {
	for _, c := range []struct {
		name    string
		payload []byte
	}{
		{"fragment", append([]byte{0x7c, 0x05}, make([]byte, 1100)...)},
		{"aggregate", []byte{0x78, 0, 2, 0x67, 1, 0, 3, 0x68, 2, 3}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := NewPayload(c.payload)
				for _, ok := p.Next(); ok; _, ok = p.Next() {
				}
			}
		})
	}
}

func TestNextUnit(t *testing.T) {
	cases := []struct {
		name, stream, nal, rest string
	}{
		{"none", "\x67\x01", "", ""},
		{"nothing", "", "", ""},
		{"long start code", "\x00\x00\x00\x01\x67\x02", "\x67\x02", ""},
		{"short start codes", "\x00\x00\x01\x67\x02\x00\x00\x01\x68", "\x67\x02", "\x00\x00\x01\x68"},
		{"long ones and zeros", "\x00\x00\x00\x00\x01\x67\x02\x00\x00\x00\x01\x68", "\x67\x02", "\x00\x00\x01\x68"},
		{"nothing between", "\x00\x00\x01\x00\x00\x01\x68", "", "\x00\x00\x01\x68"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			nal, rest := NextUnit([]byte(c.stream))
			require.Equal(t, [2]string{c.nal, c.rest}, [2]string{string(nal), string(rest)})
		})
	}
}
