package e2e

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

// clusterFaults are what happens to nodes and to etcd, those last after which a node is another process.
func clusterFaults() []clusterFault {
	faults := []clusterFault{
		{name: "owner killed, publisher comes back", bound: "4 to 6 s", inject: ownerKilled},
		{name: "owner stopped for 10 s", bound: "4 to 6 s", inject: ownerStopped},
		{name: "viewers' node killed, behind nginx", bound: "1 to 3 s", through: true, inject: viewersNodeKilled},
		{name: "viewers' node stopped for 10 s, nginx", bound: "", through: true, inject: viewersNodeStopped},
		{name: "etcd: leader killed", bound: "nothing", inject: etcdLeaderKilled},
		{name: "etcd: all down for 15 s", bound: "nothing", inject: etcdDown},
		{name: "owner cut from etcd for 10 s", bound: "nothing", inject: ownerCut(true, true)},
		{name: "etcd does not hear the owner for 10 s", bound: "nothing", inject: ownerCut(true, false)},
		{name: "the owner does not hear etcd for 10 s", bound: "nothing", inject: ownerCut(false, true)},
		{name: "viewers' node cut from etcd for 10 s", bound: "nothing", inject: viewersNodeCut},
		{name: "owner cut, another publishes elsewhere", bound: "one swap", inject: bothSides},
	}
	if runtime.GOARCH == "amd64" {
		faults = append(faults,
			clusterFault{name: "owner's clock 30 s ahead, then right", bound: "nothing", inject: ownersClock(30 * time.Second)},
			clusterFault{name: "owner's clock an hour behind, then right", bound: "", inject: ownersClock(-time.Hour)})
	}
	return append(faults,
		clusterFault{name: "viewers' node restarted, SIGUSR2", bound: "nothing", inject: viewersNodeRestarted},
		clusterFault{name: "owner restarted, SIGUSR2", bound: "0.5 s", inject: ownerRestarted})
}

func ownerKilled(r *clusterRun) string {
	r.checker.setDown(r.owner, true)
	r.checker.died()
	r.kill(r.owner)
	began := time.Now()
	lapse(noticed)
	r.publishAgain(r.others...)
	note := "published again after " + secondsSince(began)
	r.afterwards(func() {
		r.restart(r.owner)
		r.checker.setDown(r.owner, false)
	})
	return note
}

// afterwards does something once the players play again.
func (r *clusterRun) afterwards(then func()) {
	r.steady()
	then()
	lapse(faultLasts / 2)
}

func ownerStopped(r *clusterRun) string {
	r.checker.setDown(r.owner, true)
	r.checker.died()
	r.signal(r.owner, syscall.SIGSTOP)
	goOn := sync.OnceFunc(func() { r.signal(r.owner, syscall.SIGCONT) })
	defer goOn()
	began, session := time.Now(), r.publisher.session
	lapse(noticed)
	r.publishAgain(r.others...)
	note := "published again after " + secondsSince(began)
	lapse(time.Until(began.Add(faultLasts)))
	goOn()
	began = time.Now()
	eventually(r.t, func() bool { return statusOf(session) == http.StatusGone || statusOf(session) == http.StatusNotFound })
	note += ", yields " + secondsSince(began) + " after it goes on"
	r.checker.setDown(r.owner, false)
	return note
}

