package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// shelve leaves a recording behind.
func shelve(t *testing.T, cfg config.Config, stream, name string) {
	t.Helper()
	directory := filepath.Join(cfg.Packager().RecordingsDir, stream, name)
	require.NoError(t, os.MkdirAll(directory, 0o755))
	started := name[:4] + "-" + name[4:6] + "-" + name[6:8] + "T20:00:00Z"
	info := fmt.Sprintf(`{"stream": %q, "name": %q, "state": "finished", "started": %q, "duration": 5, "bytes": 5, "sources": ["source-1.webm"], "mp4": false, "zeros": [], "origins": []}`, stream, name, started)
	require.NoError(t, os.WriteFile(filepath.Join(directory, "recording.json"), []byte(info), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "source-1.webm"), []byte("hello"), 0o600))
}

// Recordings of all nodes are listed at each, page by page, and played through each.
func TestRecordingsInACluster(t *testing.T) {
	etcd := etcdtest.Start(t)
	a, b := newTestMember(t, etcd, config.Auth{}, "a", ""), newTestMember(t, etcd, config.Auth{}, "b", "")
	require.Eventually(t, func() bool { return len(a.Cluster().Members()) == 2 && len(b.Cluster().Members()) == 2 }, time.Minute, 10*time.Millisecond)
	for i, m := range []*testMember{a, b, a, b, b} {
		shelve(t, m.cfg, "cam", fmt.Sprintf("2026010%dT200000Z", i+1))
	}
	for _, m := range []*testMember{a, b} {
		for _, limit := range []int{1, 2, 3, 4, 5, 6} {
			var names []string
			for token, pages := "", 0; pages == 0 || token != ""; pages++ {
				require.Less(t, pages, 6)
				var list api.RecordingList
				answer := askAt(m.handler, "127.0.0.1", "GET", fmt.Sprintf("/recordings?limit=%d&page_token=%s", limit, token), named127)
				require.Equal(t, 200, answer.Code, answer.Body)
				require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &list))
				require.LessOrEqual(t, len(list.Recordings), limit)
				require.Empty(t, list.Missing)
				for _, info := range list.Recordings {
					names = append(names, info.Name)
				}
				token = list.Next
			}
			require.Equal(t, []string{"20260105T200000Z", "20260104T200000Z", "20260103T200000Z", "20260102T200000Z", "20260101T200000Z"}, names, limit)
		}
		for i := range 5 {
			answer := askAt(m.handler, "127.0.0.1", "GET", fmt.Sprintf("/recordings/cam/2026010%dT200000Z/source-1.webm", i+1), named127)
			require.Equal(t, 200, answer.Code, answer.Body)
			require.Equal(t, "hello", answer.Body.String())
		}
		requireProblem(t, askAt(m.handler, "127.0.0.1", "GET", "/recordings/cam/20260106T200000Z/source-1.webm", named127), 404)
		requireProblem(t, askAt(m.handler, "127.0.0.1", "GET", pathOfRecordings+"cam/20260101T200000Z", named127), 404)
	}
	b.stop()
	require.Eventually(t, func() bool { return len(a.Cluster().Members()) == 1 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, 2, strings.Count(askAt(a.handler, "127.0.0.1", "GET", "/recordings", named127).Body.String(), `"stream"`))
}

// testMember is a service in a cluster, which is served to the others; of its stages the cluster alone runs.
type testMember struct {
	*testService
	stop   func() // it is none of the nodes any more
	vanish func() // and it does not answer
}

func newTestMember(t *testing.T, etcd *etcdtest.Etcd, auth config.Auth, id, stream string) *testMember {
	t.Helper()
	cfg := testConfig(t, auth)
	cfg.HTTP.Hosts = nil
	if stream != "" {
		cutLiveStream(t, cfg, stream, 10)
		cutStream(t, cfg, stream) // which logs what is there: a node lists nothing that has not been logged
	}
	server := httptest.NewUnstartedServer(nil)
	cfg.Cluster = config.Cluster{Etcd: []string{etcd.URL}, Node: id, URL: "http://" + server.Listener.Addr().String(), Secret: "what all nodes of a cluster have in common"}
	m := &testMember{testService: serviceOf(t, cfg, slog.New(slog.DiscardHandler))}
	m.release(t)
	server.Config.Handler = m.handler
	server.Start()
	t.Cleanup(server.Close)
	m.vanish = func() {
		server.Listener.Close()
		server.CloseClientConnections()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Cluster().Run(ctx) }()
	stopped := false
	m.stop = func() {
		if cancel(); !stopped {
			require.NoError(t, <-ended)
		}
		stopped = true
	}
	t.Cleanup(m.stop)
	return m
}

