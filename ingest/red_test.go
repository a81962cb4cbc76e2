package ingest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// redPacket is the opusPacket of that number, with those of as many before it, if they begin so much earlier.
func redPacket(seq uint16, before int) []byte {
	var heads, blocks []byte
	for i := before; i > 0; i-- {
		block := soundOf(seq - uint16(i))
		offset := 960 * i
		heads = append(heads, 0x80|111, byte(offset>>6), byte(offset<<2|len(block)>>8), byte(len(block)))
		blocks = append(blocks, block...)
	}
	return append(append(append(heads, 111), blocks...), soundOf(seq)...)
}

// soundOf is 20 ms of Opus that tells one packet from another.
func soundOf(seq uint16) []byte { return []byte{0xf8, byte(seq >> 8), byte(seq)} }

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
		"two blocks":              {redPacket(7, 2), []redBlock{{1920, 3, soundOf(5)}, {960, 3, soundOf(6)}}, soundOf(7)},
		"the longest":             {append(append([]byte{0xef, 0xff, 0xff, 0xff, 111}, long...), 9), []redBlock{{16383, 1023, long}}, []byte{9}},
		"an empty block":          {[]byte{0xef, offset960, 0, 0, 111, 0xf8}, []redBlock{{960, 0, []byte{}}}, []byte{0xf8}},
		"an empty primary block":  {[]byte{111}, []redBlock{}, []byte{}},
		"as many as can be":       {redPacket(20, maxRedundant), redBlocks(20, maxRedundant), soundOf(20)},
		"too many":                {redPacket(20, maxRedundant+1), nil, nil},
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
		blocks = append(blocks, redBlock{uint32(960 * i), 3, soundOf(seq - uint16(i))})
	}
	return blocks
}

// Redundancy is taken of who prefers it to Opus alone, and sends it; from nobody without Opus.
func TestRedundancyOffered(t *testing.T) {
	chromium := func(edits ...string) string {
		return offerFile(t, "chromium-sendrecv", append([]string{"SAVPF 111 63 9", "SAVPF 63 111 9"}, edits...)...)
	}
	watch := strings.NewReplacer("a=sendrecv", "a=recvonly")
	for name, c := range map[string]struct{ path, offer, want string }{
		"preferred":                      {"/whip/a", chromium(), "63 111 111/111"},
		"preferred, echo":                {"/echo", chromium(), "63 111 111/111"},
		"preferred, two blocks each":     {"/whip/a", chromium("111/111", "111/111/111"), "63 111 111/111"},
		"possible":                       {"/whip/a", offerFile(t, "chromium-sendrecv"), "111 minptime=10;useinbandfec=1"},
		"preferred, of a viewer":         {"/whep/a", watch.Replace(chromium()), "111 minptime=10;useinbandfec=1"},
		"of other codecs, too":           {"/whip/a", chromium("111/111", "111/0"), "111 minptime=10;useinbandfec=1"},
		"of a codec that is not offered": {"/whip/a", chromium("111/111", "112/112"), "111 minptime=10;useinbandfec=1"},
		"of nothing":                     {"/whip/a", chromium("a=fmtp:63 111/111\r\n", ""), "111 minptime=10;useinbandfec=1"},
		"of one channel":                 {"/whip/a", chromium("red/48000/2", "red/48000"), "111 minptime=10;useinbandfec=1"},
		"without Opus":                   {"/whip/a", chromium("opus/48000", "isac/16000"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{})
			if c.path == "/whep/a" {
				require.Equal(t, 201, f.post("/whip/a", offerFile(t, "chromium")).StatusCode)
			}
			resp := f.post(c.path, c.offer)
			if c.want == "" {
				f.requireProblem(resp, 422, "audio section")
				return
			}
			body := text(t, resp)
			require.Equal(t, 201, resp.StatusCode, body)
			m := parseSDP(t, body).MediaDescriptions[0]
			require.Equal(t, c.want, describeFormats(m))
			require.Equal(t, "minptime=10;useinbandfec=1", attributesByPayload(m, "fmtp")["111"])
		})
	}
}

// FuzzRed unwraps arbitrary payloads: what comes out is a part of what went in.
func FuzzRed(f *testing.F) {
	for before := range 3 {
		f.Add(redPacket(7, before))
	}
	f.Add([]byte{0xef, 0xff, 0xff, 0xff, 111})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), media.MaxPacket-12)]
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
