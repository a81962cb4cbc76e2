package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/hop"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/relay"
	"github.com/sluice-live/sluice/ingest/pull"
	"github.com/sluice-live/sluice/public/problem"
)

const commonSecret = "what relays and origin have in common"

// relayed is an origin with a stream, and a relay of it.
type relayed struct {
	origin *testService
	server *httptest.Server // of the origin
	seen   chan *http.Request
	relay  *relay.Relay
	http.Handler
}

// newRelayed makes both of the same rights, changed for each.
func newRelayed(t *testing.T, auth config.Auth, secret string, change func(*config.Config)) *relayed {
	t.Helper()
	cfg := testConfig(t, auth)
	cfg.HTTP.Hosts = nil
	cfg.Relay.Secret = config.Secret(secret)
	cutLiveStream(t, cfg, "cam", 10)
	x := &relayed{origin: serviceOf(t, cfg, slog.New(slog.DiscardHandler)), seen: make(chan *http.Request, 100)}
	x.origin.release(t)
	x.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.seen <- r.Clone(t.Context())
		x.origin.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(x.server.Close)
	x.relay, x.Handler = relayOf(t, x.server.URL, auth, secret, change)
	return x
}

func relayOf(t *testing.T, origin string, auth config.Auth, secret string, change func(*config.Config)) (*relay.Relay, http.Handler) {
	t.Helper()
	cfg := config.Default()
	auth.Interval, auth.Callback.Timeout = cfg.Auth.Interval, cfg.Auth.Callback.Timeout
	cfg.Auth, cfg.Relay.Origin, cfg.Relay.Secret, cfg.Data = auth, origin, config.Secret(secret), "/nowhere"
	cfg.ICE.UDP = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	require.NoError(t, cfg.Validate())
	r, err := relay.New(cfg, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return r, NewRelay(r, cfg, "of a test")
}

func named127(r *http.Request) { r.Host = "127.0.0.1" }

// requests are what the origin has seen.
func (x *relayed) requests() (lines []string) {
	for {
		select {
		case r := <-x.seen:
			lines = append(lines, r.Method+" "+r.URL.RequestURI())
		default:
			return lines
		}
	}
}

func TestRelayServesTheStreamsOfItsOrigin(t *testing.T) {
	for name, secret := range map[string]string{"signed": commonSecret, "not signed": ""} {
		t.Run(name, func(t *testing.T) {
			x := newRelayed(t, config.Auth{}, secret, nil)
			for range 3 {
				index := askAt(x, "127.0.0.1", "GET", "/live/cam/index.m3u8?x=y", func(r *http.Request) { r.Header.Set("CMCD-Session", "sid=1") })
				require.Equal(t, 200, index.Code, index.Body)
				require.Contains(t, index.Body.String(), "audio.m3u8")
				require.Equal(t, []string{"*"}, index.Header().Values("Access-Control-Allow-Origin"))
				require.Equal(t, []string{"nosniff"}, index.Header().Values("X-Content-Type-Options"))
			}
			playlist := askAt(x, "127.0.0.1", "GET", "/live/cam/audio.m3u8", named127).Body.String()
			segment := regexp.MustCompile(`(?m)^\S+\.m4s$`).FindString(playlist)
			require.NotEmpty(t, segment, playlist)
			direct := askAt(x.origin.handler, "127.0.0.1", "GET", "/live/cam/"+segment, named127)
			for range 3 {
				answer := askAt(x, "127.0.0.1", "GET", "/live/cam/"+segment, named127)
				require.Equal(t, direct.Body.Bytes(), answer.Body.Bytes())
				require.Equal(t, direct.Header()["Etag"], answer.Header()["Etag"])
				require.Equal(t, "public, max-age=31536000, immutable", answer.Header().Get("Cache-Control"))
			}
			require.Equal(t, []string{"GET /live/cam/index.m3u8", "GET /live/cam/audio.m3u8", "GET /live/cam/" + segment}, x.requests())
			requireProblem(t, askAt(x, "127.0.0.1", "GET", "/live/other/index.m3u8", named127), 404)
			requireProblem(t, askAt(x, "127.0.0.1", "GET", "/live/a.b/index.m3u8", named127), 400)

			var server api.Server
			require.NoError(t, json.Unmarshal(askAt(x, "127.0.0.1", "GET", "/api/v1/server", named127).Body.Bytes(), &server))
			require.Equal(t, x.server.URL, server.RelayOf)
			require.Equal(t, "of a test", server.Version)
			require.Contains(t, askAt(x, "127.0.0.1", "GET", "/api/v1/streams", named127).Body.String(), `"cam"`)
			require.Contains(t, askAt(x, "127.0.0.1", "GET", "/watch/cam", named127).Body.String(), "og:title")
			require.Equal(t, 200, askAt(x, "127.0.0.1", "GET", "/recordings", named127).Code)
			require.Equal(t, 200, askAt(x, "127.0.0.1", "GET", "/time", named127).Code)
			requireProblem(t, askAt(x, "127.0.0.1", "POST", "/upload/cam", named127), 421)
			requireProblem(t, askAt(x, "127.0.0.1", "POST", "/whip/cam", named127), 415) // the origin's word
			require.Equal(t, 204, askAt(x, "127.0.0.1", "POST", "/collect", func(r *http.Request) {
				r.Body = io.NopCloser(strings.NewReader(`sid="s",cid="cam",v=2`))
			}).Code)
			metrics := askAt(x, "127.0.0.1", "GET", "/metrics", named127).Body.String()
			require.Contains(t, metrics, `sluice_relay_requests_total{result="hit"} 4`)
			require.Contains(t, metrics, "sluice_relay_upstream_requests_total 4")

			x.server.Close()
			require.Equal(t, 200, askAt(x, "127.0.0.1", "GET", "/healthz", named127).Code)
			require.Equal(t, 200, askAt(x, "127.0.0.1", "GET", "/live/cam/"+segment, named127).Code, "what is kept is served")
			requireProblem(t, askAt(x, "127.0.0.1", "GET", "/api/v1/streams", named127), 503)
			requireProblem(t, askAt(x, "127.0.0.1", "GET", "/api/v1/server", named127), 503)
		})
	}
}

// The origin takes a relay's word on who asks, and on nothing that is not signed.
func TestOriginBelievesRelays(t *testing.T) {
	x := newRelayed(t, config.Auth{}, commonSecret, func(c *config.Config) {
		c.HTTP.TrustedProxies, c.HTTP.Hosts = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, []string{"tv.example.org"}
	})
	embed := askAt(x, "192.0.2.1", "GET", "/oembed?url=https://tv.example.org/media/watch/cam", func(r *http.Request) {
		r.RemoteAddr, r.Host = "192.0.2.1:4000", "tv.example.org"
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("X-Forwarded-Prefix", "/media")
	})
	require.Equal(t, 200, embed.Code, embed.Body)
	require.Contains(t, embed.Body.String(), "https://tv.example.org/media/", "though the origin does not know that name")
	sent := <-x.seen
	require.Equal(t, "203.0.113.9", sent.Header.Get("X-Forwarded-For"))
	require.Regexp(t, `^1\.1 sluice-`, sent.Header.Get("Via"))

	for name, change := range map[string]func(*http.Request){
		"another path": func(r *http.Request) { r.URL.Path = "/api/v1/streams" },
		"no signature": func(r *http.Request) { r.Header.Set("Sluice-Hop", "x") },
	} {
		r := httptest.NewRequest("GET", "/oembed?url=x", nil)
		r.Header.Set("Sluice-Hop", sent.Header.Get("Sluice-Hop"))
		change(r)
		answer := httptest.NewRecorder()
		x.origin.handler.ServeHTTP(answer, r)
		require.Equal(t, 403, answer.Code, name)
	}
}

// Who shows a token gets what others with the same rights get, by addresses that the relay signs and the origin knows.
func TestRelayAsksForRightsOnce(t *testing.T) {
	auth := config.Default().Auth
	auth.Play = []config.StreamKey{{Stream: "cam", Key: "first-viewer"}, {Stream: "cam", Key: "second-viewer"}}
	x := newRelayed(t, auth, commonSecret, nil)
	requireProblem(t, askAt(x, "127.0.0.1", "GET", "/live/cam/index.m3u8", named127), 401)
	requireProblem(t, askAt(x, "127.0.0.1", "GET", "/live/cam/index.m3u8?token=nobody", named127), 401)
	requireProblem(t, askAt(x, "127.0.0.1", "GET", "/live/cam/audio~zzzzzz-AAAA.m3u8", named127), 403)
	requireProblem(t, askAt(x, "127.0.0.1", "GET", "/live/cam/index?token=first-viewer", named127), 404)
	require.Empty(t, x.requests(), "the origin is asked nothing by who may not")
	var names []string
	for _, token := range []string{"first-viewer", "second-viewer"} {
		index := askAt(x, "127.0.0.1", "GET", "/live/cam/index.m3u8?token="+token, named127)
		require.Equal(t, 200, index.Code, index.Body)
		require.True(t, strings.HasPrefix(index.Header().Get("Cache-Control"), "private"), index.Header())
		require.NotContains(t, index.Body.String(), "viewer")
		names = append(names, regexp.MustCompile(`audio~[^"\s]+\.m3u8`).FindString(index.Body.String()))
	}
	require.NotEmpty(t, names[0])
	require.Equal(t, names[0], names[1])
	playlist := askAt(x, "127.0.0.1", "GET", "/live/cam/"+names[0], named127)
	require.Equal(t, 200, playlist.Code)
	require.True(t, strings.HasPrefix(playlist.Header().Get("Cache-Control"), "public"))
	for _, token := range []string{"first-viewer", "second-viewer"} {
		mpd := askAt(x, "127.0.0.1", "GET", "/live/cam/manifest.mpd?a=b", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
		require.Equal(t, 200, mpd.Code)
		require.Regexp(t, `manifest~[^?]+\.mpd\?_DASH_after=\d+&amp;a=b`, mpd.Body.String())
	}
	require.Len(t, x.requests(), 3)
	require.Equal(t, 200, askAt(x, "127.0.0.1", "GET", "/api/v1/streams/cam?token=first-viewer", named127).Code)
	requireProblem(t, askAt(x, "127.0.0.1", "GET", "/api/v1/streams/cam", named127), 401)
}

// A relay without rights of its own leaves all to its origin: what is answered to a token is nobody else's.
func TestRelayWithoutRights(t *testing.T) {
	auth := config.Default().Auth
	auth.Play = []config.StreamKey{{Stream: "cam", Key: "first-viewer"}}
	x := newRelayed(t, auth, "", func(c *config.Config) { c.Auth = config.Default().Auth })
	requireProblem(t, askAt(x, "127.0.0.1", "GET", "/live/cam/index.m3u8", named127), 401)
	index := askAt(x, "127.0.0.1", "GET", "/live/cam/index.m3u8?token=first-viewer", named127)
	require.Equal(t, 200, index.Code)
	requireProblem(t, askAt(x, "127.0.0.1", "GET", "/live/cam/index.m3u8", named127), 401)
	name := regexp.MustCompile(`audio~[^"\s]+\.m3u8`).FindString(index.Body.String())
	require.Equal(t, 200, askAt(x, "127.0.0.1", "GET", "/live/cam/"+name, named127).Code)
}

// offerToWatch is what a viewer over WHEP sends.
func offerToWatch(t *testing.T) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	defer func() { require.NoError(t, pc.Close()) }()
	_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	require.NoError(t, err)
	offer, err := pc.CreateOffer(nil)
	require.NoError(t, err)
	return offer.SDP
}

// toWatch makes a request an offer to watch.
func toWatch(t *testing.T, token string) func(*http.Request) {
	return func(r *http.Request) {
		offer := offerToWatch(t)
		r.Host, r.Body, r.ContentLength = "127.0.0.1", io.NopCloser(strings.NewReader(offer)), int64(len(offer))
		r.Header.Set("Content-Type", "application/sdp")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
	}
}

// The relay asks who may watch over WHEP, and the origin takes its word for all of them, and nobody else's.
func TestCascadeAsksForRightsOnce(t *testing.T) {
	auth := config.Default().Auth
	auth.Play = []config.StreamKey{{Stream: "cam", Key: "first-viewer"}, {Stream: "cam", Key: "second-viewer"}}
	x := newRelayed(t, auth, commonSecret, nil)
	requireProblem(t, askAt(x, "127.0.0.1", "POST", "/whep/cam", toWatch(t, "")), 401)
	requireProblem(t, askAt(x, "127.0.0.1", "POST", "/whep/cam", toWatch(t, "nobody")), 401)
	requireProblem(t, askAt(x, "127.0.0.1", "POST", "/whep/other", toWatch(t, "first-viewer")), 403)
	require.Empty(t, x.requests(), "the origin is asked nothing by who may not")
	for _, token := range []string{"first-viewer", "second-viewer"} {
		refused := askAt(x, "127.0.0.1", "POST", "/whep/cam", toWatch(t, token))
		requireProblem(t, refused, 409)
		require.Contains(t, refused.Body.String(), "Nobody is publishing", "the origin's word")
		require.Equal(t, "2", refused.Header().Get("Retry-After"))
		sent := <-x.seen
		require.Empty(t, sent.Header.Get("Authorization"))
		require.NotEmpty(t, sent.URL.Query().Get("signature"))
		again := func(path string, change func(*http.Request)) *httptest.ResponseRecorder {
			return askAt(x.origin.handler, "127.0.0.1", "POST", path+"?"+sent.URL.RawQuery, func(r *http.Request) {
				toWatch(t, "")(r)
				change(r)
			})
		}
		requireProblem(t, again("/whep/cam", func(*http.Request) {}), 401) // by nobody
		requireProblem(t, again("/whep/cam", func(r *http.Request) {
			hop.New(commonSecret).Sign(r.Header, "POST", "/whep/cam", hop.Claim{Client: "192.0.2.1:4000"})
		}), 401)
		requireProblem(t, again("/whep/other", func(r *http.Request) { hop.New(commonSecret).Sign(r.Header, "POST", "/whep/other", hop.Claim{}) }), 403)
		requireProblem(t, again("/whep/cam", func(r *http.Request) { hop.New(commonSecret).Sign(r.Header, "POST", "/whep/cam", hop.Claim{}) }), 409)
	}
	require.Equal(t, pull.Stats{Failed: 2}, x.relay.Ingest().Pulled())
	requireProblem(t, askAt(x, "127.0.0.1", "POST", "/whep/cam?transformed", toWatch(t, "first-viewer")), 409)
	require.Equal(t, []string{"POST /whep/cam?transformed"}, x.requests(), "which is passed on")
}

// A relay without rights of its own shares what has no token, and nobody is fed by another's right.
func TestCascadeWithoutRights(t *testing.T) {
	auth := config.Default().Auth
	auth.Play = []config.StreamKey{{Stream: "cam", Key: "first-viewer"}}
	x := newRelayed(t, auth, commonSecret, func(c *config.Config) { c.Auth = config.Default().Auth })
	requireProblem(t, askAt(x, "127.0.0.1", "POST", "/whep/cam", toWatch(t, "")), 401)
	require.Equal(t, []string{"POST /whep/cam"}, x.requests())
	requireProblem(t, askAt(x, "127.0.0.1", "POST", "/whep/cam", toWatch(t, "first-viewer")), 409)
	require.Equal(t, "Bearer first-viewer", (<-x.seen).Header.Get("Authorization"), "it is passed on")
	require.Equal(t, pull.Stats{Failed: 1}, x.relay.Ingest().Pulled())
}

// A relay that the origin asks for no token is bounded as little as one that shows a signature.
func TestRelaysWithoutRightsAreShared(t *testing.T) {
	everybody := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer everybody.Close()
	auth := config.Default().Auth
	auth.Callback.URL, auth.Callback.Actions = everybody.URL, []string{"watch"}
	x := newRelayed(t, auth, commonSecret, func(c *config.Config) { c.Auth = config.Default().Auth })
	for range 300 {
		requireProblem(t, askAt(x.origin.handler, "127.0.0.1", "POST", "/whep/cam", func(r *http.Request) {
			hop.New(commonSecret).Sign(r.Header, "POST", "/whep/cam", hop.Claim{})
		}), http.StatusUnsupportedMediaType)
	}
}

// A relay that others reach, and that asks nobody for a key, lets nobody change anything at an origin that trusts its own machine.
func TestPublicRelayPassesNobodyOnWhoChangesAnything(t *testing.T) {
	public := func(c *config.Config) { c.HTTP.Listen = ":8080" }
	x := newRelayed(t, config.Auth{}, commonSecret, public)
	for path, method := range map[string]string{"/whip/cam": "POST", "/echo": "POST", "/rooms/den/ws": "GET", "/gst/ws": "GET", "/frames/cam": "POST"} {
		requireProblem(t, askAt(x, "203.0.113.7", method, path, named127), 421)
	}
	for path, method := range map[string]string{
		"/api/v1/streams/cam": "DELETE", "/api/v1/streams/cam/transform": "PUT", "/api/v1/streams/cam/recording": "PUT", "/api/v1/streams/cam/clips": "POST", "/api/v1/keys": "POST", "/api/v1/sessions": "GET", "/api/v1/logs": "GET", "/api/v1/links": "POST", "/metrics": "GET",
	} {
		requireProblem(t, askAt(x, "203.0.113.7", method, path, named127), 403)
	}
	require.Empty(t, x.requests())
	require.Equal(t, 200, askAt(x, "tv.example.org", "GET", "/live/cam/index.m3u8", func(r *http.Request) { r.Host = "tv.example.org" }).Code)
	keyed := newRelayed(t, config.Auth{Publish: []config.StreamKey{{Key: "every-key"}}}, commonSecret, public)
	requireProblem(t, askAt(keyed, "203.0.113.7", "POST", "/whip/cam", named127), 401)
	requireProblem(t, askAt(keyed, "203.0.113.7", "POST", "/whip/cam", func(r *http.Request) { r.Header.Set("Authorization", "Bearer every-key") }), 415)
	require.Equal(t, []string{"POST /whip/cam"}, keyed.requests())
}

func TestRelaysInARow(t *testing.T) {
	x := newRelayed(t, config.Auth{}, commonSecret, nil)
	next := http.Handler(x)
	for hops := range 4 { // before one that there is already
		server := httptest.NewServer(next)
		defer server.Close()
		_, next = relayOf(t, server.URL, config.Auth{}, commonSecret, nil)
		want := 200
		if hops+2 > 4 {
			want = http.StatusLoopDetected
		}
		require.Equal(t, want, askAt(next, "127.0.0.1", "GET", fmt.Sprint("/live/cam/manifest.mpd?hops=", hops), named127).Code, hops)
		require.Equal(t, want, askAt(next, "127.0.0.1", "GET", "/api/v1/streams", named127).Code, hops)
		if want == 200 {
			want = http.StatusConflict // nobody publishes
		}
		requireProblem(t, askAt(next, "127.0.0.1", "POST", "/whep/cam", toWatch(t, "")), want)
	}
	// Two relays of each other.
	var first http.Handler
	loop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { first.ServeHTTP(w, r) }))
	defer loop.Close()
	_, second := relayOf(t, loop.URL, config.Auth{}, "", nil)
	back := httptest.NewServer(second)
	defer back.Close()
	_, first = relayOf(t, back.URL, config.Auth{}, "", nil)
	requireProblem(t, askAt(first, "127.0.0.1", "GET", "/live/cam/audio.m3u8", named127), http.StatusLoopDetected)
	requireProblem(t, askAt(first, "127.0.0.1", "POST", "/whep/cam", toWatch(t, "")), http.StatusLoopDetected)
}

