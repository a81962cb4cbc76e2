package e2e

import (
	"context"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// answerWithin is longer than a request is held over a change of owner.
const answerWithin = 15 * time.Second

// checkCluster looks at a stream at all nodes, by name, until the test ends or stop is called.
func checkCluster(t testing.TB, stream string, nodes map[string]*service) (c *clusterChecker, stop func()) {
	c = newClusterChecker()
	ctx, cancel := context.WithCancel(t.Context())
	var looking sync.WaitGroup
	ids := slices.Sorted(maps.Keys(nodes))
	for i, id := range ids {
		onlooker := &clusterOnlooker{c, id, nodes[id].base + "/live/" + stream + "/", i, len(ids), map[string]bool{}, &http.Client{Timeout: answerWithin, Transport: &http.Transport{}}}
		looking.Go(func() { onlooker.look(ctx) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		looking.Wait()
	})
	t.Cleanup(stop)
	return c, stop
}

// clusterOnlooker is what asks one node.
type clusterOnlooker struct {
	*clusterChecker
	node, base string
	index, of  int // of the nodes: each part is asked for at one of them, segments at all
	asked      map[string]bool
	client     *http.Client
}

func (o *clusterOnlooker) look(ctx context.Context) {
	defer o.client.CloseIdleConnections()
	for ; ctx.Err() == nil; lapse(2 * lookEvery) {
		index := o.ask(ctx, "index.m3u8")
		o.ask(ctx, "manifest.mpd")
		for _, name := range renditionsIn(index) {
			o.fetch(ctx, o.ask(ctx, name))
		}
	}
}

// renditionsIn lists the media playlists that a multivariant one names, each once.
func renditionsIn(index sighting) (names []string) {
	if index.status != http.StatusOK {
		return nil
	}
	for line := range strings.Lines(string(index.body)) {
		name := strings.TrimSpace(line)
		if media, ok := strings.CutPrefix(name, "#EXT-X-MEDIA:"); ok {
			name = attribute(media, "URI")
		}
		if strings.HasSuffix(name, ".m3u8") && !strings.HasPrefix(name, "#") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// fetch asks for what is listed and has not been asked for.
func (o *clusterOnlooker) fetch(ctx context.Context, playlist sighting) {
	if playlist.status != http.StatusOK {
		return
	}
	all, _, _ := readPlaced(string(playlist.body))
	for _, p := range all {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(p.uri))
		if p.missing || o.asked[p.uri] || p.at.part >= 0 && int(hash.Sum32())%o.of != o.index {
			continue
		}
		o.asked[p.uri] = true
		o.ask(ctx, p.uri)
	}
}

func (o *clusterOnlooker) ask(ctx context.Context, name string) (s sighting) {
	s = sighting{node: o.node, path: name}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base+name, http.NoBody)
	if err == nil {
		var response *http.Response
		if response, err = o.client.Do(request); err == nil {
			s.status = response.StatusCode
			if s.body, err = io.ReadAll(response.Body); err != nil {
				s.status = 0
			}
			_ = response.Body.Close()
		}
	}
	s.at = time.Now()
	if ctx.Err() == nil {
		o.take(s)
	}
	return s
}
