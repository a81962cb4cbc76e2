package e2e

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// Caches collapse the requests of viewers who have a token each as they do those of viewers who need none: only the address that they begin with
// is each one's own, and what it names is the same for all whose rights end in the same interval.
func TestCacheWithTokens(t *testing.T) {
	alongside(t, light)
	const viewers, parts = 8, 60 // a minute of segments, and a little more than that of playlists
	gate := access.New(config.Auth{Interval: 5 * time.Minute}, access.Secret{}, slog.New(slog.DiscardHandler))
	end := time.Now().Truncate(time.Hour).Add(3 * time.Hour)
	none := func(int) (query, signature string) { return "", "" }
	own := func(viewer int) (query, signature string) {
		return fmt.Sprintf("?token=of-viewer-%d", viewer), "~" + gate.Sign("closed", end.Add(-time.Duration(viewer)*time.Second))
	}
	forEachCache(t, func(t *testing.T, name, base string, s *script) {
		// audience is what viewers ask for, one after the other, and what of it the cache passes on: of the address that they begin with, and of others.
		audience := func(stream string, of func(viewer int) (query, signature string)) (asked, first, others int) {
			for viewer := range viewers {
				query, signature := of(viewer)
				addresses := []string{"index.m3u8" + query}
				for part := range parts {
					addresses = append(addresses, fmt.Sprintf("low%s.m3u8?_HLS_msn=%d&_HLS_part=%d&", signature, part/5, part%5), fmt.Sprintf("aaaa/low-%d.m4s", part))
				}
				for _, address := range addresses {
					status, _ := fetch(t, strings.Replace(base, "/cam/", "/"+stream+"/", 1)+address)
					require.Equal(t, http.StatusOK, status)
				}
				asked += len(addresses)
			}
			for _, url := range s.take() {
				if strings.Contains(url, "/index.m3u8") {
					first++
				} else {
					others++
				}
			}
			return asked, first, others
		}
		asked, first, others := audience("open", none)
		require.Equal(t, []int{1, 2 * parts}, []int{first, others}, "without tokens all are asked for once")
		_, own, shared := audience("closed", own)
		require.Equal(t, []int{viewers, others}, []int{own, shared}, "with tokens no more than the addresses that viewers begin with")
		without, with := asked-first-others, asked-own-shared
		t.Logf("%s: of %d requests of %d viewers it answers %d itself without tokens, %d with", name, asked, viewers, without, with)
		require.Greater(t, float64(with), 0.99*float64(without))
	})
}
