package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// restarts is how often the service is restarted in each way.
const restarts = 5

// restarted is a service that is restarted under players.
type restarted struct {
	t         testing.TB
	s         *service
	args      []string
	publisher *publisher // nil: a page publishes
	players   []*player
}

// BenchmarkRestart restarts the service in each way that there is, under hls.js and dash.js, and prints for how long their pictures stood still. A
// program that publishes comes back at once; a page does so by itself.
func BenchmarkRestart(b *testing.B) {
	for b.Loop() {
		var rows []string
		for _, way := range []struct {
			name    string
			restart func(*restarted)
			page    bool
		}{
			{"SIGUSR2", (*restarted).handOver, false},
			{"SIGUSR2, a page publishes", (*restarted).handOver, true},
			{"SIGTERM with on-stop keep", (*restarted).keep, false},
			{"kill -9", (*restarted).crash, false},
		} {
			rows = append(rows, measureRestarts(b, way.name, way.restart, way.page))
		}
		rows = append(rows, measureOthers(b)...)
		b.Logf("longest time without a new picture at each of %d restarts, in seconds: the least, the median, the longest\n%s", restarts, strings.Join(rows, "\n"))
	}
	b.ReportMetric(0, "ns/op")
}

func measureRestarts(t testing.TB, name string, restart func(*restarted), page bool) string {
	r := &restarted{t: t, args: []string{"--ladder", calmRung, "--linger", "60s", "--on-stop", "keep", "--record=false"}}
	r.s = startService(t, r.args...)
	r.args = append(r.args, r.s.addresses()...)
	browser := startBrowser(t)
	if page {
		publishing := browser.open(r.s.base + "/publish?stream=" + chaosStream)
		publishing.click("#start")
		defer publishing.close()
	} else {
		r.publish()
	}
	r.s.waitState(chaosStream, "live")
	for _, protocol := range protocols() {
		r.players = append(r.players, openPlayer(browser, r.s.base+"/watch/"+chaosStream+"?protocol="+protocol, protocol))
	}
	stalls := map[string][]float64{}
	for range restarts {
		lapse(watchedFor / 3)
		waitSteady(recoverIn, r.players...)
		for _, p := range r.players {
			p.reset()
		}
		restart(r)
		lapse(watchedFor / 3)
		waitSteady(recoverIn, r.players...)
		for _, p := range r.players {
			seen := p.read()
			stalls[p.protocol] = append(stalls[p.protocol], seen.Stall)
			if seen.Fatal > 0 || seen.Players != p.opened {
				t.Errorf("%s: %s was opened anew: %+v", name, p.protocol, seen)
			}
		}
	}
	row := fmt.Sprintf("%-28s", name)
	for _, protocol := range protocols() {
		all := stalls[protocol]
		slices.Sort(all)
		row += fmt.Sprintf("  %s %5.2f %5.2f %5.2f", protocol, all[0], all[len(all)/2], all[len(all)-1])
	}
	t.Log(row)
	for _, p := range r.players {
		p.close()
	}
	if r.publisher != nil {
		r.publisher.vanish()
	}
	r.s.stopHolder()
	return row
}

// measureOthers is that of pages that have hls.js and dash.js as they come, without what the watch page does beside them.
func measureOthers(t testing.TB) (rows []string) {
	habits := slices.DeleteFunc(everyHabit(), func(h habit) bool {
		return !slices.Contains([]string{
			"hls.js, with sound, play() at once", "hls.js, lowLatencyMode false", "dash.js, play() at once", "dash.js, autoplay off, a click",
		}, h.name)
	})
	g := newPlayground(t, habits, 2)
	g.start()
	r := &restarted{t: t, s: g.s, publisher: g.sent}
	stalls := map[string][]float64{}
	for range restarts {
		lapse(watchedFor / 3)
		for _, p := range g.pages {
			p.run("reset()", nil)
		}
		r.handOver()
		lapse(watchedFor)
		for _, p := range g.pages {
			g.waitAll(p, "does not play", func(h habitual) bool { return h.Still < longPause && !h.Paused })
			for _, h := range g.read(p) {
				stalls[h.Name] = append(stalls[h.Name], h.Longest)
				if len(h.Errors) > 0 {
					t.Logf("%s: %v", h.Name, h.Errors)
				}
			}
		}
	}
	for _, h := range habits {
		all := slices.Sorted(slices.Values(stalls[h.name]))
		rows = append(rows, fmt.Sprintf("SIGUSR2, %-36s %5.2f %5.2f %5.2f", h.name, all[0], all[len(all)/2], all[len(all)-1]))
	}
	r.publisher.vanish()
	r.s.stopHolder()
	return rows
}

func (r *restarted) publish() {
	if r.publisher != nil {
		r.publisher.vanish()
	}
	r.publisher = newPublisher(r.t, r.s, chaosStream)
	r.publisher.rounds = chaosRounds
	r.publisher.send()
}

// handOver has the publisher come back as soon as the service lets it go.
func (r *restarted) handOver() {
	told, served := strings.Count(r.s.output.String(), "handing over: "), strings.Count(r.s.output.String(), "the next process serves")
	require.NoError(r.t, syscall.Kill(r.s.holder(), syscall.SIGUSR2))
	eventually(r.t, func() bool { return strings.Count(r.s.output.String(), "handing over: ") > told })
	if r.publisher != nil {
		r.publish()
	}
	eventually(r.t, func() bool { return strings.Count(r.s.output.String(), "the next process serves") > served })
}

func (r *restarted) keep() {
	require.NoError(r.t, r.s.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(r.t, <-r.s.exited)
	r.start()
}

func (r *restarted) crash() {
	r.s.kill()
	r.start()
}

// start starts the service where it was, and publishes again.
func (r *restarted) start() {
	r.s = startServiceIn(r.t, r.s.data, r.args...)
	r.publish()
}
