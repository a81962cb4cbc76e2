package origin

import (
	"strings"
	"testing"
	"time"

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

// Players at the edge by the clock are told of the next edition, however late the media is; those that begin there not before they play. So is
// who went on by the clock with an MPD that is an hour old, and who stands still where a page was hidden, in an earlier Period too.
func TestEventsFollowTheClock(t *testing.T) {
	const start = time.Minute
	for _, late := range []time.Duration{200 * time.Millisecond, 5 * time.Second, 20 * time.Second} {
		e := edition{number: 7, due: 30 * time.Second, reached: 30*time.Second - late, begins: 800 * time.Millisecond}
		told := func(follows bool, at time.Duration) (told bool) {
			event := e.event(uint64(start.Milliseconds()), follows)
			from := time.Duration(event.Time) * time.Millisecond
			told = from <= start+at && start+at <= from+time.Duration(event.Duration)*time.Millisecond
			return told
		}
		begin := e.due - time.Second
		require.False(t, told(false, begin), late)
		require.True(t, told(false, max(begin, e.reached)+200*time.Millisecond), late)
		for at := e.reached - 3*time.Second; at < e.due+2*time.Second; at += 100 * time.Millisecond {
			require.True(t, told(true, at), "%v late, at %v", late, at)
		}
		require.True(t, told(true, e.due+time.Hour), late)
		require.True(t, told(true, time.Millisecond-start), late)
		require.False(t, told(true, -start), "the place has not been found")
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
