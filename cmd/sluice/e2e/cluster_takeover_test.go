package e2e

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
)

// split are the node that has a stream, and the others with their names.
func split(t *testing.T, nodes []*service, ids []string, stream string) (has *service, owner string, others []*service, left []string) {
	t.Helper()
	eventually(t, func() bool { owner = nodes[0].listed()[stream]; return owner != "" })
	for i, n := range nodes {
		if ids[i] == owner {
			has = n
		} else {
			others, left = append(others, n), append(left, ids[i])
		}
	}
	return has, owner, others, left
}

// byName are nodes by what they are called. What a node that is killed has told its own viewers alone, nobody can go on from.
func byName(ids []string, nodes []*service) map[string]*service {
	all := map[string]*service{}
	for i, id := range ids {
		all[id] = nodes[i]
	}
	return all
}

// requireNoFaults allows dates alone to go back: a successor begins where viewers have been told that the media ends, by the nodes that say so within a
// second, and on a busy machine one may take longer. How far they go back is for scripts/bench cluster.
func requireNoFaults(t *testing.T, checker *clusterChecker) {
	t.Helper()
	require.Empty(t, slices.DeleteFunc(checker.faults(), func(fault string) bool { return strings.HasPrefix(fault, datesGoOn) }))
}

// A node is killed while viewers of others watch its stream. Who publishes comes back at another node, and the stream goes on there: under no number
// that has been listed, with a discontinuity, later, and nobody is told of an end.
func TestTakeOver(t *testing.T) {
	alongside(t, paged)
	etcd := etcdtest.StartAt(t, freeAddress(t), freeAddress(t))
	ids := []string{"n1", "n2", "n3"}
	nodes := startNodes(t, etcd, ids...)
	p := newPublisher(t, nodes[0], "shared")
	p.rounds = chaosRounds
	p.send()
	has, _, others, left := split(t, nodes, ids, "shared")
	for _, n := range nodes {
		n.waitMoreListed("/live/shared/240p.m3u8", 2)
	}
	checker, finish := checkCluster(t, "shared", byName(left, others))
	_, _, before := others[0].get("/live/shared/manifest.mpd")
	pages := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	defer pages.Close()
	viewer := startBrowser(t).open(pages.URL + "/viewer.html")
	viewer.run(`play("`+others[1].base+`/whep/shared")`, nil)
	viewer.wait("pictures over WHEP", `(await inbound()).video.frames > 5`)
	o, stop := look(t, others[0].base, "shared")
	o.goesOn()

	has.kill()
	checker.died()
	cut := time.Now()
	p.vanish()
	others[0].waitNodes(true, left...)
	again := newPublisher(t, others[0], "shared")
	again.rounds = chaosRounds
	again.send()
	for _, n := range others {
		n.waitState("shared", "live")
	}
	o.goesOn()
	t.Logf("viewers go on within %v of the kill", time.Since(cut).Round(time.Second/10))
	stop()
	for _, n := range others {
		n.waitMoreListed("/live/shared/240p.m3u8", 2)
		_, _, mpd := n.get("/live/shared/manifest.mpd")
		require.Equal(t, availability.FindString(string(before)), availability.FindString(string(mpd)), "availabilityStartTime does not move")
		_, _, playlist := n.get("/live/shared/240p.m3u8")
		require.Contains(t, string(playlist), "#EXT-X-DISCONTINUITY\n")
	}
	viewer.wait("pictures over the same connection", fmt.Sprintf(`(await inbound()).video.frames > %d`, viewer.received()["video"].Frames+30))
	finish()
	requireNoFaults(t, checker)
}

var availability = regexp.MustCompile(`availabilityStartTime="[^"]*"`)

// balancer asks the first of some services that lets itself be connected to, as a load balancer does.
func balancer(t *testing.T, nodes ...*service) (base string) {
	t.Helper()
	connect := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
		for _, n := range nodes {
			if conn, err = new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(n.base, "http://")); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}}
	target, err := url.Parse(nodes[0].base)
	require.NoError(t, err)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport: connect, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = target.Host
		},
	})
	t.Cleanup(func() { server.Close(); connect.CloseIdleConnections() })
	return server.URL
}

// The publish page comes back by itself at another node, and watch pages play on: nobody reloads anything.
func TestPagesTakeOver(t *testing.T) {
	alongside(t, heavy)
	etcd := etcdtest.StartAt(t, freeAddress(t), freeAddress(t))
	ids := []string{"n1", "n2", "n3"}
	nodes := startNodes(t, etcd, ids...)
	studio := cameraBrowser.forTest(t).open(balancer(t, nodes...) + "/publish?stream=shared")
	studio.click("#start")
	nodes[0].waitState("shared", "live")
	has, owner, others, left := split(t, nodes, ids, "shared")
	checker, finish := checkCluster(t, "shared", byName(left, others))
	viewers := startBrowser(t)
	var players []*player
	for i, protocol := range []string{"hls", "dash"} {
		others[i].waitListed("/live/shared/240p.m3u8", "#EXTINF", 3)
		players = append(players, openPlayer(viewers, others[i].base+"/watch/shared?protocol="+protocol, protocol))
	}
	waitSteady(patience, players...)
	for _, p := range players {
		p.reset()
	}

	has.kill()
	checker.died()
	cut := time.Now()
	others[0].waitFor("shared", func(s stream) bool { return s.Publisher != nil && s.Publisher.Connected })
	t.Logf("the page publishes again %v after its node, %s, was killed", time.Since(cut).Round(time.Second/10), owner)
	others[0].waitMoreListed("/live/shared/240p.m3u8", 2)
	waitSteady(patience, players...)
	for _, p := range players {
		seen := p.read()
		t.Logf("%s: %.2f s without a new picture, %d players after %d", p.protocol, seen.Stall, seen.Players, p.opened)
		p.close()
	}
	finish()
	requireNoFaults(t, checker)
	studio.click("#stop")
}
