package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kindOf sorts a request by what it is for.
func kindOf(name string) string {
	switch base := path.Base(name); {
	case strings.HasSuffix(base, ".m3u8"):
		return "playlists"
	case strings.HasSuffix(base, ".m4s") && strings.Count(base, ".") == 2:
		return "parts"
	case strings.HasSuffix(base, ".m4s"):
		return "segments"
	}
	return "others"
}

// tally counts requests by kind.
type tally struct {
	mu    sync.Mutex
	count map[string]int
}

func (c *tally) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]int{}
	}
	c.count[kindOf(name)]++
}

func (c *tally) snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.count)
}

// startCounter stands between a cache and the service and counts what passes.
func startCounter(t *testing.T, s *service) (address string, passed *tally) {
	t.Helper()
	target, err := url.Parse(s.base)
	require.NoError(t, err)
	passed = &tally{}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		passed.add(r.URL.Path)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), passed
}

// fill writes a configuration of scripts/ with other values into a directory; each text must be in it.
func fill(t testing.TB, name, directory string, values map[string]string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "scripts", name))
	require.NoError(t, err)
	for old, value := range values {
		require.Contains(t, string(text), old)
		text = []byte(strings.ReplaceAll(string(text), old, value))
	}
	file := filepath.Join(directory, name)
	require.NoError(t, os.WriteFile(file, text, 0o644))
	return file
}

// startCache runs a cache in the foreground until the end of the test and waits until it answers.
func startCache(t testing.TB, address, program string, args ...string) string {
	t.Helper()
	binary, err := exec.LookPath(program)
	if err != nil { // where Debian has servers
		binary, err = exec.LookPath("/usr/sbin/" + program)
	}
	require.NoError(t, err, "scripts/test installs what the tests need")
	command := exec.Command(binary, args...)
	printed := &output{}
	command.Stdout, command.Stderr = printed, printed
	require.NoError(t, command.Start())
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(patience):
			_ = command.Process.Kill()
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", program, printed.tail(4000))
		}
	})
	eventually(t, func() bool {
		response, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, "%s does not answer: %s", program, printed)
	return "http://" + address
}

// cacheDirectory is one that the cache's own processes may reach.
func cacheDirectory(t testing.TB) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "sluice-cache-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(directory, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	return directory
}

// startNginx runs nginx with scripts/nginx.conf and further values for it.
func startNginx(t *testing.T, origin string, more map[string]string) (base, log string) {
	t.Helper()
	directory, address := cacheDirectory(t), freeAddress(t)
	me, err := user.Current()
	require.NoError(t, err)
	values := map[string]string{
		"user www-data;":          "user " + me.Username + ";",
		"127.0.0.1:8080":          origin,
		"listen 80;":              "listen " + address + ";",
		"/run/nginx.pid":          directory + "/nginx.pid",
		"/var/log/nginx":          directory,
		"/var/cache/nginx/sluice": directory + "/cache",
	}
	maps.Copy(values, more)
	config := fill(t, "nginx.conf", directory, values)
	base = startCache(t, address, "nginx", "-p", directory, "-c", config, "-g", "daemon off;")
	return base, filepath.Join(directory, "sluice.log")
}

func startVarnish(t *testing.T, origin string) string {
	t.Helper()
	directory, address := cacheDirectory(t), freeAddress(t)
	host, port, err := net.SplitHostPort(origin)
	require.NoError(t, err)
	config := fill(t, "varnish.vcl", directory, map[string]string{`"127.0.0.1"`: `"` + host + `"`, `"8080"`: `"` + port + `"`})
	return startCache(t, address, "varnishd", "-F", "-a", address, "-f", config, "-n", directory+"/work", "-s", "malloc,128m", "-j", "none")
}

// audience is a number of players of one stream, through a cache or not.
type audience struct {
	base   string // of the stream: http://127.0.0.1:1/live/name/
	client *http.Client
	asked  tally

	mu      sync.Mutex
	bytes   map[string][32]byte  // digest of each part and segment by path
	arrived map[string]time.Time // when the first viewer had it
	late    []time.Duration      // of each part with each viewer, after reference had it
	faults  []string
	// reference is an audience that takes the same without a cache.
	reference *audience
}

func newAudience(base string, viewers int, reference *audience) *audience {
	return &audience{
		base: base, reference: reference, bytes: map[string][32]byte{}, arrived: map[string]time.Time{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * viewers}, Timeout: patience},
	}
}

