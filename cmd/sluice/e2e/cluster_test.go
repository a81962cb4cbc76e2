package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/user"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
	"github.com/sluice-live/sluice/cmd/sluice/internal/hop"
)

const clusterSecret = "what all nodes of a cluster have in common"

// startNodes runs services that share streams.
func startNodes(t testing.TB, etcd *etcdtest.Etcd, ids ...string) (nodes []*service) {
	t.Helper()
	for _, id := range ids {
		address := freeAddress(t)
		nodes = append(nodes, startService(t, "--http-listen", address, "--ladder", smallRung, "--record=false", "--linger=5m", "--cluster-etcd", etcd.URL, "--cluster-node", id,
			"--cluster-url", "http://"+address, "--cluster-secret", clusterSecret))
	}
	for _, n := range nodes {
		n.waitNodes(true, ids...)
	}
	return nodes
}

// waitNodes waits until a node sees others, and whether etcd answers.
func (s *service) waitNodes(connected bool, ids ...string) {
	s.t.Helper()
	eventually(s.t, func() bool {
		var list struct {
			Nodes     []struct{ ID string }
			Connected bool
		}
		status, _, body := s.get("/api/v1/nodes")
		require.Equal(s.t, http.StatusOK, status, "%s", body)
		require.NoError(s.t, json.Unmarshal(body, &list))
		var seen []string
		for _, n := range list.Nodes {
			seen = append(seen, n.ID)
		}
		return list.Connected == connected && strings.Join(seen, " ") == strings.Join(ids, " ")
	})
}

// listed is which node each stream has, by the list of a node.
func (s *service) listed() map[string]string {
	s.t.Helper()
	var list struct {
		Streams []struct{ Name, Node string }
		Missing []string
	}
	_, _, body := s.get("/api/v1/streams")
	require.NoError(s.t, json.Unmarshal(body, &list))
	require.Empty(s.t, list.Missing)
	nodes := map[string]string{}
	for _, stream := range list.Streams {
		require.Empty(s.t, nodes[stream.Name], "it is listed once")
		nodes[stream.Name] = stream.Node
	}
	return nodes
}

// Whoever publishes, watches, lists or ends something may do so at any node, and without etcd what runs goes on.
func TestCluster(t *testing.T) {
	alongside(t, atLength(paged))
	etcd := etcdtest.StartAt(t, freeAddress(t), freeAddress(t))
	ids := []string{"n1", "n2", "n3"}
	nodes := startNodes(t, etcd, ids...)
	p := newPublisher(t, nodes[0], "shared")
	p.rounds = chaosRounds
	p.send()
	has, owner, others, _ := split(t, nodes, ids, "shared")
	require.Contains(t, ids, owner)
	for _, n := range nodes {
		eventually(t, func() bool { return n.listed()["shared"] == owner })
		n.waitState("shared", "live")
	}
	require.Contains(t, p.session, "/whip/shared/"+owner+".")

	for _, n := range nodes {
		n.waitMoreListed("/live/shared/240p.m3u8", 2)
		status, _, body := n.get("/live/shared/manifest.mpd")
		require.Equal(t, http.StatusOK, status, "%s", body)
		_, _, body = n.get("/api/v1/sessions")
		require.Contains(t, string(body), `"kind":"publisher"`)
	}
	seen := watch(t, others[0], "shared")
	printed, status := runToEnd(t, "play", "--duration", "2s", others[1].base+"/whep/shared")
	require.Zero(t, status, printed)
	require.Regexp(t, `ended: [1-9]\d* pictures`, printed)
	require.Positive(t, others[1].metric(`sluice_relay_pulls_total{result="begun"}`))
	require.Equal(t, []float64{3, 1, 0}, []float64{others[0].metric("sluice_cluster_nodes"), others[0].metric("sluice_cluster_connected"), others[0].metric("sluice_cluster_owned_streams")})
	visits := seen()
	requireConformant(t, visits)
	requireFetched(t, visits)
	printed, status = runToEnd(t, "ctl", "nodes", "--url", others[0].base)
	require.Zero(t, status, printed)
	require.Regexp(t, `(?m)^`+owner+` +\w+ +1 +\d+ +[\d.]+ +(?:-|[-+]?[\d.]+ s) +`+has.base+`$`, printed)

	printed, status = runToEnd(t, "ctl", "streams", "--url", others[0].base)
	require.Zero(t, status, printed)
	require.Regexp(t, `(?m)^STREAM .* NODE\nshared +live .* `+owner+`$`, printed)

	// The next publisher takes over where the stream is, steers its session at the node that it knows, and is ended at another one.
	p.stop()
	p = newPublisher(t, others[0], "shared")
	p.rounds = chaosRounds
	require.Contains(t, p.session, others[0].base+"/whip/shared/"+owner+".")
	p.send()
	has.waitFor("shared", func(s stream) bool { return s.Publisher != nil && s.Publisher.Connected })
	p.restartICE()
	require.Equal(t, http.StatusOK, send(t, "DELETE", strings.Replace(p.session, others[0].base, others[1].base, 1), nil))
	others[1].waitState("shared", "interrupted")
	require.Equal(t, http.StatusNotFound, send(t, "DELETE", others[1].base+"/whip/shared/gone.SESSION", nil))
	require.Equal(t, http.StatusNoContent, send(t, "DELETE", others[1].base+"/api/v1/streams/shared", nil))

	requireMembersOnly(t, has)
	requireBalanced(t, nodes)
	requireOneRoom(t, nodes)

	p.stop()
	p = newPublisher(t, others[1], "shared")
	p.rounds = chaosRounds
	p.send()
	etcd.Stop()
	for _, n := range nodes {
		n.waitNodes(false, ids...)
		status, _, _ := n.get("/healthz")
		require.Equal(t, http.StatusOK, status)
		n.waitMoreListed("/live/shared/240p.m3u8", 2)
		response, err := http.Post(n.base+"/whip/new", "application/sdp", strings.NewReader("v=0"))
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.Contains(t, string(body), "etcd")
	}
	p.stop()
	p = newPublisher(t, others[0], "shared") // it runs
	p.rounds = chaosRounds
	p.send()
	has.waitState("shared", "live")

	etcd.Start()
	for _, n := range nodes {
		n.waitNodes(true, ids...)
	}
	late := newPublisher(t, others[0], "late")
	late.send()
	for _, n := range nodes {
		eventually(t, func() bool { at := n.listed(); return at["shared"] == owner && at["late"] != "" })
	}

	requireYields(t, nodes, ids, has, p, owner)
}

