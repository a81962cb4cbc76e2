package cmaf

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"
)

func TestID3Event(t *testing.T) {
	text := strings.Repeat("wide ", 40) // needs two bytes of a size
	b := AppendID3Event([]byte("before"), Event{Timescale: 15360, Time: 1 << 40, ID: 7, Value: "urn:x", Message: AppendID3Text(nil, "faces", text)})
	box, err := mp4.DecodeBox(0, bytes.NewReader(b[len("before"):]))
	require.NoError(t, err)
	e := box.(*mp4.EmsgBox)
	require.EqualValues(t, len(b)-len("before"), e.Size())
	require.EqualValues(t, 1, e.Version)
	require.Equal(t, SchemeID3, e.SchemeIDURI)
	require.Equal(t, "urn:x", e.Value)
	require.EqualValues(t, 15360, e.TimeScale)
	require.EqualValues(t, 1<<40, e.PresentationTime)
	require.EqualValues(t, unknownDuration, e.EventDuration)
	require.EqualValues(t, 7, e.ID)

	tag := e.MessageData
	require.Equal(t, "ID3\x04\x00\x00", string(tag[:6]))
	require.Equal(t, len(tag)-10, syncSafe(tag[6:]))
	require.Equal(t, "TXXX", string(tag[10:14]))
	require.Equal(t, len(tag)-20, syncSafe(tag[14:]))
	require.Equal(t, "\x03faces\x00"+text, string(tag[20:]))
}

func syncSafe(b []byte) (n int) {
	for _, seven := range b[:4] {
		n = n<<7 | int(seven)
	}
	return n
}

func TestBrandID3(t *testing.T) {
	head := []byte("\x00\x00\x00\x18ftypiso5\x00\x00\x02\x00iso6cmfc")
	rest := []byte("\x00\x00\x00\x08moov")
	branded, err := BrandID3(slices.Concat(head, rest))
	require.NoError(t, err)
	require.Equal(t, "\x00\x00\x00\x1cftypiso5\x00\x00\x02\x00iso6cmfcaid3\x00\x00\x00\x08moov", string(branded))
	for _, bad := range [][]byte{nil, rest, head[:12], []byte("\x00\x00\x00\x01ftyp\x00\x00\x00\x00\x00\x00\x00\x10")} {
		_, err := BrandID3(bad)
		require.Error(t, err)
	}
}
