package viewers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-live/sluice/public/rates"
	"github.com/stretchr/testify/require"
)

// counting runs a counter in a bubble of synctest; all streams but "none" are live.
func counting(t *testing.T, test func(t *testing.T, c *Counter, told func() map[string]int)) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		told := map[string]int{}
		c := New(Options{
			Live: func(stream string) bool { return stream != "none" && stream != "" },
			Tell: func(stream string, viewers int) {
				mu.Lock()
				defer mu.Unlock()
				told[stream] = viewers
			},
		})
		ctx, stop := context.WithCancel(t.Context())
		go func() { _ = c.Run(ctx) }()
		test(t, c, func() map[string]int {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return maps.Clone(told)
		})
		stop()
		synctest.Wait()
	})
}

// read asks for a file of a stream as a client does; headers come in pairs.
func read(c *Counter, path, address, agent string, headers ...string) {
	mux := http.NewServeMux()
	mux.Handle("GET /live/{stream}/{file...}", c.Of(http.NotFoundHandler()))
	r := httptest.NewRequest("GET", "/live/"+path, nil)
	r.RemoteAddr = address + ":1234"
	r.Header.Set("User-Agent", agent)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	mux.ServeHTTP(httptest.NewRecorder(), r)
	synctest.Wait()
}

// post sends reports, and returns the status of the answer.
func post(c *Counter, target, address, agent, body string, headers ...string) int {
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.RemoteAddr = address + ":1234"
	r.Header.Set("User-Agent", agent)
	r.Header.Set("Content-Type", mimeType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.Collect().ServeHTTP(w, r)
	return w.Code
}

// pass lets time pass, and what is due then happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// later is beyond what stats are kept for.
func later() { pass(statsFor) }

// Who does not tell is counted by address and User-Agent, for each protocol; and until Window after the last request.
func TestReaders(t *testing.T) {
	counting(t, func(t *testing.T, c *Counter, told func() map[string]int) {
		for range 3 {
			read(c, "cam/index.m3u8", "192.0.2.1", "A")
			read(c, "cam/720p~xyz.m3u8", "192.0.2.1", "A")
			read(c, "cam/index.m3u8", "192.0.2.1", "B")
			read(c, "cam/index.m3u8", "192.0.2.2", "A")
			read(c, "cam/manifest.mpd", "192.0.2.2", "A")
			read(c, "cam/EPOCH/720p-1.m4s", "192.0.2.9", "A")
			read(c, "other/index.m3u8", "192.0.2.1", "A")
			read(c, "none/index.m3u8", "192.0.2.1", "A")
		}
		require.Equal(t, Stats{HLS: 3, DASH: 1}, c.Stats("cam"))
		require.Equal(t, Stats{HLS: 1}, c.Stats("other"))
		require.Zero(t, c.Stats("none"))
		pass(Window / 2)
		read(c, "cam/index.m3u8", "192.0.2.2", "A")
		require.Equal(t, map[string]int{"cam": 4, "other": 1}, told())
		pass(Window/2 + time.Second)
		require.Equal(t, Stats{HLS: 1}, c.Stats("cam"))
		require.Zero(t, c.Stats("other"))
		require.Equal(t, map[string]int{"cam": 1, "other": 0}, told())
		pass(Window)
		require.Zero(t, c.viewers)
	})
}

// Who tells is counted by the name of the session, however it is told, and not by what its client reads besides.
func TestSessions(t *testing.T) {
	counting(t, func(t *testing.T, c *Counter, _ func() map[string]int) {
		read(c, "cam/index.m3u8", "192.0.2.1", "A")
		require.Equal(t, Stats{HLS: 1}, c.Stats("cam"))
		later()
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", `cid="cam",sf=h,sid="1",v=2`))
		require.Equal(t, Stats{HLS: 1, Telling: 1}, c.Stats("cam"))
		read(c, "cam/index.m3u8", "192.0.2.1", "A")
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", "cid=\"cam\",sf=d,sid=\"2\"\n\ncid=\"cam\",sf=h,sid=\"1\"\n", "Content-Type", "text/plain;charset=UTF-8"))
		read(c, "cam/720p.m3u8?CMCD=sid%3D%223%22%2Cbr%3D96%2Cot%3Da", "192.0.2.3", "A")
		read(c, "cam/EPOCH/720p-1.m4s?CMCD=sid%3D%223%22%2Cbr%3D2000", "192.0.2.3", "A")
		read(c, "cam/EPOCH/720p-1.m4s", "192.0.2.4", "A", "CMCD-Session", `sid="4",sf=d`, "CMCD-Object", "br=4000,ot=v")
		read(c, "cam/manifest.mpd", "192.0.2.4", "A")
		later()
		require.Equal(t, Stats{HLS: 2, DASH: 2, Telling: 4, Bitrate: 3e6}, c.Stats("cam"))
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", `cid="cam",sid="1",sta=q`), "who leaves is counted no more")
		require.Equal(t, 204, post(c, "/collect", "192.0.2.8", "A", `cid="cam",sid="2"`), "a session that has another address is the same")
		read(c, "cam/index.m3u8", "192.0.2.1", "A")
		later()
		require.Equal(t, 4, c.Stats("cam").HLS+c.Stats("cam").DASH, "nobody tells of 192.0.2.1 now: it is a reader")
		pass(Window)
		require.Zero(t, c.Stats("cam"))
		require.Zero(t, c.viewers)
		require.Empty(t, c.streams["cam"].telling)
	})
}

