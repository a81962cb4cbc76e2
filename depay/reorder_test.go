package depay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReorder(t *testing.T) {
	type arrival struct {
		seq  uint16
		at   int // ms
		want verdict
	}
	type delivery struct {
		seq  uint16
		lost int
	}
	for _, c := range []struct {
		name string
		in   []arrival
		out  []delivery
	}{
		{"in order", []arrival{{7, 0, taken}, {8, 1, taken}}, []delivery{{7, 0}, {8, 0}}},
		{"over the wrap", []arrival{{65535, 0, taken}, {0, 1, taken}}, []delivery{{65535, 0}, {0, 0}}},
		{"swapped over the wrap", []arrival{{65534, 0, taken}, {0, 1, taken}, {65535, 2, taken}},
			[]delivery{{65534, 0}, {65535, 0}, {0, 0}}},
		{"duplicate", []arrival{{7, 0, taken}, {7, 1, duplicate}}, []delivery{{7, 0}}},
		{"duplicate of one that waits", []arrival{{7, 0, taken}, {9, 1, taken}, {9, 2, duplicate}}, []delivery{{7, 0}}},
		{"lost after the window", []arrival{{7, 0, taken}, {9, 1, taken}, {10, 101, taken}},
			[]delivery{{7, 0}, {9, 1}, {10, 0}}},
		{"not lost before", []arrival{{7, 0, taken}, {9, 1, taken}, {10, 100, taken}, {8, 100, taken}},
			[]delivery{{7, 0}, {8, 0}, {9, 0}, {10, 0}}},
		{"two holes have windows of their own", []arrival{{7, 0, taken}, {9, 1, taken}, {11, 90, taken}, {12, 102, taken}, {13, 190, taken}},
			[]delivery{{7, 0}, {9, 1}, {11, 1}, {12, 0}, {13, 0}}},
		{"late", []arrival{{7, 0, taken}, {9, 1, taken}, {10, 200, taken}, {8, 201, late}, {9, 202, duplicate}},
			[]delivery{{7, 0}, {9, 1}, {10, 0}}},
		{"first ones swapped", []arrival{{8, 0, taken}, {7, 1, late}}, []delivery{{8, 0}}},
		{"a long hole is no wait", []arrival{{7, 0, taken}, {1007, 1, taken}, {1008, 2, taken}, {1006, 3, late}},
			[]delivery{{7, 0}, {1007, 999}, {1008, 0}}},
		{"too far ahead of a hole", []arrival{{7, 0, taken}, {9, 1, taken}, {600, 2, taken}, {601, 3, taken}},
			[]delivery{{7, 0}, {9, 1}, {600, 590}, {601, 0}}},
		{"one absurd number", []arrival{{7, 0, taken}, {30000, 1, stray}, {8, 2, taken}}, []delivery{{7, 0}, {8, 0}}},
		{"another sequence", []arrival{{7, 0, taken}, {30000, 1, stray}, {30001, 2, confirmed}, {30002, 3, taken}},
			[]delivery{{7, 0}, {30000, 0}, {30001, 0}, {30002, 0}}},
		{"another sequence while one waits", []arrival{{7, 0, taken}, {9, 0, taken}, {30000, 1, stray}, {30001, 2, confirmed}},
			[]delivery{{7, 0}, {9, 1}, {30000, 0}, {30001, 0}}},
		{"back over the wrap is no jump", []arrival{{5, 0, taken}, {65000, 1, late}, {6, 2, taken}}, []delivery{{5, 0}, {6, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r reorder
			var out []delivery
			pop := func(deadline time.Duration) {
				for p, ok := r.pop(deadline); ok; p, ok = r.pop(deadline) {
					require.Equal(t, []byte{byte(p.seq), byte(p.seq >> 8)}, p.payload)
					out = append(out, delivery{p.seq, p.lost})
				}
			}
			for _, a := range c.in {
				at := time.Duration(a.at) * time.Millisecond
				payload := []byte{byte(a.seq), byte(a.seq >> 8)}
				v := r.push(packet{seq: a.seq, payload: payload}, at)
				if v == full {
					pop(everything)
					v = r.push(packet{seq: a.seq, payload: payload}, at)
				}
				require.Equal(t, a.want, v, "packet %d", a.seq)
				pop(at - 100*time.Millisecond)
				clear(payload) // a buffer reused by the caller
			}
			require.Equal(t, c.out, out)
		})
	}
}