// Rights are the same at each node: one that has not the stream asks for them, or the one that has it does, and each knows what the other has signed.
func TestRightsInACluster(t *testing.T) {
	etcd := etcdtest.Start(t)
	auth := config.Default().Auth
	auth.Publish = []config.StreamKey{{Key: "publisher"}}
	auth.Play = []config.StreamKey{{Stream: "cam", Key: "first-viewer"}, {Stream: "other", Key: "second-viewer"}}
	auth.Admin = []config.Secret{"administrator"}
	a, b := newTestMember(t, etcd, auth, "a", "cam"), newTestMember(t, etcd, auth, "b", "")
	require.Eventually(t, func() bool { return len(a.Cluster().Members()) == 2 && len(b.Cluster().Members()) == 2 }, time.Minute, 10*time.Millisecond)
	_, err := a.Cluster().Claim(t.Context(), "cam")
	require.NoError(t, err)
	require.Eventually(t, func() bool { id, _ := b.Cluster().Elsewhere("cam"); return id == "a" }, time.Minute, 10*time.Millisecond)
	by := func(token string) func(*http.Request) {
		return func(r *http.Request) {
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
		}
	}
	at := func(m *testMember, method, path, token string) *httptest.ResponseRecorder {
		return askAt(m.handler, "127.0.0.1", method, path, by(token))
	}

	for _, m := range []*testMember{a, b} {
		requireProblem(t, at(m, "GET", "/live/cam/index.m3u8", ""), 401)
		requireProblem(t, at(m, "GET", "/live/cam/index.m3u8", "second-viewer"), 403)
		requireProblem(t, at(m, "GET", "/api/v1/streams/cam", ""), 401)
		requireProblem(t, at(m, "GET", "/live/cam/snapshot.jpg", "second-viewer"), 403)
		requireProblem(t, at(m, "POST", "/whip/cam", ""), 401)
		requireProblem(t, at(m, "DELETE", "/whip/cam/a.SESSION", ""), 401)
		requireProblem(t, at(m, "DELETE", "/whip/cam/a.SESSION", "publisher"), 404)
		requireProblem(t, at(m, "GET", "/api/v1/nodes", "publisher"), 401)
		requireProblem(t, at(m, "GET", pathOfState, "administrator"), 404)

		index := at(m, "GET", "/live/cam/index.m3u8", "first-viewer")
		require.Equal(t, 200, index.Code, index.Body)
		require.Contains(t, index.Header().Get("Cache-Control"), "private")
		signed := regexp.MustCompile(`audio~[^"\s]+\.m3u8`).FindString(index.Body.String())
		require.NotEmpty(t, signed, index.Body)
		for _, other := range []*testMember{a, b} {
			playlist := at(other, "GET", "/live/cam/"+signed, "")
			require.Equal(t, 200, playlist.Code, playlist.Body)
			segment := regexp.MustCompile(`(?m)^\S+\.m4s$`).FindString(playlist.Body.String())
			require.Equal(t, 200, at(other, "GET", "/live/cam/"+segment, "").Code)
		}
		requireProblem(t, at(m, "GET", "/live/cam/"+strings.Replace(signed, "~", "~A", 1), ""), 403)

		var stream api.Stream
		require.NoError(t, json.Unmarshal(at(m, "GET", "/api/v1/streams/cam", "first-viewer").Body.Bytes(), &stream))
		require.Equal(t, "a", stream.Node)
		var list api.StreamList
		require.NoError(t, json.Unmarshal(at(m, "GET", "/api/v1/streams", "first-viewer").Body.Bytes(), &list))
		require.Len(t, list.Streams, 1)
		require.Equal(t, []string{"cam", "a"}, []string{list.Streams[0].Name, list.Streams[0].Node})
		require.Contains(t, at(m, "GET", "/api/v1/streams", "second-viewer").Body.String(), `"streams":[]`)
		var nodes api.NodeList
		require.NoError(t, json.Unmarshal(at(m, "GET", "/api/v1/nodes", "administrator").Body.Bytes(), &nodes))
		require.Len(t, nodes.Nodes, 2)
		require.True(t, nodes.Connected && nodes.Nodes[0].Self == (m == a) && nodes.Nodes[1].Self == (m == b))
	}

	a.stop()
	require.Eventually(t, func() bool { return len(b.Cluster().Members()) == 1 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, 200, at(b, "GET", "/live/cam/index.m3u8", "first-viewer").Code, "it still answers")
	a.vanish()
	require.Eventually(t, func() bool { return !b.Cluster().Reaches("a") }, time.Minute, 10*time.Millisecond)
	away := at(b, "GET", "/api/v1/streams/cam", "first-viewer")
	requireProblem(t, away, 503)
	require.Equal(t, "2", away.Header().Get("Retry-After"), "it has not ended yet")
	requireProblem(t, at(b, "GET", "/live/cam/index.m3u8", "first-viewer"), 404)
	requireProblem(t, at(b, "GET", "/api/v1/streams/cam", "first-viewer"), 404)
	requireProblem(t, at(b, "DELETE", "/whip/cam/a.SESSION", "publisher"), 404)
}