// The stream of a report is found by the query, by cid, by the address, and by the session.
func TestStreamOfReport(t *testing.T) {
	counting(t, func(t *testing.T, c *Counter, _ func() map[string]int) {
		require.Equal(t, 204, post(c, "/collect?stream=one", "192.0.2.1", "A", `cid="x",sid="1"`))
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", `cid="two",sid="2"`))
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", `cid="none",sid="3",url="https://x/live/three/manifest.mpd"`))
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", `sid="2",br=1000`))
		require.Equal(t, Stats{HLS: 1, Telling: 1}, c.Stats("one"))
		require.Equal(t, Stats{HLS: 1, Telling: 1, Bitrate: 1e6}, c.Stats("two"))
		require.Equal(t, Stats{DASH: 1, Telling: 1}, c.Stats("three"))
		require.Zero(t, c.Counts().Refused)
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", `sid="9"`))
		require.Equal(t, 204, post(c, "/collect?stream=none", "192.0.2.1", "A", `sid="2"`))
		require.Equal(t, Counts{Reports: 4, Refused: 2}, c.Counts())
	})
}

func TestQuality(t *testing.T) {
	counting(t, func(t *testing.T, c *Counter, _ func() map[string]int) {
		tell := func(session, text string) {
			require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", `cid="cam",sid="`+session+`",`+text))
		}
		// Totals; events of states, sent together afterwards; lengths; flags alone.
		tell("1", "sta=p,msd=400,ltc=1000,br=(1000),bsa=(0),bsda=(0)")
		tell("2", "e=ps,sta=s,ts=1000000")
		tell("3", "sta=p,msd=800,ltc=3000")
		tell("4", "bs")
		pass(20 * time.Second)
		tell("1", "sta=p,ltc=2000,br=(3000),bsa=(2),bsda=(3000)")
		tell("2", "e=ps,sta=p,ts=1001000")
		tell("2", "e=ps,sta=r,ts=1010000")
		tell("2", "e=ps,sta=p,ts=1012000")
		tell("3", "bsd=(500 250)")
		tell("4", "bs")
		require.Equal(t, Stats{
			HLS: 4, Telling: 4, Bitrate: 3e6, Startup: 0.4, LatencyMedian: 2, LatencyHigh: 3,
			Rebufferings: 2 + 1 + 0 + 2, Rebuffering: (3 + 2 + 0.75) / 60,
		}, c.Stats("cam"))
	})
}

// Too many viewers have those forgotten that have been silent for longest.
func TestViewersAreBounded(t *testing.T) {
	counting(t, func(t *testing.T, c *Counter, _ func() map[string]int) {
		c.bounds.ofStream, c.bounds.ofAll = 3, 4
		reader := func(stream string, n int) {
			read(c, stream+"/index.m3u8", fmt.Sprintf("192.0.2.%d", n), "A")
			pass(time.Millisecond)
		}
		for n := range 4 {
			reader("cam", n)
		}
		require.Equal(t, Stats{HLS: 3}, c.Stats("cam"))
		require.Equal(t, Counts{Forgotten: 1}, c.Counts())
		reader("other", 1)
		reader("other", 2)
		later()
		require.Equal(t, Stats{HLS: 2}, c.Stats("cam"))
		require.Equal(t, Stats{HLS: 2}, c.Stats("other"))
		require.Equal(t, Counts{Forgotten: 2}, c.Counts())
		require.Contains(t, c.streams["cam"].viewers, key{id: c.secret.Load().clientOf(&http.Request{RemoteAddr: "192.0.2.3:5", Header: http.Header{"User-Agent": {"A"}}}).viewer})
	})
}