func statusOf(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func viewersNodeKilled(r *clusterRun) string {
	node := r.behind(r.stream)
	r.checker.setDown(node, true)
	r.kill(node)
	lapse(faultLasts)
	r.restart(node)
	r.checker.setDown(node, false)
	return "nginx asks " + node
}

func viewersNodeStopped(r *clusterRun) string {
	node := r.behind(r.stream)
	r.checker.setDown(node, true)
	r.signal(node, syscall.SIGSTOP)
	lapse(faultLasts)
	r.signal(node, syscall.SIGCONT)
	lapse(faultLasts / 2)
	r.checker.setDown(node, false)
	return "nginx asks " + node
}

func etcdLeaderKilled(r *clusterRun) string {
	leader := r.etcd.Leader()
	leader.Stop()
	began := time.Now()
	r.etcd.Leader()
	note := "another leader after " + secondsSince(began)
	lapse(faultLasts)
	r.etcd.Start()
	return note
}

func etcdDown(r *clusterRun) string {
	r.etcd.Stop()
	lapse(faultLasts / 2)
	note := ""
	for _, id := range r.ids {
		response, err := http.Post(r.nodes[id].base+"/whip/another", "application/sdp", strings.NewReader("v=0"))
		require.NoError(r.t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		note += fmt.Sprint(" ", response.StatusCode)
	}
	lapse(faultLasts)
	r.etcd.Start()
	r.waitAll()
	require.Equal(r.t, r.owner, r.ownerOf(r.stream, r.others[0]))
	return "who wants to begin gets" + note
}

func ownerCut(sent, answered bool) func(*clusterRun) string {
	return func(r *clusterRun) string {
		r.cut(r.owner, sent, answered)
		lapse(faultLasts)
		r.cut(r.owner, false, false)
		began := time.Now()
		r.waitAll()
		note := "all together " + secondsSince(began) + " after"
		if now := r.ownerOf(r.stream, r.others[0]); now != r.owner {
			note += ", the stream has " + now
		}
		return note
	}
}

func viewersNodeCut(r *clusterRun) string {
	r.cut(r.others[0], true, true)
	lapse(faultLasts)
	r.cut(r.others[0], false, false)
	r.waitAll()
	return ""
}

// bothSides has another publisher begin at a node that does not see the owner any more, while the first one sends.
func bothSides(r *clusterRun) string {
	first := r.publisher
	r.cut(r.owner, true, true)
	for _, id := range r.others {
		r.nodes[id].waitNodes(true, r.others...)
	}
	began := time.Now()
	r.publisher = r.fleet.publish(r.stream, r.others...)
	note := "taken after " + secondsSince(began)
	r.checker.died() // by now nobody is asked for what the first owner lists
	lapse(faultLasts)
	r.cut(r.owner, false, false)
	began = time.Now()
	eventually(r.t, func() bool {
		return statusOf(first.session) == http.StatusGone || statusOf(first.session) == http.StatusNotFound
	})
	first.vanish()
	return note + ", the first is ended " + secondsSince(began) + " after"
}

func ownersClock(ahead time.Duration) func(*clusterRun) string {
	return func(r *clusterRun) string {
		pid := r.nodes[r.owner].holder()
		require.NoError(r.t, setClock(pid, ahead))
		lapse(faultLasts)
		status, _, _ := r.nodes[r.others[0]].get("/live/" + r.stream + "/source.m3u8")
		require.NoError(r.t, setClock(pid, 0))
		return fmt.Sprint("other nodes answer ", status, " meanwhile")
	}
}

func viewersNodeRestarted(r *clusterRun) string {
	r.nodes[r.others[0]].handOver()
	return ""
}

// ownerRestarted has the publisher come back as soon as it is let go.
func ownerRestarted(r *clusterRun) string {
	s := r.nodes[r.owner]
	told, served := strings.Count(s.output.String(), "handing over: "), strings.Count(s.output.String(), "the next process serves")
	r.signal(r.owner, syscall.SIGUSR2)
	eventually(r.t, func() bool { return strings.Count(s.output.String(), "handing over: ") > told })
	began := time.Now()
	r.publishAgain(r.owner)
	eventually(r.t, func() bool { return strings.Count(s.output.String(), "the next process serves") > served })
	r.t.Cleanup(s.stopHolder)
	return "published again after " + secondsSince(began)
}

const races = "both publish at the same instant"

// connects waits until a publisher is connected, and reports whether it is: it may be ended before.
func (p *publisher) connects() bool {
	eventually(p.t, func() bool {
		state := p.pc.ConnectionState()
		return state == webrtc.PeerConnectionStateConnected || state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateClosed || statusOf(p.session) != http.StatusNoContent
	})
	return p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
}

// races has two publishers begin the same stream at two nodes at the same instant, again and again.
func (f *fleet) races(times int) (row string) {
	f.t.Helper()
	one, longest := 0, time.Duration(0)
	for i := range times {
		stream := fmt.Sprint("race-", i)
		var both []*publisher
		statuses := make([]int, 2)
		for range 2 {
			p := newPeer(f.t, nil, f.clip)
			p.add(f.clip, sendOnly)
			both = append(both, p)
		}
		offers := []string{both[0].offer(nil), both[1].offer(nil)}
		var start, posting sync.WaitGroup
		start.Add(1)
		for n := range both {
			posting.Go(func() {
				start.Wait()
				statuses[n], _ = both[n].tryNegotiate(f.nodes[f.ids[n]].base+"/whip/"+stream, offers[n])
			})
		}
		began := time.Now()
		start.Done()
		posting.Wait()
		for n, p := range both {
			if statuses[n] == http.StatusCreated && p.connects() {
				p.rounds = chaosRounds
				p.send()
			}
		}
		live := func() (count int) {
			for n, p := range both {
				if statuses[n] == http.StatusCreated && statusOf(p.session) == http.StatusNoContent {
					count++
				}
			}
			return count
		}
		eventually(f.t, func() bool { return f.ownerOf(stream, f.ids[2]) != "" && live() <= 1 }, "both publish: %v", func() string { return fmt.Sprint(statuses) })
		longest = max(longest, time.Since(began))
		if live() == 1 {
			one++
		}
		for _, p := range both {
			p.stop()
		}
	}
	return fmt.Sprintf("%-40s one of two publishes in %d of %d, decided within %.2f s", races, one, times, longest.Seconds())
}
