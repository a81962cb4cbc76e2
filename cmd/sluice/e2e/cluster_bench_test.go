package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

const sendOnly = webrtc.RTPTransceiverDirectionSendonly

const (
	faultLasts = 10 * time.Second
	// noticed is how long a publisher needs to find that its node has gone: the publish page takes two seconds without a report for that.
	noticed = 2 * time.Second
	// settleIn is how long a player may stand still before the table says that it does so for good.
	settleIn = time.Minute
)

// clusterFault is one that a cluster meets.
type clusterFault struct {
	name, bound string // bound is of the standstill
	through     bool   // viewers come through nginx
	inject      func(r *clusterRun) (note string)
}

// clusterRun is a stream under a fault, with who watches it.
type clusterRun struct {
	*fleet
	stream, owner string
	others        []string // the nodes at which it is watched
	publisher     *publisher
	players       []*player
	viewer        *receiver // over WHEP
	checker       *clusterChecker
	stopChecker   func()
}

// BenchmarkCluster injects what can happen to a cluster under hls.js, dash.js and a WHEP viewer, each at a node that does not have the stream, and
// under the checker, which asks all nodes. It prints for how long pictures stood still.
func BenchmarkCluster(b *testing.B) {
	for b.Loop() {
		f := newFleet(b)
		browser := startBrowser(b)
		fmt.Printf("Longest standstill, in seconds; how often a player's element was emptied, by how many seconds its time went back, how long a node that does not\n"+
			"have the stream listed nothing new, how many rules were broken.\n%-40s %7s %7s %7s %8s %6s %9s %7s  %-9s %s\n", "fault", "hls.js", "dash.js", "WHEP", "emptied", "back", "playlists", "checker", "bound", "")
		wanted := regexp.MustCompile(os.Getenv("CLUSTER_FAULTS"))
		for i, fault := range clusterFaults() {
			if !wanted.MatchString(fault.name) {
				continue
			}
			r := f.begin(fault, browser, fmt.Sprint("row-", i))
			fmt.Println(r.endure(fault))
			r.end()
		}
		if wanted.MatchString(races) {
			fmt.Println(f.races(10))
		}
	}
	b.ReportMetric(0, "ns/op")
}

// begin has a stream published and watched.
func (f *fleet) begin(fault clusterFault, browser *browser, stream string) *clusterRun {
	f.t.Helper()
	r := &clusterRun{fleet: f, stream: stream}
	for try := 0; ; try++ {
		r.stream = fmt.Sprint(stream, "-", try)
		r.publisher = f.publish(r.stream, f.ids...)
		eventually(f.t, func() bool { r.owner = f.ownerOf(r.stream, f.ids[0]); return r.owner != "" })
		if !fault.through || f.behind(r.stream) != r.owner {
			break
		}
		r.publisher.stop() // nginx asks the owner itself
	}
	r.others = f.but(r.owner)
	for i, protocol := range protocols() {
		base := f.nodes[r.others[i]].base
		f.nodes[r.others[i]].waitState(r.stream, "live")
		if fault.through {
			base = f.proxy()
		}
		r.players = append(r.players, openPlayer(browser, base+"/watch/"+r.stream+"?protocol="+protocol, protocol))
	}
	at := r.others[0]
	if fault.through && f.behind(r.stream) == at { // whose end is the end of its sessions
		at = r.others[1]
	}
	r.viewer = newWHEPViewerOf(f.t, f.clip, f.nodes[at].base+"/whep/"+r.stream, nil)
	eventually(f.t, r.viewer.begun)
	r.checker, r.stopChecker = checkCluster(f.t, r.stream, f.nodes)
	eventually(f.t, func() bool { return r.checker.positions() > 20 })
	waitSteady(recoverIn, r.players...)
	return r
}

// endure injects the fault and returns what was seen.
func (r *clusterRun) endure(fault clusterFault) (row string) {
	r.t.Helper()
	for _, p := range r.players {
		p.reset()
	}
	r.viewer.reset()
	r.checker.reset()
	note := fault.inject(r)
	steady := r.steady()
	columns, emptied, back := "", 0, 0.0
	for i, p := range r.players {
		seen := p.read()
		emptied, back = emptied+seen.Emptied, max(back, seen.Back)
		column := fmt.Sprintf("%.2f", seen.Stall)
		if !steady[i] {
			column = ">" + column
		}
		columns += fmt.Sprintf(" %7s", column)
		if seen.Players != p.opened || seen.Fatal > 0 {
			note += fmt.Sprintf("; %s was opened %d times more, met %d fatal errors", p.protocol, seen.Players-p.opened, seen.Fatal)
		}
	}
	pause := max(r.checker.longest(r.others[0]), r.checker.longest(r.others[1]))
	broken := r.checker.faults()
	shown, rules := "", map[string]bool{}
	for _, one := range broken { // the first of each rule
		if rule, _, _ := strings.Cut(one, ": "); !rules[rule] {
			rules[rule] = true
			shown += "\n    " + one
		}
	}
	return fmt.Sprintf("%-40s%s %7.2f %8d %6.1f %9.2f %7d  %-9s %s%s", fault.name, columns, r.viewer.longest().Seconds(), emptied, back, pause.Seconds(), len(broken), fault.bound,
		strings.TrimPrefix(note, "; "), shown)
}

// steady waits until the players play, and reports which of them do.
func (r *clusterRun) steady() (plays []bool) {
	plays = make([]bool, len(r.players))
	since := make([]time.Time, len(r.players))
	for end := time.Now().Add(settleIn); time.Now().Before(end); lapse(lookEvery) {
		all := true
		for i, p := range r.players {
			if p.read().Still > 0.5 {
				since[i] = time.Time{}
			} else if since[i].IsZero() {
				since[i] = time.Now()
			}
			plays[i] = !since[i].IsZero() && time.Since(since[i]) > 2*steadyFor
			all = all && plays[i]
		}
		if all {
			break
		}
	}
	return plays
}

// end closes all, and has every node be there for the next fault.
func (r *clusterRun) end() {
	r.t.Helper()
	r.stopChecker()
	for _, p := range r.players {
		p.close()
	}
	r.viewer.vanish()
	r.publisher.stop()
	r.waitAll()
}

// publishAgain has the publisher come back at one of these nodes.
func (r *clusterRun) publishAgain(via ...string) {
	r.t.Helper()
	r.publisher.vanish()
	r.publisher = r.fleet.publish(r.stream, via...)
}

// since is a number of seconds, as notes say it.
func secondsSince(t time.Time) string { return fmt.Sprintf("%.1f s", time.Since(t).Seconds()) }