// watch lets the viewers play until ctx ends.
func (a *audience) watch(ctx context.Context, viewers int) {
	var watching sync.WaitGroup
	for n := range viewers {
		watching.Go(func() { a.play(ctx, n) })
	}
	watching.Wait()
	a.client.CloseIdleConnections()
}

// play follows one rendition like a player at the live edge: each playlist as soon as it has one part more, the hinted part
// before it is there, the others when they are listed, and of every segment the whole of it, as one who plays without parts.
func (a *audience) play(ctx context.Context, viewer int) {
	index, _ := a.get(ctx, a.base+"index.m3u8?token=viewer")
	main := mainPlaylist(a.base, string(index))
	if main == "" {
		return
	}
	taken := map[string]bool{}
	query := "?token=viewer" + fmt.Sprint(viewer)
	for ctx.Err() == nil {
		text, ok := a.get(ctx, main+query)
		if !ok {
			return
		}
		l := parseListing(main, string(text))
		a.checkContains(l, query)
		if l.ended {
			return
		}
		a.takeNew(ctx, l, taken)
		query = fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d&token=viewer%d", l.next.msn, l.next.part, viewer)
		if !l.blocks {
			query = fmt.Sprintf("?token=viewer%d", viewer)
			sleepUntil(ctx, time.Now().Add(500*time.Millisecond))
		}
	}
}

// mainPlaylist is the first variant of a multivariant playlist.
func mainPlaylist(base, text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return base + line
		}
	}
	return ""
}

// checkContains: what a blocking request asked for is in its answer (rfc8216bis §6.2.5.2).
func (a *audience) checkContains(l *listing, query string) {
	var want position
	if n, _ := fmt.Sscanf(query, "?_HLS_msn=%d&_HLS_part=%d", &want.msn, &want.part); n == 2 && !l.ended && !want.before(l.next) {
		a.fault("asked for %v, the answer ends before %v", want, l.next)
	}
}

// takeNew fetches what is listed and was not taken; of the first playlist only the newest.
func (a *audience) takeNew(ctx context.Context, l *listing, taken map[string]bool) {
	fresh := len(taken) > 0
	var names []string
	for at, name := range l.parts {
		if fresh && at.msn >= l.next.msn-1 {
			names = append(names, name)
		}
	}
	for msn, name := range l.segments {
		if fresh && msn == l.next.msn-1 {
			names = append(names, name)
		}
	}
	names = append(names, l.inits...)
	slices.Sort(names)
	names = append(names, l.hint)
	taken[""] = true
	for _, name := range names {
		if !taken[name] && ctx.Err() == nil {
			taken[name] = true
			a.get(ctx, name)
		}
	}
}

// get asks and checks that a name always has the same bytes; ok is false at the end of ctx.
func (a *audience) get(ctx context.Context, name string) (body []byte, ok bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, name, nil)
	if err != nil {
		a.fault("%s: %v", name, err)
		return nil, false
	}
	a.asked.add(request.URL.Path)
	response, err := a.client.Do(request)
	if err == nil {
		defer response.Body.Close()
		body, err = io.ReadAll(response.Body)
	}
	if ctx.Err() != nil {
		return nil, false
	}
	if err != nil || response.StatusCode != http.StatusOK {
		a.fault("%s: %v %v", name, err, response)
		return nil, false
	}
	if strings.HasSuffix(request.URL.Path, ".m4s") || strings.HasSuffix(request.URL.Path, ".mp4") {
		a.keep(request.URL.Path, sha256.Sum256(body))
	}
	return body, true
}

func (a *audience) keep(name string, digest [32]byte) {
	now := time.Now()
	var late time.Duration
	if a.reference != nil {
		a.reference.mu.Lock()
		if first, ok := a.reference.arrived[name]; ok {
			late = now.Sub(first)
		}
		a.reference.mu.Unlock()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.arrived[name]; !known {
		a.arrived[name], a.bytes[name] = now, digest
	}
	if a.bytes[name] != digest {
		a.faults = append(a.faults, name+" has two contents")
	}
	if kindOf(name) == "parts" {
		a.late = append(a.late, late)
	}
}

func (a *audience) fault(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, fmt.Sprintf(format, args...))
}

