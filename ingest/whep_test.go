package ingest

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

func viewerOffer(t testing.TB) string {
	return offertest.Offer(t, "chromium-sendrecv", "a=sendrecv", "a=recvonly")
}

func (f *fixture) publishOffer(stream string) (location string) {
	f.Helper()
	resp := f.post("/whip/"+stream, offertest.Offer(f, "chromium"))
	require.Equal(f, 201, resp.StatusCode)
	return resp.Header.Get("Location")
}

// draft-ietf-wish-whep §4.2: what a 201 carries, whether the viewer offers to send or not.
func TestViewerCreated(t *testing.T) {
	f := newFixture(t, Options{ICEServers: iceServers()})
	f.publishOffer("cam")
	for _, offered := range []string{viewerOffer(t), offertest.Offer(t, "chromium-sendrecv")} {
		resp := f.post("/whep/cam", offered)
		body := text(t, resp)
		require.Equal(t, 201, resp.StatusCode, body)
		require.Regexp(t, `^/whep/cam/[A-Z2-7]{26}$`, resp.Header.Get("Location"))
		require.Regexp(t, `^"[A-Z2-7]{26}"$`, resp.Header.Get("ETag"))
		servers := slices.DeleteFunc(resp.Header.Values("Link"), func(link string) bool { return !strings.Contains(link, `; rel="ice-server"`) })
		require.Len(t, servers, 3)
		desc := parseSDP(t, body)
		require.Len(t, desc.MediaDescriptions, 2)
		for i, want := range []string{"audio 111 63", "video 96 97"} {
			m := desc.MediaDescriptions[i]
			require.Equal(t, want, m.MediaName.Media+" "+strings.Join(m.MediaName.Formats, " "))
			require.Equal(t, "sendonly", offer.Direction(m.Attributes))
			require.True(t, has(m, "rtcp-mux-only"))
			require.True(t, has(m, "ssrc"), "a viewer tells tracks by their SSRC")
			msid, _ := m.Attribute("msid")
			require.True(t, strings.HasPrefix(msid, "cam "), "one MediaStream, so that sound and picture are kept together")
		}
		checkFirstCandidate(t, desc)
		require.Equal(t, 200, f.do("DELETE", resp.Header.Get("Location"), "").StatusCode)
	}
}

// draft-ietf-wish-whep §4.2: nobody publishes, the offer is of no use, or there is no room.
func TestViewerRefused(t *testing.T) {
	f := newFixture(t, Options{MaxViewers: 1, MaxSessions: 1})
	early := f.post("/whep/cam", viewerOffer(t))
	require.Equal(t, "2", early.Header.Get("Retry-After"))
	f.requireProblem(early, 409, `"cam"`)
	f.requireNothingLeft()
	f.publishOffer("cam")
	f.requireProblem(f.post("/whep/cam", offertest.Offer(t, "chromium")), 400, "a=recvonly")
	f.requireProblem(f.post("/whep/cam", viewerOffer(t)[:100]), 400, "offer")
	f.requireProblem(f.post("/whep/cam", strings.ReplaceAll(viewerOffer(t), "VP8/90000", "VP7/90000")), 422, "video")
	f.requireProblem(f.do("POST", "/whep/cam", viewerOffer(t)), 415, "application/sdp")
	f.requireProblem(f.post("/whep/-", viewerOffer(t)), 400, "A stream's name is")
	require.Equal(t, 201, f.post("/whep/cam", viewerOffer(t)).StatusCode, "MaxSessions does not bound viewers")
	full := f.post("/whep/cam", viewerOffer(t))
	require.Equal(t, "10", full.Header.Get("Retry-After"))
	f.requireProblem(full, 503, "viewers")
}

// draft-ietf-wish-whep §4.1: HEAD tells that there is an endpoint.
func TestViewerMethods(t *testing.T) {
	f := newFixture(t, Options{})
	head := f.do("HEAD", "/whep/cam", "")
	require.Equal(t, 200, head.StatusCode)
	require.Equal(t, "application/sdp", head.Header.Get("Content-Type"))
	require.Equal(t, 204, f.do("GET", "/whep/cam", "").StatusCode)
	options := f.do("OPTIONS", "/whep/cam", "")
	require.Equal(t, 200, options.StatusCode)
	require.Equal(t, "application/sdp", options.Header.Get("Accept-Post"))
	f.requireProblem(f.do("PUT", "/whep/cam", ""), 405, "POST")

	f.publishOffer("cam")
	location := f.post("/whep/cam", viewerOffer(t)).Header.Get("Location")
	require.Equal(t, 204, f.do("GET", location, "").StatusCode)
	require.Equal(t, 204, f.do("HEAD", location, "").StatusCode)
	require.Equal(t, 200, f.do("OPTIONS", location, "").StatusCode)
	require.Equal(t, 200, f.do("DELETE", location, "", "If-Match", `"of no meaning here"`).StatusCode)
	f.requireProblem(f.do("DELETE", location, ""), 404, "no such session")
}

