package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
)

// probed is for how long playlists are asked for everything, and longer where a busy machine has not come to all kinds.
const probed = 15 * time.Second

// Requests of every kind, in any order and many at once, are answered as the rules of LL-HLS say, while a player that takes
// everything at the live edge finds every rule on playlists, parts, MPDs and growing segments kept.
func TestLowLatency(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", smallRung, "--linger", "1s", "--window", "24s")
	p := newPublisher(t, s, "probed")
	p.rounds = chaosRounds
	visits := collect(t, &conformance.Collector{Base: s.base + "/live/probed/", LowLatency: true})
	p.send()
	s.waitState("probed", "live")
	before := s.metric("go_goroutines")
	probers := []*prober{newProber(t, s, "probed", "240p.m3u8"), newProber(t, s, "probed", "audio.m3u8")}
	probing, enough := context.WithCancel(t.Context())
	defer enough()
	var running sync.WaitGroup
	for _, prober := range probers {
		running.Go(func() { prober.run(probing, 8) })
	}
	lapse(probed)
	for _, prober := range probers {
		eventually(t, func() bool { return len(prober.missing()) == 0 }, "not asked: %s", func() string { return fmt.Sprint(prober.missing()) })
	}
	enough()
	running.Wait()
	for _, prober := range probers {
		prober.requireSound()
	}
	eventually(t, func() bool { return s.metric("go_goroutines") < before+20 }, "requests that are gone still wait")
	p.stop()
	s.waitState("probed", "ended")
	for _, prober := range probers {
		prober.requireEnded()
	}
	requireConforms(t, visits())
}

// requireConforms asserts that the stream was a low-latency one and broke no rule.
func requireConforms(t *testing.T, visits []conformance.Visit) {
	t.Helper()
	parts, chunked := 0, false
	for _, visit := range visits {
		parts += map[bool]int{true: 1}[kindOf(strings.SplitN(visit.URL, "?", 2)[0]) == "parts"]
		chunked = chunked || strings.HasSuffix(visit.URL, ".mpd") && strings.Contains(string(visit.Body), `availabilityTimeComplete="false"`)
	}
	t.Logf("%d visits, %d of parts", len(visits), parts)
	options := conformance.Options{Tolerance: 2 * time.Second}
	for _, violation := range append(conformance.CheckHLS(visits, options), conformance.CheckDASH(visits, options)...) {
		t.Error(violation)
	}
	require.Greater(t, parts, 100)
	require.True(t, chunked, "no MPD offered its segments as they grow")
}

// prober asks for one media playlist and its parts at random and compares each answer with a model: the newest full playlist
// that was there before the request, and the one that is there after the answer.
type prober struct {
	t      *testing.T
	url    string // of the playlist
	client *http.Client

	mu      sync.Mutex
	newest  *listing
	digests map[string][32]byte
	asked   map[string]int // probes by name
	faults  []string
}

// probe is one kind of request. Its request is made from the playlist as last seen; its check compares the answer with the
// playlist from before and says what is wrong with it.
type probe struct {
	name   string
	url    func(p *prober, l *listing) string
	check  func(p *prober, l *listing, a *answer) string
	cancel bool // gone before it can be answered
}

// answer is what a probe got.
type answer struct {
	url    string
	status int
	header http.Header
	body   []byte
}

func newProber(t *testing.T, s *service, stream, playlist string) *prober {
	p := &prober{
		t: t, url: s.base + "/live/" + stream + "/" + playlist, digests: map[string][32]byte{}, asked: map[string]int{},
		// The longest wait is 9 s.
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: patience},
	}
	eventually(t, func() bool {
		l := p.refresh(t.Context())
		return l != nil && l.next.msn > 0
	}, "no segment")
	return p
}