// Session URLs lead back through the relay, and events come as they are told.
func TestRelayPassesOnWhatLasts(t *testing.T) {
	tell := make(chan string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + r.URL.Path {
		case "POST/media/whip/cam":
			require.Equal(t, "application/sdp", r.Header.Get("Content-Type"))
			w.Header().Set("Location", "/media/whip/cam/session?x=y")
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.WriteHeader(http.StatusCreated)
		case "PATCH/media/whip/cam/session":
			w.WriteHeader(http.StatusNoContent)
		default:
			for text := range tell {
				_, _ = io.WriteString(w, text)
				_ = http.NewResponseController(w).Flush()
			}
		}
	}))
	defer server.Close()
	_, handler := relayOf(t, server.URL+"/media/", config.Auth{}, "", func(c *config.Config) { c.HTTP.BasePath = "/tv" })
	created := askAt(handler, "127.0.0.1", "POST", "/tv/whip/cam", func(r *http.Request) { r.Header.Set("Content-Type", "application/sdp") })
	require.Equal(t, 201, created.Code, created.Body)
	require.Equal(t, "/tv/whip/cam/session?x=y", created.Header().Get("Location"))
	require.Equal(t, []string{"*"}, created.Header().Values("Access-Control-Allow-Origin"))
	require.Equal(t, 204, askAt(handler, "127.0.0.1", "PATCH", created.Header().Get("Location"), named127).Code)

	front := httptest.NewServer(handler)
	defer front.Close()
	go func() { tell <- "data: 1\n\n" }()
	response, err := http.Get(front.URL + "/tv/api/v1/streams/cam/events")
	require.NoError(t, err)
	defer response.Body.Close()
	for _, want := range []string{"data: 1\n\n", "data: 2\n\n"} {
		text := make([]byte, len(want))
		_, err = io.ReadFull(response.Body, text)
		require.NoError(t, err)
		require.Equal(t, want, string(text), "at once")
		if want == "data: 1\n\n" {
			tell <- "data: 2\n\n"
		}
	}
	close(tell)
}