// Viewers wait for a publisher to return, and no longer than they were told to.
func TestViewersEndWithTheStream(t *testing.T) {
	f := newFixture(t, Options{ViewerLinger: 2 * time.Second})
	publisher := f.publishOffer("cam")
	location := f.post("/whep/cam", viewerOffer(t)).Header.Get("Location")
	sess := f.server.sessions.Session(location)
	require.NotNil(t, sess)
	require.Equal(t, 200, f.do("DELETE", publisher, "").StatusCode)
	rtptest.Wait(t, sess.Done(), "the viewer's end")
	require.ErrorIs(t, sess.Err(), session.ErrStreamEnded)
	f.requireNothingLeft()
}

// A viewer's session ends when the right to watch does, however the viewer is connected then; others go on.
func TestViewersEndWithTheirRight(t *testing.T) {
	var logged logBuffer
	unhurried := defaultTimers()
	unhurried.connect = time.Hour // none of them connects
	f := newFixtureWith(t, Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))}, unhurried)
	f.publishOffer("cam")
	watch := func(right session.Right) {
		request := httptest.NewRequest("POST", "/whep/cam", strings.NewReader(viewerOffer(t)))
		request.Header.Set("Content-Type", "application/sdp")
		request.SetPathValue("stream", "cam")
		f.server.WHEP().ServeHTTP(httptest.NewRecorder(), session.By(request, right))
	}
	take := make(chan func(), 1)
	released := make(chan struct{})
	watch(session.Right{})
	watch(session.Right{Until: time.Now().Add(time.Hour)})
	watch(session.Right{Until: time.Now().Add(3 * time.Second)})
	require.Eventually(t, func() bool { return strings.Contains(logged.String(), "viewer has gone") }, rtptest.Patience, 5*time.Millisecond)
	require.Contains(t, logged.String(), session.ErrNoRight.Error())
	require.Equal(t, 1, strings.Count(logged.String(), "viewer has gone"))
	left := []session.Kind{session.KindPublisher, session.KindViewer, session.KindViewer}
	require.Eventually(t, func() bool { return slices.Equal(left, f.kindsOf()) }, rtptest.Patience, 5*time.Millisecond) // soon after it was logged

	watch(session.Right{Until: time.Now().Add(time.Hour), Hold: func(end func()) func() {
		take <- end
		return func() { close(released) }
	}})
	rtptest.Wait(t, take, "what takes the right away")()
	rtptest.Wait(t, released, "the end")
	require.Eventually(t, func() bool {
		return strings.Count(logged.String(), session.ErrNoRight.Error()) == 2 && slices.Equal(left, f.kindsOf())
	}, rtptest.Patience, 5*time.Millisecond)
}

// Who loses the right to watch before the session has begun leaves nothing behind.
func TestViewersWithoutTheirRight(t *testing.T) {
	origin := newFixture(t, Options{})
	hasty := defaultTimers()
	hasty.pulled.Linger = 50 * time.Millisecond
	relay := newFixtureWith(t, Options{Origin: upstreamOf(origin).of}, hasty)
	onAir(t, origin, "cam", peerOptions{})
	released := 0
	request := httptest.NewRequest("POST", "/whep/cam", strings.NewReader(viewerOffer(t)))
	request.Header.Set("Content-Type", "application/sdp")
	request.SetPathValue("stream", "cam")
	answer := httptest.NewRecorder()
	relay.server.WHEP().ServeHTTP(answer, session.By(request, session.Right{Hold: func(end func()) func() {
		end()
		return func() { released++ }
	}}))
	require.Equal(t, http.StatusServiceUnavailable, answer.Code, answer.Body)
	require.Contains(t, answer.Body.String(), session.ErrNoRight.Error())
	require.Equal(t, 1, released)
	require.Eventually(t, func() bool { return relay.server.Pulled().Streams == 0 && relay.server.Sessions().Empty() }, rtptest.Patience, 5*time.Millisecond)
}
