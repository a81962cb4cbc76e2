package stills

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/sluice-live/sluice/public/rates"
	"github.com/stretchr/testify/require"
)

var today = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// Whatever a query says, a time is not in the future, and a series neither too fast nor too slow.
func FuzzParse(f *testing.F) {
	for _, query := range []string{"", "at=10", "at=2026-11-29T11:59:00.5+01:00", "at=0001-01-01T00:00:00Z", "at=1e300", "at=-0", "every=2s", "every=2", "every=1e9h", "at=1&every=1"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		asked, refused := parse(query, today)
		if refused != nil {
			require.Equal(t, 400, refused.status)
			return
		}
		require.True(t, asked.every == 0 || minEvery <= asked.every && asked.every <= maxEvery)
		if query.Get("at") != "" {
			require.False(t, asked.at.After(today.Add(ahead)))
			require.True(t, asked.fixed || !asked.at.Before(today.Add(-farthest-time.Second)))
		}
	})
}

func TestClients(t *testing.T) {
	c := rates.New[string](each, burst)
	for n := range 2 * rates.Most {
		require.True(t, c.Allow(fmt.Sprint(n), 1, today))
		require.LessOrEqual(t, c.Len(), rates.Most)
	}
	for range burst {
		require.True(t, c.Allow("one", 1, today))
	}
	require.False(t, c.Allow("one", 1, today))
	require.True(t, c.Allow("one", 1, today.Add(time.Second)))
	require.Equal(t, "192.0.2.7/32", clientOf("[::ffff:192.0.2.7]:80"))
	require.Equal(t, clientOf("[2001:db8::1]:80"), clientOf("[2001:db8::2%eth0]:81"))
}