// A relay that asks for all who wait is no viewer.
func TestRelayIsNoViewer(t *testing.T) {
	x := newRelayed(t, config.Auth{}, commonSecret, nil)
	ctx, stop := context.WithCancel(t.Context())
	counting := make(chan error, 1)
	go func() { counting <- x.origin.Viewers().Run(ctx) }()
	defer func() { stop(); <-counting }()
	require.Equal(t, 200, askAt(x, "127.0.0.1", "GET", "/live/cam/index.m3u8", named127).Code)
	require.Zero(t, x.origin.Viewers().Stats("cam").HLS)
	_, unsigned := relayOf(t, x.server.URL, config.Auth{}, "", nil)
	require.Equal(t, 200, askAt(unsigned, "127.0.0.1", "GET", "/live/cam/index.m3u8", named127).Code)
	require.Eventually(t, func() bool { return x.origin.Viewers().Stats("cam").HLS == 1 }, 2*time.Minute, time.Millisecond)
}

// A path that a proxy in front of the origin would take for one elsewhere goes nowhere.
func TestRelayPassesNoOtherPathOn(t *testing.T) {
	x := newRelayed(t, config.Auth{}, "", nil)
	for _, path := range []string{
		"/live/cam/..%2f..%2fmetrics", "/live/cam/%2e%2e/%2e%2e/metrics", "/live/cam/.%2findex.m3u8", "/recordings/cam/a/..%2f..%2f..%2fmetrics",
		"/live/cam/E%2f%2fx", "/api/v1/streams/%2e%2e", "/api/v1/streams/..%2fsessions",
	} {
		requireProblem(t, askAt(x, "127.0.0.1", "GET", path, named127), 400)
	}
	require.Empty(t, x.requests())
	for _, path := range []string{"/", "/watch/cam", "/live/cam/index.m3u8", "/live/c%61m/index.m3u8"} {
		require.Equal(t, 200, askAt(x, "127.0.0.1", "GET", path, named127).Code, path)
	}
}