// One client may tell so much, and no more.
func TestClientsAreBounded(t *testing.T) {
	counting(t, func(t *testing.T, c *Counter, _ func() map[string]int) {
		lines := strings.Repeat("cid=\"cam\",sid=\"1\"\n", maxLines)
		for range reportsBurst/maxLines - 1 {
			require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", lines))
		}
		require.Equal(t, 429, post(c, "/collect", "192.0.2.1", "A", lines))
		require.Equal(t, 204, post(c, "/collect", "192.0.2.2", "A", lines))
		pass(time.Second)
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", lines))
		for n := range reportsBurst + 10 {
			c.note(request{stream: "cam", plain: true, from: client{address: id{3}, viewer: id{3, byte(n), byte(n >> 8)}}})
		}
		require.Equal(t, Stats{HLS: 1 + reportsBurst, Telling: 1}, c.Stats("cam"))
		for n := range 2 * rates.Most {
			c.note(request{stream: "cam", plain: true, from: client{address: id{4, byte(n), byte(n >> 8)}}})
		}
		require.LessOrEqual(t, c.clients.Len(), rates.Most)
	})
}

func TestCollectRefuses(t *testing.T) {
	counting(t, func(t *testing.T, c *Counter, _ func() map[string]int) {
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", ""))
		require.Equal(t, 400, post(c, "/collect", "192.0.2.1", "A", "<html>\n"))
		require.Equal(t, 400, post(c, "/collect", "192.0.2.1", "A", "br=1"))
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", "cid=\"cam\",sid=\"1\"\n<html>\n"))
		require.Equal(t, 413, post(c, "/collect", "192.0.2.1", "A", strings.Repeat("a\n", maxLines+1)))
		require.Equal(t, 413, post(c, "/collect", "192.0.2.1", "A", strings.Repeat("a", maxBody+1)))
		require.Equal(t, 415, post(c, "/collect", "192.0.2.1", "A", "{}", "Content-Type", "application/json"))
		require.Equal(t, Counts{Reports: 1, Refused: 3}, c.Counts())
	})
}

// A new day has another secret: readers are counted anew, sessions go on; and a stream that is over is forgotten.
func TestSecretChanges(t *testing.T) {
	counting(t, func(t *testing.T, c *Counter, _ func() map[string]int) {
		pass(rotateEvery - time.Second)
		first := *c.secret.Load()
		read(c, "cam/index.m3u8", "192.0.2.2", "A")
		require.Equal(t, 204, post(c, "/collect", "192.0.2.1", "A", `cid="cam",sid="1"`))
		pass(2 * time.Second)
		require.NotEqual(t, first, *c.secret.Load())
		require.Equal(t, Stats{HLS: 1, Telling: 1}, c.Stats("cam"))
		read(c, "cam/index.m3u8", "192.0.2.2", "A")
		later()
		require.Equal(t, Stats{HLS: 2, Telling: 1}, c.Stats("cam"))
		c.mu.Lock()
		c.options.Live = func(string) bool { return false }
		c.mu.Unlock()
		pass(lookEvery)
		require.Zero(t, c.Stats("cam"))
		require.Zero(t, c.viewers)
		require.Empty(t, *c.names.Load())
	})
}

// What is not looked at does not hold up who serves media.
func TestQueueIsBounded(t *testing.T) {
	c := New(Options{Live: func(string) bool { return true }})
	mux := http.NewServeMux()
	mux.Handle("GET /live/{stream}/{file...}", c.Of(http.NotFoundHandler()))
	for range maxQueue + 5 {
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/live/cam/index.m3u8", nil))
	}
	require.Equal(t, Counts{Missed: 5}, c.Counts())
}

// To note a request for a playlist takes no allocation once the stream is known.
func TestNotingDoesNotAllocate(t *testing.T) {
	c := New(Options{Live: func(string) bool { return true }})
	r := httptest.NewRequest("GET", "/live/cam/720p.m3u8?_HLS_msn=7&_HLS_part=1", nil)
	r.SetPathValue("stream", "cam")
	r.SetPathValue("file", "720p.m3u8")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36")
	note := func() {
		c.watch(r)
		c.note(<-c.queue)
	}
	note()
	require.Zero(t, testing.AllocsPerRun(100, note))
}

func BenchmarkWatch(b *testing.B) {
	c := New(Options{Live: func(string) bool { return true }})
	r := httptest.NewRequest("GET", "/live/cam/720p.m3u8?_HLS_msn=7&_HLS_part=1", nil)
	r.SetPathValue("stream", "cam")
	r.SetPathValue("file", "720p.m3u8")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36")
	go func() { _ = c.Run(b.Context()) }()
	b.ReportAllocs()
	for b.Loop() {
		c.watch(r)
	}
}
