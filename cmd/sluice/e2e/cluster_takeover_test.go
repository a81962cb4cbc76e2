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
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
)

// book is what all nodes have listed of a stream.
type book struct {
	t       *testing.T
	stream  string
	stop    chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	uris   map[string]string    // by rendition and media sequence number
	starts map[string]time.Time // likewise: program date times
	firsts map[string]int64     // EXT-X-MEDIA-SEQUENCE by node and rendition
	discs  map[string]int64     // EXT-X-DISCONTINUITY-SEQUENCE likewise
}

// keepBook reads the playlists of nodes until the test ends or close is called. Nodes may be away.
func keepBook(t *testing.T, stream string, nodes ...*service) (b *book, finish func()) {
	b = &book{t: t, stream: stream, stop: make(chan struct{}), uris: map[string]string{}, starts: map[string]time.Time{}, firsts: map[string]int64{}, discs: map[string]int64{}}
	for _, n := range nodes {
		for _, rendition := range []string{"240p", "audio"} {
			b.running.Go(func() {
				for {
					select {
					case <-b.stop:
						return
					case <-time.After(lookEvery):
					}
					b.look(n.base, rendition)
				}
			})
		}
	}
	finish = sync.OnceFunc(func() {
		close(b.stop)
		b.running.Wait()
	})
	t.Cleanup(finish)
	return b, finish
}

var ofPlaylist = regexp.MustCompile(`(?m)^#EXT-X-(MEDIA|DISCONTINUITY)-SEQUENCE:(\d+)$`)

func (b *book) look(base, rendition string) {
	response, err := http.Get(base + "/live/" + b.stream + "/" + rendition + ".m3u8")
	if err != nil {
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return
	}
	b.enter(base+" "+rendition, rendition, string(body))
}

// enter notes what a playlist lists, and what must not be.
func (b *book) enter(who, rendition, playlist string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var msn, disc int64
	for _, found := range ofPlaylist.FindAllStringSubmatch(playlist, -1) {
		n, err := strconv.ParseInt(found[2], 10, 64)
		assert.NoError(b.t, err)
		if found[1] == "MEDIA" {
			msn = n
		} else {
			disc = n
		}
	}
	assert.GreaterOrEqual(b.t, msn, b.firsts[who], "%s: EXT-X-MEDIA-SEQUENCE goes back", who)
	assert.GreaterOrEqual(b.t, disc, b.discs[who], "%s: EXT-X-DISCONTINUITY-SEQUENCE goes back", who)
	b.firsts[who], b.discs[who] = msn, disc
	assert.NotContains(b.t, playlist, "#EXT-X-ENDLIST", who)
	var at time.Time
	for line := range strings.Lines(playlist) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "#EXT-X-PROGRAM-DATE-TIME:"); ok {
			var err error
			at, err = time.Parse(time.RFC3339Nano, text)
			assert.NoError(b.t, err)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		key := fmt.Sprintf("%s %d", rendition, msn)
		if before := b.uris[key]; before != "" {
			assert.Equal(b.t, before, line, "%s: a number has another URI", key)
		}
		b.uris[key], b.starts[key] = line, at
		msn++
	}
}

// requireInOrder shows that no time goes back where another node has taken over, and the numbers of a rendition have a hole.
func (b *book) requireInOrder(rendition string) (holes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []int
	for key := range b.starts {
		if of, number, _ := strings.Cut(key, " "); of == rendition {
			n, err := strconv.Atoi(number)
			require.NoError(b.t, err)
			all = append(all, n)
		}
	}
	slices.Sort(all)
	for i := 1; i < len(all); i++ {
		before, now := b.starts[fmt.Sprintf("%s %d", rendition, all[i-1])], b.starts[fmt.Sprintf("%s %d", rendition, all[i])]
		if all[i] > all[i-1]+1 {
			holes++
			require.False(b.t, now.Before(before), "%s: %d at %v, %d at %v", rendition, all[i-1], before, all[i], now)
		}
	}
	return holes
}

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
	b, finish := keepBook(t, "shared", nodes...)
	_, _, before := others[0].get("/live/shared/manifest.mpd")
	pages := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	defer pages.Close()
	viewer := startBrowser(t).open(pages.URL + "/viewer.html")
	viewer.run(`play("`+others[1].base+`/whep/shared")`, nil)
	viewer.wait("pictures over WHEP", `(await inbound()).video.frames > 5`)
	o, stop := look(t, others[0].base, "shared")
	o.goesOn()

	has.kill()
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
	for _, rendition := range []string{"240p", "audio"} {
		require.Positive(t, b.requireInOrder(rendition))
	}
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
	has, owner, others, _ := split(t, nodes, ids, "shared")
	b, finish := keepBook(t, "shared", nodes...)
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
	for _, rendition := range []string{"240p", "audio"} {
		require.Positive(t, b.requireInOrder(rendition))
	}
	studio.click("#stop")
}