// An origin that refuses is one that answers: what it says is what helps.
func TestRelayTellsWhyItsOriginRefuses(t *testing.T) {
	x := newRelayed(t, config.Auth{}, "", func(c *config.Config) { c.HTTP.EmbedOrigins = []string{"https://blog.example.org"} })
	require.Contains(t, askAt(x, "127.0.0.1", "GET", "/api/v1/server", named127).Body.String(), `"embedOrigins":["https://blog.example.org"]`, "whose frames the relay's pages allow")
	x.origin.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, http.StatusMisdirectedRequest, "Set http.hosts.")
	})
	answer := askAt(x, "127.0.0.1", "GET", "/api/v1/server", named127)
	requireProblem(t, answer, 421)
	require.Contains(t, answer.Body.String(), "Set http.hosts.")
}

// Addresses in answers are those of the relay, though the origin stands below a path, by a signature or as a trusted proxy.
func TestRelayOfAnOriginBelowAPath(t *testing.T) {
	for _, secret := range []string{"", commonSecret} {
		cfg := testConfig(t, config.Auth{})
		cfg.HTTP.Hosts, cfg.HTTP.BasePath, cfg.Relay.Secret = []string{"tv.example.org"}, "/media", config.Secret(secret)
		cfg.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		cutLiveStream(t, cfg, "cam", 10)
		origin := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
		origin.release(t)
		server := httptest.NewServer(origin.handler)
		defer server.Close()
		for _, base := range []string{"", "/tv"} {
			_, handler := relayOf(t, server.URL+"/media/", config.Auth{}, secret, func(c *config.Config) { c.HTTP.BasePath, c.HTTP.Hosts = base, []string{"tv.example.org"} })
			for path, want := range map[string]string{
				"/live/cam/index.m3u8": "audio.m3u8", "/api/v1/streams": `"` + base + "/live/cam/", "/oembed?url=http://tv.example.org" + base + "/watch/cam": `"http://tv.example.org` + base + `/"`,
			} {
				answer := askAt(handler, "tv.example.org", "GET", base+path, func(*http.Request) {})
				require.Equal(t, 200, answer.Code, answer.Body)
				require.Contains(t, answer.Body.String(), want, base)
				require.NotContains(t, answer.Body.String(), "/media", path)
			}
		}
	}
}

// Whatever is configured, nobody publishes at a relay by a protocol that the origin would not hear of.
func TestRelayTakesNoEncoders(t *testing.T) {
	r, _ := relayOf(t, "http://127.0.0.1:1", config.Auth{}, "", func(c *config.Config) {
		c.RTMP.Listen, c.RTMP.TLSListen, c.SRT.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		c.HTTPS.Listen, c.TLS.SelfSigned = "127.0.0.1:0", true
	})
	require.Nil(t, r.Ingest().RTMPAddr())
	require.Nil(t, r.Ingest().RTMPSAddr())
	require.Nil(t, r.Ingest().SRTAddr())
}
