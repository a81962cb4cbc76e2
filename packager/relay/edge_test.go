package relay

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEndOfPlaylist(t *testing.T) {
	const head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
	at := time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC)
	segment := "#EXT-X-PROGRAM-DATE-TIME:2026-11-20T19:45:00.000Z\n#EXT-X-PART:DURATION=1.00000,URI=\"x.0\"\n#EXT-X-PART:DURATION=1.00000,URI=\"x.1\"\n#EXTINF:2.00000,\nx\n"
	for text, end := range map[string]time.Time{
		"":                               {},
		head + "no-date.m4s":             {},
		head + "#EXTINF:2,\nno-date.m4s": {},
		head + segment:                   at.Add(2 * time.Second),
		head + segment + "#EXT-X-PART:DURATION=0.20000,INDEPENDENT=YES,URI=\"y.0\"\n#EXT-X-PART:URI=\"y.1\",DURATION=0.2\n": at.Add(2 * time.Second),
		head + segment + "#EXTINF:nonsense,\ny\n": at.Add(2 * time.Second),
	} {
		require.True(t, end.Equal(endOf(strings.NewReader(text))), "%s: %v", text, endOf(strings.NewReader(text)))
	}
}