// requireOneRoom shows that people meet in a room whichever nodes they ask.
func requireOneRoom(t *testing.T, nodes []*service) {
	t.Helper()
	for _, n := range nodes {
		socket, _, err := websocket.Dial(t.Context(), strings.Replace(n.base, "http", "ws", 1)+"/rooms/den/ws?mesh=1", nil)
		require.NoError(t, err)
		defer socket.CloseNow()
		require.NoError(t, wsjson.Write(t.Context(), socket, map[string]string{"event": "authenticate", "name": "Ann"}))
	}
	for _, n := range nodes {
		eventually(t, func() bool {
			_, _, room := n.get("/api/v1/rooms/den")
			_, _, all := n.get("/api/v1/rooms")
			return strings.Count(string(room), `"Ann"`) == len(nodes) && strings.Count(string(all), `"den"`) == 1
		})
	}
}

// requireYields shows that a node which does not answer has no streams any more: who publishes again does so elsewhere, and when the node goes on it
// gives the stream up.
func requireYields(t *testing.T, nodes []*service, ids []string, has *service, p *publisher, owner string) {
	t.Helper()
	others := slices.DeleteFunc(slices.Clone(nodes), func(n *service) bool { return n == has })
	left := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == owner })
	require.NoError(t, has.cmd.Process.Signal(syscall.SIGSTOP))
	goOn := sync.OnceFunc(func() { require.NoError(t, has.cmd.Process.Signal(syscall.SIGCONT)) })
	defer goOn()
	for _, n := range others {
		n.waitNodes(true, left...)
		eventually(t, func() bool { return n.listed()["shared"] == "" })
	}
	again := newPublisher(t, others[0], "shared")
	again.rounds = chaosRounds
	again.send()
	for _, n := range others {
		eventually(t, func() bool { return slices.Contains(left, n.listed()["shared"]) })
		n.waitState("shared", "live")
	}
	goOn()
	for _, n := range nodes {
		n.waitNodes(true, ids...)
		eventually(t, func() bool { return slices.Contains(left, n.listed()["shared"]) })
	}
	eventually(t, func() bool { return send(t, "GET", p.session, nil) == http.StatusGone }, "its publisher goes on")
}

// requireBalanced shows that the sample for nginx finds the stream, whose name decides which node is asked.
func requireBalanced(t *testing.T, nodes []*service) {
	t.Helper()
	directory, address := cacheDirectory(t), freeAddress(t)
	me, err := user.Current()
	require.NoError(t, err)
	values := map[string]string{"user www-data;": "user " + me.Username + ";", "listen 80;": "listen " + address + ";", "/run/nginx.pid": directory + "/nginx.pid", "/var/log/nginx": directory}
	for i, n := range nodes {
		values[fmt.Sprintf("10.0.0.%d:8080", i+1)] = strings.TrimPrefix(n.base, "http://")
	}
	base := startCache(t, address, "nginx", "-p", directory, "-c", fill(t, "nginx-cluster.conf", directory, values), "-g", "daemon off;")
	for _, path := range []string{"/live/shared/240p.m3u8", "/api/v1/streams/shared", "/readyz"} {
		require.Equal(t, http.StatusOK, send(t, "GET", base+path, nil), path)
	}
}

// requireMembersOnly shows that nobody but a node gets what nodes tell each other, or passes for one.
func requireMembersOnly(t *testing.T, s *service) {
	t.Helper()
	const state = "/cluster/state"
	require.Equal(t, http.StatusNotFound, send(t, "GET", s.base+state, nil), "nobody")
	header := http.Header{}
	hop.New("another secret, of no node of this cluster").Sign(header, "GET", state, hop.Claim{})
	require.Equal(t, http.StatusForbidden, send(t, "GET", s.base+state, header), "a stranger")
	member := hop.New(clusterSecret)
	header = http.Header{}
	member.Sign(header, "GET", state, hop.Claim{Client: "192.0.2.1:1"})
	require.Equal(t, http.StatusNotFound, send(t, "GET", s.base+state, header), "a client, by a node")
	header = http.Header{}
	member.Sign(header, "GET", state, hop.Claim{})
	require.Equal(t, http.StatusOK, send(t, "GET", s.base+state, header), "a node")
	header = http.Header{}
	member.Sign(header, "DELETE", "/whip/shared/none", hop.Claim{Client: "192.0.2.1:1"})
	require.Equal(t, http.StatusNotFound, send(t, "DELETE", s.base+"/whip/shared/none", header))
	require.Equal(t, http.StatusForbidden, send(t, "DELETE", s.base+"/whip/shared/none", header), "the same once more")
}

func send(t *testing.T, method, url string, header http.Header) (status int) {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	if header != nil {
		request.Header = header
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}
