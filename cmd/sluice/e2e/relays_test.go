package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const relaySecret = "--relay-secret=what origin and relays have in common"

// startRelay runs a relay of a service.
func startRelay(t testing.TB, of *service, args ...string) *service {
	t.Helper()
	return startService(t, append([]string{"--relay-origin", of.base, relaySecret}, args...)...)
}

// What a relay of a relay serves keeps every rule, is asked of the origin once, and goes on when the origin was away.
func TestRelays(t *testing.T) {
	alongside(t, light)
	origin := startService(t, "--ladder", smallRung, "--record=false", "--on-stop=keep", relaySecret)
	relay := startRelay(t, startRelay(t, origin))
	p := newPublisher(t, origin, "relayed")
	seen := watch(t, relay, "relayed")
	p.rounds = chaosRounds
	p.send()
	printed, status := runToEnd(t, "play", "--duration", "2s", relay.base+"/whep/relayed")
	require.Zero(t, status, printed)
	require.Regexp(t, `ended: [1-9]\d* pictures`, printed)
	require.Positive(t, relay.metric(`sluice_relay_pulls_total{result="begun"}`))
	relay.waitMoreListed("/live/relayed/240p.m3u8", 3)
	visits := seen()
	requireConformant(t, visits)
	requireFetched(t, visits)
	require.Positive(t, relay.metric("sluice_relay_upstream_requests_total"))
	require.Zero(t, relay.metric("sluice_relay_refused_total"))
	require.Zero(t, origin.stream("relayed").Viewers, "a relay is no viewer")

	data, addresses := origin.data, origin.addresses()
	p.stop()
	origin.stop()
	answered := make(chan int, 1)
	go func() {
		response, err := http.Get(relay.base + "/live/relayed/index.m3u8?" + strings.Repeat("x", 10))
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		if err != nil {
			answered <- 0
			return
		}
		answered <- response.StatusCode
	}()
	startServiceIn(t, data, append([]string{"--ladder", smallRung, "--record=false", relaySecret}, addresses...)...)
	require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, <-answered, "nobody's connection is cut")
	eventually(t, func() bool { status, _, _ := relay.get("/live/relayed/240p.m3u8"); return status == http.StatusOK })
}
