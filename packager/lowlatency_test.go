package packager

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
)

// growing is a bench with two whole segments of everything, and n parts of the next.
func growing(t testing.TB, n int) (*bench, *Stream, *live.Epoch, *encoder) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	for _, r := range ladder {
		enc.fragments(r.Rep, n)
	}
	b.take(e, "")
	return b, tl, e, enc
}

func TestPartsAreListed(t *testing.T) {
	b, _, e, enc := growing(t, 3)
	body := b.body("/live/cam/180p.m3u8")
	require.Contains(t, body, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.642,HOLD-BACK=6.000,CAN-SKIP-UNTIL=12.000\n#EXT-X-PART-INF:PART-TARGET=0.214\n")
	require.Equal(t, 23, strings.Count(body, "#EXT-X-PART:"))
	require.Contains(t, body, `#EXT-X-PART:DURATION=0.200000,URI="`+e.Name()+`/180p-3.0.m4s",INDEPENDENT=YES`)
	require.Contains(t, body, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`+e.Name()+`/180p-3.3.m4s"`)
	require.NotContains(t, body, "TYPE=MAP")
	require.Contains(t, body, "#EXT-X-RENDITION-REPORT:URI=\"90p.m3u8\",LAST-MSN=")
	require.Contains(t, body, "#EXT-X-RENDITION-REPORT:URI=\"audio.m3u8\",LAST-MSN=")
	// All parts together are the segments, byte for byte; what was hinted at is what comes.
	for _, r := range ladder {
		enc.segment(r.Rep)
	}
	b.take(e, "")
	for _, r := range ladder {
		body := b.body("/live/cam/" + r.ID + ".m3u8")
		for msn := 2; msn < 4; msn++ {
			var union strings.Builder
			for _, uri := range regexp.MustCompile(fmt.Sprintf(`#EXT-X-PART:.*URI="([^"]*/%s-%d\.\d+\.m4s)"`, r.ID, msn)).FindAllStringSubmatch(body, -1) {
				w := b.get("/live/cam/" + uri[1])
				require.Equal(t, http.StatusOK, w.Code)
				require.Equal(t, immutable, w.Header().Get("Cache-Control"))
				union.WriteString(w.Body.String())
			}
			require.Equal(t, string(clip.reps[r.Rep][msn-1].bytes), union.String(), "%s %d", r.ID, msn)
		}
		require.Contains(t, body, `TYPE=PART,URI="`+e.Name()+"/"+r.ID+`-4.0.m4s"`, "the next part begins a segment")
	}
}

func TestFirstPartMakesTheStreamPlayable(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	for i, r := range ladder {
		require.Equal(t, timeline.StateStarting, tl.Info().State, i)
		enc.fragments(r.Rep, 1)
		b.take(e, "")
	}
	require.Equal(t, timeline.StateStarting, tl.Info().State, "of sound there is half a part")
	enc.fragments("2", 2)
	b.take(e, "")
	require.Equal(t, timeline.StateLive, tl.Info().State)
	require.Equal(t, 2, strings.Count(b.body("/live/cam/index.m3u8"), "#EXT-X-STREAM-INF"))
	require.Contains(t, b.body("/live/cam/manifest.mpd"), `availabilityTimeOffset="1.8" availabilityTimeComplete="false"`)
	synctest.Test(t, func(t *testing.T) {
		tl.republish()
		playlist := make(chan string, 1)
		go func() { playlist <- b.body("/live/cam/180p.m3u8") }()
		for n := 2; n < 5; n++ {
			enc.fragments("0", n)
			b.take(e, "")
			synctest.Wait()
			require.Empty(t, playlist, "no player begins without a whole segment")
		}
		enc.segment("0")
		b.take(e, "")
		body := <-playlist
		require.Contains(t, body, "#EXT-X-MEDIA-SEQUENCE:1\n")
		require.Equal(t, 10, strings.Count(body, "#EXT-X-PART:"))
		require.NotContains(t, body, "GAP")
	})
}

func TestBlockingReload(t *testing.T) {
	const url = "/live/cam/180p.m3u8?_HLS_"
	b, tl, e, enc := growing(t, 3)
	for query, want := range map[string]int{
		"msn=0": 200, "msn=2": 200, "msn=0&_HLS_part=99": 200, "msn=0&exp=1;hmac=2&cb=100%&sig=%zz": 200, "msn=2&_HLS_part=9": 200, "msn=2&_HLS_part=10": 200, "msn=3&_HLS_part=2": 200,
		"msn=5": 400, "msn=3&_HLS_part=17": 400, "part=1": 400, "msn=x": 400,
	} {
		w := b.get(url + query)
		require.Equal(t, want, w.Code, query)
		require.Equal(t, map[int]string{200: "public, max-age=0, s-maxage=12", 400: "no-store"}[want], w.Header().Get("Cache-Control"), query)
	}
	synctest.Test(t, func(t *testing.T) {
		tl.republish()
		begin := time.Now()
		w := b.get(url + "msn=3&_HLS_part=3")
		require.Equal(t, 503, w.Code)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, 6*time.Second, time.Since(begin))
		answers := make(map[string]chan *httptest.ResponseRecorder)
		for _, query := range []string{"msn=3&_HLS_part=3", "msn=3&_HLS_part=10", "msn=3", "msn=4&_HLS_part=0"} {
			answer := make(chan *httptest.ResponseRecorder, 1)
			answers[query] = answer
			go func() { answer <- b.get(url + query) }()
		}
		waiting := func(want int) {
			synctest.Wait()
			n := 0
			for _, answer := range answers {
				n += 1 - len(answer)
			}
			require.Equal(t, want, n)
		}
		waiting(4)
		enc.fragments("0", 4)
		b.take(e, "0")
		waiting(3)
		enc.segment("0")
		b.take(e, "0")
		waiting(2)
		enc.fragments("0", 1)
		b.take(e, "0")
		waiting(0)
		for query, answer := range answers {
			require.Equal(t, 200, (<-answer).Code, query)
		}
		ended := make(chan int, 1)
		go func() { ended <- b.get(url + "msn=4&_HLS_part=5").Code }()
		synctest.Wait()
		require.NoError(t, tl.End())
		require.Equal(t, 200, <-ended)
	})
	require.Equal(t, 200, b.get(url+"msn=99&_HLS_part=x").Code, "an ended playlist ignores directives")
	require.NotContains(t, b.body("/live/cam/180p.m3u8"), "PRELOAD-HINT")
}

func TestHintedPart(t *testing.T) {
	b, tl, e, enc := growing(t, 3)
	part := "/live/cam/" + e.Name() + "/180p-3."
	require.Equal(t, 200, b.get(part+"2.m4s").Code)
	for _, name := range []string{"4.m4s", "03.m4s", "99999999.m4s"} {
		require.Equal(t, 404, b.get(part+name).Code, name)
	}
	synctest.Test(t, func(t *testing.T) {
		tl.republish()
		answer := make(chan *httptest.ResponseRecorder)
		go func() { answer <- b.get(part + "3.m4s") }()
		synctest.Wait()
		enc.fragments("0", 4)
		b.take(e, "0")
		f := clip.reps["0"][2].fragments[3]
		require.Equal(t, string(clip.reps["0"][2].bytes[f.Offset:f.Offset+f.Size]), (<-answer).Body.String())
		go func() { answer <- b.get(part + "4.m4s") }()
		synctest.Wait()
		require.NoError(t, e.End()) // the hint is withdrawn
		require.Equal(t, 404, (<-answer).Code)
	})
	// The next epoch is hinted at by its name, which a restart keeps.
	hints := regexp.MustCompile(`TYPE=(?:PART|MAP),URI="([^"]*)"`).FindAllStringSubmatch(b.body("/live/cam/180p.m3u8"), -1)
	require.Len(t, hints, 2)
	b.restart()
	_, e, enc = b.epoch("cam")
	enc.fragments("0", 1)
	b.take(e, "")
	for _, hint := range hints {
		require.Equal(t, 200, b.get("/live/cam/"+hint[1]).Code, hint[1])
	}
}

func TestDeltaUpdate(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Window = time.Minute })
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 5)
	require.NotContains(t, b.body("/live/cam/180p.m3u8?_HLS_skip=YES"), "EXT-X-SKIP", "nothing is old enough")
	b.run(e, enc, 4)
	full, delta := b.body("/live/cam/180p.m3u8"), b.body("/live/cam/180p.m3u8?_HLS_skip=YES")
	require.Contains(t, delta, "#EXT-X-VERSION:9\n")
	require.Contains(t, delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n")
	head, tail, _ := strings.Cut(delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n")
	fullHead, segments, _ := strings.Cut(full, "#EXT-X-MAP:")
	require.Equal(t, fullHead, head)
	require.Equal(t, tail, strings.SplitAfterN(segments, ".m4s\n", 4)[3])
}

func TestGrowingSegment(t *testing.T) {
	b, tl, e, enc := growing(t, 3)
	server := httptest.NewServer(b.mux())
	defer server.Close()
	url := server.URL + "/live/cam/" + e.Name() + "/180p-3.m4s"
	head, err := server.Client().Head(url)
	require.NoError(t, err)
	require.Equal(t, 200, head.StatusCode)
	var readers sync.WaitGroup
	bodies := make([]string, 200)
	for i := range bodies {
		response, err := server.Client().Get(url)
		require.NoError(t, err)
		require.Equal(t, "no", response.Header.Get("X-Accel-Buffering"))
		require.Equal(t, immutable, response.Header.Get("Cache-Control"))
		require.Equal(t, int64(-1), response.ContentLength)
		readers.Go(func() {
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err == nil {
				bodies[i] = string(body)
			}
		})
	}
	for n := 4; n <= 10; n++ {
		enc.fragments("0", n)
		b.take(e, "0")
	}
	enc.segment("0")
	b.take(e, "0")
	readers.Wait()
	for _, body := range bodies {
		require.Equal(t, string(clip.reps["0"][2].bytes), body)
	}
	// One that ends early is whole too, cut at its last part.
	enc.fragments("0", 2)
	b.take(e, "0")
	response, err := server.Client().Get(strings.Replace(url, "-3.m4s", "-4.m4s", 1))
	require.NoError(t, err)
	require.NoError(t, tl.End())
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	last := clip.reps["0"][3].fragments[1]
	require.Equal(t, string(clip.reps["0"][3].bytes[:last.Offset+last.Size]), string(body))
	server.Client().CloseIdleConnections()
}

// sleeper is the context of a request that counts when somebody begins to wait for its end.
type sleeper struct {
	context.Context
	asleep *atomic.Int64
}

func (s sleeper) Done() <-chan struct{} {
	s.asleep.Add(1)
	return s.Context.Done()
}

// BenchmarkWake is one part for 1,000 waiting viewers: until the last of them has its answer. B/waiter is what each holds while
// it waits, without its connection.
func BenchmarkWake(b *testing.B) {
	bn, tl, e, enc := growing(b, 1)
	const viewers = 1000
	var before, after runtime.MemStats
	for n := range b.N {
		b.StopTimer()
		if n%9 == 8 {
			enc.segment("0")
			enc.fragments("0", 1)
			bn.take(e, "0")
			if enc.next["0"] == clipSegments-1 {
				require.NoError(b, e.End())
				e, enc = bn.next(tl)
				enc.fragments("0", 1)
				bn.take(e, "0")
			}
		}
		g := tl.playlist("180p").Growing
		url := fmt.Sprintf("/live/cam/180p.m3u8?_HLS_msn=%d&_HLS_part=%d", g.MSN, len(g.Parts))
		runtime.GC()
		runtime.ReadMemStats(&before)
		var waiting sync.WaitGroup
		var asleep atomic.Int64
		for range viewers {
			waiting.Go(func() {
				r := httptest.NewRequestWithContext(sleeper{b.Context(), &asleep}, "GET", url, nil)
				r.SetPathValue("stream", "cam")
				r.SetPathValue("file", "180p.m3u8")
				bn.ServeLive(&sink{header: make(http.Header)}, r)
			})
		}
		for asleep.Load() < viewers {
			runtime.Gosched()
		}
		runtime.ReadMemStats(&after)
		enc.fragments("0", len(g.Parts)+1)
		b.StartTimer()
		bn.take(e, "0")
		waiting.Wait()
	}
	b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/viewers, "B/waiter")
}

// A plain playlist whose newest part is more than half a part old waits for the next one, as long as that is not late.
func TestPlainPlaylistWaitsForThePartThatIsAboutToCome(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	hinted := regexp.MustCompile(`PRELOAD-HINT:TYPE=PART,(URI="[^"]*")`)
	synctest.Test(t, func(t *testing.T) {
		tl.republish()
		target := tl.playlist("180p").PartTarget
		ask := func() (body string, took time.Duration) {
			begin := time.Now()
			body = b.body("/live/cam/180p.m3u8")
			return body, time.Since(begin)
		}
		body, took := ask()
		require.Zero(t, took, "a new part")
		time.Sleep(target / 2)
		_, took = ask()
		require.Equal(t, target-target/2, took, "a part that is late is not waited for")
		_, took = ask()
		require.Zero(t, took, "nor one that is later still")

		tl.republish()
		time.Sleep(target * 3 / 4)
		answer := make(chan string)
		go func() { answer <- b.body("/live/cam/180p.m3u8") }()
		synctest.Wait()
		enc.fragments("0", 1)
		b.take(e, "0")
		require.Regexp(t, `#EXT-X-PART:.*`+hinted.FindStringSubmatch(body)[1], <-answer, "the part that was about to come")
	})
}