// run lets so many clients probe until ctx ends.
func (p *prober) run(ctx context.Context, clients int) {
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			for ctx.Err() == nil {
				p.probe(ctx, probes()[rand.IntN(len(probes()))])
				sleepUntil(ctx, time.Now().Add(rand.N(100*time.Millisecond)))
			}
		})
	}
	running.Wait()
	p.client.CloseIdleConnections()
}

func (p *prober) probe(ctx context.Context, kind probe) {
	before := p.refresh(ctx)
	if before == nil {
		return
	}
	url := kind.url(p, before)
	if kind.cancel {
		short, cancel := context.WithTimeout(ctx, rand.N(400*time.Millisecond))
		defer cancel()
		ctx = short
	}
	a, err := p.get(ctx, url)
	if ctx.Err() != nil {
		return
	}
	fault := ""
	switch {
	case err != nil:
		fault = err.Error()
	default:
		if fault = a.plain(); fault == "" {
			fault = kind.check(p, before, a)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[kind.name]++
	if fault != "" {
		p.faults = append(p.faults, fmt.Sprintf("%s: %s: %s (the playlist went up to %v)", kind.name, url, fault, before.next))
	}
}

// refresh takes the playlist as it is now; nil at the end of ctx.
func (p *prober) refresh(ctx context.Context) *listing {
	a, err := p.get(ctx, p.url)
	if err != nil || a.status != http.StatusOK {
		if ctx.Err() == nil {
			p.t.Errorf("%s: %v %v", p.url, err, a)
		}
		return nil
	}
	l := parseListing(p.url, string(a.body))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.newest == nil || p.newest.next.before(l.next) {
		p.newest = l
	}
	return l
}

func (p *prober) get(ctx context.Context, url string) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return &answer{url, response.StatusCode, response.Header, body}, err
}

// plain checks what holds for every answer.
func (a *answer) plain() string {
	caching := a.header.Get("Cache-Control")
	switch {
	case a.header.Get("Access-Control-Allow-Origin") != "*":
		return "no CORS"
	case a.status >= 400 && !strings.Contains(caching, "no-store"):
		return fmt.Sprintf("status %d with Cache-Control %q", a.status, caching)
	case a.status >= 400 && a.header.Get("Content-Type") != "application/problem+json":
		return fmt.Sprintf("status %d as %s", a.status, a.header.Get("Content-Type"))
	}
	return ""
}

// probes are all kinds.
func probes() []probe {
	directive := func(format string, values func(l *listing) []any) func(*prober, *listing) string {
		return func(p *prober, l *listing) string { return p.url + "?" + fmt.Sprintf(format, values(l)...) }
	}
	next := func(l *listing) []any { return []any{l.next.msn, l.next.part} }
	return []probe{
		{name: "plain", url: func(p *prober, _ *listing) string { return p.url }, check: upTo(func(l *listing) position { return l.next })},
		{name: "unknown directives", url: directive("_HLS_future=%d&token=%d", next), check: upTo(func(l *listing) position { return l.next })},
		{name: "next part", url: directive("_HLS_msn=%d&_HLS_part=%d", next), check: upTo(func(l *listing) position { return position{l.next.msn, l.next.part + 1} })},
		{name: "next part, directives the other way round", url: func(p *prober, l *listing) string {
			return fmt.Sprintf("%s?_HLS_part=%d&_HLS_msn=%d", p.url, l.next.part, l.next.msn)
		}, check: upTo(func(l *listing) position { return position{l.next.msn, l.next.part + 1} })},
		{name: "part after the next", url: directive("_HLS_msn=%d&_HLS_part=%d", func(l *listing) []any { return []any{l.next.msn, l.next.part + 1} }),
			check: upTo(func(l *listing) position { return position{l.next.msn, l.next.part + 1} })},
		{name: "whole segment", url: directive("_HLS_msn=%d", func(l *listing) []any { return []any{l.next.msn} }),
			check: upTo(func(l *listing) position { return position{l.next.msn + 1, 0} })},
		{name: "next whole segment", url: directive("_HLS_msn=%d", func(l *listing) []any { return []any{l.next.msn + 1} }),
			check: upTo(func(l *listing) position { return position{l.next.msn + 2, 0} })},
		{name: "past segment", url: directive("_HLS_msn=%d", func(l *listing) []any { return []any{rand.Int64N(l.next.msn+1) / 2} }),
			check: upTo(func(l *listing) position { return l.next })},
		{name: "past part", url: directive("_HLS_msn=%d&_HLS_part=%d", func(l *listing) []any { return []any{max(0, l.next.msn-1), rand.Int64N(5)} }),
			check: upTo(func(l *listing) position { return position{max(0, l.next.msn-1), 1} })},
		{name: "part past a segment's last", url: directive("_HLS_msn=%d&_HLS_part=%d", func(l *listing) []any { return []any{l.next.msn - 1, 20 + rand.Int64N(5)} }),
			check: pastLast},
		{name: "segment too far ahead", url: directive("_HLS_msn=%d", func(l *listing) []any { return []any{l.next.msn + 20 + rand.Int64N(1000)} }), check: refused(http.StatusBadRequest)},
		{name: "part of a segment too far ahead", url: directive("_HLS_msn=%d&_HLS_part=%d", func(l *listing) []any { return []any{l.next.msn + 20, 0} }), check: refused(http.StatusBadRequest)},
		{name: "part too far ahead", url: directive("_HLS_msn=%d&_HLS_part=%d", func(l *listing) []any { return []any{l.next.msn, l.next.part + 60} }), check: tooFar},
		{name: "malformed", url: malformed, check: refused(http.StatusBadRequest)},
		{name: "delta update", url: directive("_HLS_msn=%d&_HLS_part=%d&_HLS_skip="+[]string{"YES", "v2"}[rand.IntN(2)], next), check: delta},
		{name: "delta update without waiting", url: directive("_HLS_skip=YES", func(*listing) []any { return nil }), check: delta},
		{name: "given up", url: directive("_HLS_msn=%d", func(l *listing) []any { return []any{l.next.msn + 1} }), check: upTo(func(l *listing) position { return l.next }), cancel: true},
		{name: "listed part", url: listedPart, check: sameBytes},
		{name: "hinted part", url: func(_ *prober, l *listing) string { return l.hint }, check: sameBytes},
		{name: "hinted part, given up", url: func(_ *prober, l *listing) string { return l.hint }, check: sameBytes, cancel: true},
		{name: "part that nobody hinted at", url: func(_ *prober, l *listing) string {
			return regexp.MustCompile(`\.\d+\.m4s$`).ReplaceAllString(l.hint, ".60.m4s") // the hint may be of the segment after next's
		}, check: refused(http.StatusNotFound)},
		{name: "part of no epoch", url: func(p *prober, l *listing) string { return strings.Replace(p.url, ".m3u8", "-1.0.m4s", 1) }, check: refused(http.StatusNotFound)},
	}
}

// malformed are directives that mean nothing (rfc8216bis §6.2.5.2).
func malformed(p *prober, l *listing) string {
	all := []string{
		"_HLS_part=0", "_HLS_msn=-1", "_HLS_msn=x", "_HLS_msn=1.5", "_HLS_msn=99999999999999999999", "_HLS_msn=0x10",
		fmt.Sprintf("_HLS_msn=%d&_HLS_part=-1", l.next.msn), fmt.Sprintf("_HLS_msn=%d&_HLS_part=x", l.next.msn),
		fmt.Sprintf("_HLS_msn=%d&_HLS_part=99999999999999999999", l.next.msn), "_HLS_msn=x&_HLS_part=0", "_HLS_part=0&_HLS_skip=YES",
	}
	return p.url + "?" + all[rand.IntN(len(all))]
}

// upTo wants a whole playlist that has everything before a position.
func upTo(end func(l *listing) position) func(*prober, *listing, *answer) string {
	return func(_ *prober, l *listing, a *answer) string {
		if a.status != http.StatusOK {
			return fmt.Sprintf("status %d: %s", a.status, a.body)
		}
		got := parseListing(a.url, string(a.body))
		if got.skipped > 0 || got.next.before(end(l)) {
			return fmt.Sprintf("goes up to %v and leaves out %d segments, should go up to %v", got.next, got.skipped, end(l))
		}
		return ""
	}
}

// pastLast: such a part is the first of the next segment.
func pastLast(p *prober, l *listing, a *answer) string {
	return upTo(func(l *listing) position { return position{l.next.msn, 1} })(p, l, a)
}

func refused(status int) func(*prober, *listing, *answer) string {
	return func(_ *prober, _ *listing, a *answer) string {
		if a.status != status {
			return fmt.Sprintf("status %d instead of %d", a.status, status)
		}
		return ""
	}
}

// tooFar is refused, unless its segment has ended meanwhile: then it is the first part of the next.
func tooFar(p *prober, l *listing, a *answer) string {
	if a.status == http.StatusOK {
		return upTo(func(l *listing) position { return position{l.next.msn + 1, 1} })(p, l, a)
	}
	return refused(http.StatusBadRequest)(p, l, a)
}

const deltaCompared = "delta compared"

// delta wants what makes, put together with an older full playlist, the full one byte for byte.
func delta(p *prober, l *listing, a *answer) string {
	if a.status != http.StatusOK {
		return fmt.Sprintf("status %d", a.status)
	}
	got := parseListing(a.url, string(a.body))
	full := p.refresh(p.t.Context())
	if got.skipped == 0 || full == nil || full.next != got.next {
		return ""
	}
	merged, err := conformance.MergeDelta(l.text, got.text)
	switch {
	case err != nil:
		return err.Error()
	case merged != full.text:
		return fmt.Sprintf("makes %q, the full playlist is %q", merged, full.text)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[deltaCompared]++
	return ""
}

func listedPart(_ *prober, l *listing) string {
	for _, uri := range l.parts { // in random order
		return uri
	}
	return l.hint
}

// sameBytes wants a part that is the same each time.
func sameBytes(p *prober, _ *listing, a *answer) string {
	if a.status != http.StatusOK || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
		return fmt.Sprintf("status %d, Cache-Control %q", a.status, a.header.Get("Cache-Control"))
	}
	digest := sha256.Sum256(a.body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if was, ok := p.digests[a.url]; ok && was != digest {
		return "has two contents"
	}
	p.digests[a.url] = digest
	return ""
}

// missing are the kinds that have not been asked, or compared, so far.
func (p *prober) missing() (kinds []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range probes() {
		if !kind.cancel && p.asked[kind.name] == 0 {
			kinds = append(kinds, kind.name)
		}
	}
	if p.asked[deltaCompared] == 0 {
		kinds = append(kinds, deltaCompared)
	}
	return kinds
}

// requireSound asserts that all were answered rightly.
func (p *prober) requireSound() {
	p.t.Helper()
	p.t.Logf("%s: %v", p.url, p.asked)
	require.Empty(p.t, p.faults[:min(len(p.faults), 20)], "%d faults", len(p.faults))
}

// requireEnded: of a stream that has ended, directives are ignored (rfc8216bis §6.2.5).
func (p *prober) requireEnded() {
	p.t.Helper()
	for _, query := range []string{"", "?_HLS_msn=999999", "?_HLS_msn=999999&_HLS_part=3", "?_HLS_skip=YES"} {
		a, err := p.get(p.t.Context(), p.url+query)
		require.NoError(p.t, errors.Join(err, p.t.Context().Err()))
		require.Equal(p.t, http.StatusOK, a.status, query)
		l := parseListing(p.url, string(a.body))
		require.True(p.t, l.ended && l.hint == "" && l.skipped == 0, "%s: %s", query, a.body)
	}
	p.client.CloseIdleConnections()
}
