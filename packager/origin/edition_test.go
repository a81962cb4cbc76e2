package origin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMPDQuery(t *testing.T) {
	for query, want := range map[string]mpdQuery{
		"": {}, "&&": {}, "CMCD=x": {},
		"_DASH_after=7": {follows: true, after: 7}, "x=1&_DASH_after=0&y": {follows: true, foreign: "x=1&y"},
		"_DASH_after=": {}, "_DASH_after=-1": {}, "_DASH_after=4294967296": {}, "_DASH_after=%31": {},
		"token=":                    {foreign: "token=", private: true},
		"_DASH_after=7&token=x&y=1": {follows: true, after: 7, foreign: "token=x&y=1", private: true},
	} {
		require.Equal(t, want, parseMPDQuery(query), query)
	}
}

func FuzzMPDQuery(f *testing.F) {
	f.Add("_DASH_after=7&x=1&token=%zz&CMCD=a")
	f.Fuzz(func(t *testing.T, query string) {
		q := parseMPDQuery(query)
		if len(q.foreign) > maxForeignQuery && !q.apart || strings.HasPrefix(q.foreign, "token=") && !q.private {
			t.Fatalf("%q gave %+v", query, q)
		}
	})
}