// requireSound asserts that nothing went wrong and that what both audiences took is the same.
func (a *audience) requireSound(t *testing.T) {
	t.Helper()
	require.Empty(t, a.faults[:min(len(a.faults), 10)], "%d faults", len(a.faults))
	require.NotEmpty(t, a.bytes)
	if a.reference == nil {
		return
	}
	a.reference.requireSound(t)
	for name, digest := range a.bytes {
		if direct, ok := a.reference.bytes[name]; ok {
			require.Equal(t, direct, digest, "%s is not what the service serves", name)
		}
	}
	if slices.Sort(a.late); len(a.late) > 0 {
		t.Logf("%d parts after going direct: p50 %v, p99 %v", len(a.late), a.late[len(a.late)/2], a.late[len(a.late)*99/100])
	}
}

// behindCache publishes and lets viewers watch through the cache while one watches directly. It returns what was asked of
// the cache and what the cache asked of the service.
func behindCache(t *testing.T, s *service, cache string, passed *tally, viewers int, length time.Duration) (asked, reached map[string]int) {
	t.Helper()
	p := newPublisher(t, s, "cached")
	p.rounds = chaosRounds
	p.send()
	s.waitState("cached", "live")
	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	direct := newAudience(s.base+"/live/cached/", 1, nil)
	through := newAudience(cache+"/live/cached/", viewers, direct)
	before := passed.snapshot()
	var watching sync.WaitGroup
	watching.Go(func() { direct.watch(ctx, 1) })
	watching.Go(func() { through.watch(ctx, viewers) })
	watching.Wait()
	p.stop()
	through.requireSound(t)
	asked, reached = through.asked.snapshot(), passed.snapshot()
	for kind := range reached {
		reached[kind] -= before[kind]
	}
	require.Greater(t, asked["parts"], viewers)
	t.Logf("%d viewers asked for %v, %v reached the service", viewers, asked, reached)
	return asked, reached
}

// requireFresh: a stream that ended and began again is never answered with what the cache had of the old one.
func requireFresh(t *testing.T, s *service, cache string) {
	t.Helper()
	s.waitState("cached", "ended")
	p := newPublisher(t, s, "cached")
	p.rounds = chaosRounds
	p.send()
	s.waitState("cached", "live")
	var epoch string
	eventually(t, func() bool {
		ctx := t.Context()
		direct, through := newAudience(s.base+"/live/cached/", 1, nil), newAudience(cache+"/live/cached/", 1, nil)
		index, _ := direct.get(ctx, direct.base+"index.m3u8")
		main := mainPlaylist("", string(index))
		text, _ := direct.get(ctx, direct.base+main)
		now := parseListing(direct.base+main, string(text))
		if text, _ = through.get(ctx, through.base+main); now.ended || len(now.segments) < 2 || parseListing(main, string(text)).ended {
			return false
		}
		for _, name := range now.segments {
			want, _ := direct.get(ctx, name)
			got, ok := through.get(ctx, strings.Replace(name, s.base, cache, 1))
			require.True(t, ok, name)
			require.Equal(t, sha256.Sum256(want), sha256.Sum256(got), name)
			epoch = path.Base(path.Dir(name))
		}
		return true
	}, "the new stream does not come through the cache")
	require.NotEmpty(t, epoch)
	p.stop()
}

// nginx fetches each segment once for everybody.
func TestBehindNginx(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--linger", "1s")
	origin, passed := startCounter(t, s)
	cache, log := startNginx(t, origin, nil)
	asked, reached := behindCache(t, s, cache, passed, 50, 20*time.Second)
	require.Greater(t, asked["segments"], 50)
	require.LessOrEqual(t, reached["segments"]*10, asked["segments"], "at least 90 %% of the segments come from the cache")
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.NotContains(t, string(text), "token")
	requireFresh(t, s, cache)
}

// Varnish makes one request of all that are the same, waiting ones too.
func TestBehindVarnish(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--linger", "1s")
	origin, passed := startCounter(t, s)
	cache := startVarnish(t, origin)
	asked, reached := behindCache(t, s, cache, passed, 200, 15*time.Second)
	total := func(counts map[string]int) (sum int) {
		for _, n := range counts {
			sum += n
		}
		return sum
	}
	require.LessOrEqual(t, total(reached)*10, total(asked), "at least 90 %% of all requests are collapsed")
	requireFresh(t, s, cache)
}
