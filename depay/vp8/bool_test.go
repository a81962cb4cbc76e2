package vp8

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

type symbol struct {
	prob uint8
	set  bool
}

func roundTrip(t *testing.T, symbols []symbol) {
	t.Helper()
	prefix := []byte{0xff, 0xff} // a carry must not get here
	w := newBoolWriter(prefix)
	for _, s := range symbols {
		w.bool(s.set, s.prob)
	}
	out := w.finish()
	require.Equal(t, []byte{0xff, 0xff}, out[:2])
	r := newBoolReader(out[2:])
	for i, s := range symbols {
		require.Equal(t, s.set, r.bool(s.prob), "symbol %d of %d", i, len(symbols))
	}
}

func TestBoolCoderRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	cases := []struct {
		name string
		next func() symbol
	}{
		{"even", func() symbol { return symbol{128, rng.IntN(2) == 1} }},
		{"any probability", func() symbol { return symbol{uint8(rng.IntN(256)), rng.IntN(2) == 1} }},
		{"as likely as said", func() symbol {
			p := rng.IntN(256)
			return symbol{uint8(p), rng.IntN(256) >= p}
		}},
		{"always the unlikely, which carries", func() symbol { return symbol{255, true} }},
		{"always true at low cost", func() symbol { return symbol{1, true} }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for n := range 200 {
				symbols := make([]symbol, n)
				for i := range symbols {
					symbols[i] = c.next()
				}
				roundTrip(t, symbols)
			}
		})
	}
}

func TestBoolCoderLiteral(t *testing.T) {
	w := newBoolWriter(nil)
	w.literal(0x5a3, 11)
	w.literal(0, 0)
	w.literal(1, 1)
	r := newBoolReader(w.finish())
	require.EqualValues(t, 0x5a3, r.literal(11))
	require.EqualValues(t, 0, r.literal(0))
	require.EqualValues(t, 1, r.literal(1))
}

func FuzzBoolCoder(f *testing.F) {
	f.Add([]byte{255, 1, 255, 1, 0, 0, 128, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		var symbols []symbol
		for ; len(script) >= 2; script = script[2:] {
			symbols = append(symbols, symbol{script[0], script[1]&1 == 1})
		}
		roundTrip(t, symbols)
	})
}
