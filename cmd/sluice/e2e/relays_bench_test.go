package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const relayViewers = 200

// BenchmarkRelay measures by how much later than from the origin 200 viewers of LL-HLS get parts, and the playlists that list them, from a relay,
// and what that costs both. The two crowds watch the same stream, one after the other. Run it with -benchtime 1x.
func BenchmarkRelay(b *testing.B) {
	for b.Loop() {
		origin := startService(b, "--ladder", smallRung, "--record=false", relaySecret)
		relay := startRelay(b, origin)
		epoch := startStream(b, origin, "crowd", "240p", 6)
		w := watchWrites(b, filepath.Join(origin.data, "live", "crowd", epoch), "240p")
		crowds := map[string]*service{"direct": origin, "relayed": relay}
		for _, name := range []string{"direct", "relayed"} {
			s := crowds[name]
			cpu, asked := cpuSeconds(b, s.cmd.Process.Pid), relay.metric("sluice_relay_upstream_requests_total")
			c := newCrowd(s, "/live/crowd/240p.m3u8", "Accept-Encoding: gzip\r\n")
			ctx, stop := context.WithTimeout(b.Context(), crowdRamp+crowdWatches)
			c.watch(ctx, relayViewers, crowdRamp)
			stop()
			cpu = cpuSeconds(b, s.cmd.Process.Pid) - cpu
			c.requireSound(b)
			delays := c.delays(w, c.first()+int64(crowdRamp/(2*time.Second))+1)
			require.NotEmpty(b, delays)
			b.ReportMetric(percentile(delays, 50), name+"-p50-ms")
			b.ReportMetric(percentile(delays, 99), name+"-p99-ms")
			b.ReportMetric(cpu/(crowdRamp+crowdWatches).Seconds()*100, name+"-own-%core")
			b.ReportMetric(float64(c.answers.faulty()), name+"-not-200")
			if name == "relayed" {
				asked = relay.metric("sluice_relay_upstream_requests_total") - asked
				b.ReportMetric(asked/float64(c.seen()), "upstream/version") // a playlist and a part for each
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}
