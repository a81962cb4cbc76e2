package media

import (
	"bytes"
	"testing"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/stretchr/testify/require"
)

// RFC 2198 §3.
func TestREDPayload(t *testing.T) {
	const offset960, oneByte = 960 << 2 >> 8, 1
	long := bytes.Repeat([]byte{0xf8}, 1023)
	for name, c := range map[string]struct {
		payload   []byte
		redundant []redBlock
		primary   []byte // nil: refused
	}{
		"no redundancy":           {[]byte{111, 0xf8, 1}, []redBlock{}, []byte{0xf8, 1}},
		"one block":               {[]byte{0xef, offset960, 0, oneByte, 111, 0xf8, 0xf9, 2}, []redBlock{{960, 1, []byte{0xf8}}}, []byte{0xf9, 2}},
		"two blocks":              {rtptest.REDPacket(7, 2), []redBlock{{1920, 3, rtptest.SoundOf(5)}, {960, 3, rtptest.SoundOf(6)}}, rtptest.SoundOf(7)},
		"the longest":             {append(append([]byte{0xef, 0xff, 0xff, 0xff, 111}, long...), 9), []redBlock{{16383, 1023, long}}, []byte{9}},
		"an empty block":          {[]byte{0xef, offset960, 0, 0, 111, 0xf8}, []redBlock{{960, 0, []byte{}}}, []byte{0xf8}},
		"an empty primary block":  {[]byte{111}, []redBlock{}, []byte{}},
		"as many as can be":       {rtptest.REDPacket(20, maxRedundant), redBlocks(20, maxRedundant), rtptest.SoundOf(20)},
		"too many":                {rtptest.REDPacket(20, maxRedundant+1), nil, nil},
		"empty":                   {[]byte{}, nil, nil},
		"head cut short":          {[]byte{0xef, offset960, 0}, nil, nil},
		"no primary block":        {[]byte{0xef, offset960, 0, 0}, nil, nil},
		"block cut short":         {[]byte{0xef, offset960, 0, 3, 111, 0xf8, 1}, nil, nil},
		"block of another codec":  {[]byte{0x80, offset960, 0, 1, 111, 0, 0xf8}, nil, nil},
		"primary of another kind": {[]byte{63, 0xf8}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var r redPayload
			err := r.parse(c.payload, 111)
			if c.primary == nil {
				require.ErrorIs(t, err, errRED)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.redundant, r.redundant)
			require.Equal(t, c.primary, r.primary)
		})
	}
}

func redBlocks(seq uint16, before int) (blocks []redBlock) {
	for i := before; i > 0; i-- {
		blocks = append(blocks, redBlock{uint32(960 * i), 3, rtptest.SoundOf(seq - uint16(i))})
	}
	return blocks
}

// FuzzRed unwraps arbitrary payloads: what comes out is a part of what went in.
func FuzzRed(f *testing.F) {
	for before := range 3 {
		f.Add(rtptest.REDPacket(7, before))
	}
	f.Add([]byte{0xef, 0xff, 0xff, 0xff, 111})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), MaxPacket-12)]
		var r redPayload
		if r.parse(b, 111) == nil {
			total := 4*len(r.redundant) + 1 + len(r.primary)
			for _, block := range r.redundant {
				total += len(block.payload)
			}
			require.Equal(t, len(b), total)
		}
		u := newUnwrapper(t)
		u.opus(1)
		u.write(63, 9, 9*960, b)
		for _, p := range u.take() {
			require.Equal(t, uint8(111), p.PayloadType)
			require.LessOrEqual(t, len(p.Payload), len(b)+3)
		}
		require.LessOrEqual(t, u.track.Stats().Recovered, uint64(7))
	})
}
