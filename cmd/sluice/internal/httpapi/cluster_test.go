package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// testMember is a service in a cluster, which is served to the others; of its stages the cluster alone runs.
type testMember struct {
	*testService
	stop func()
}

func newTestMember(t *testing.T, etcd *etcdtest.Etcd, auth config.Auth, id, stream string) *testMember {
	t.Helper()
	cfg := testConfig(t, auth)
	cfg.HTTP.Hosts = nil
	if stream != "" {
		cutLiveStream(t, cfg, stream, 10)
	}
	server := httptest.NewUnstartedServer(nil)
	cfg.Cluster = config.Cluster{Etcd: []string{etcd.URL}, Node: id, URL: "http://" + server.Listener.Addr().String(), Secret: "what all nodes of a cluster have in common"}
	m := &testMember{testService: serviceOf(t, cfg, slog.New(slog.DiscardHandler))}
	m.release(t)
	server.Config.Handler = m.handler
	server.Start()
	t.Cleanup(server.Close)
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
	require.NoError(t, a.Cluster().Claim(t.Context(), "cam"))
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
	requireProblem(t, at(b, "GET", "/live/cam/index.m3u8", "first-viewer"), 404)
	requireProblem(t, at(b, "DELETE", "/whip/cam/a.SESSION", "publisher"), 404)
}
