package ingest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

const turnSecret = "s3cret"

func iceServers() []ICEServer {
	return []ICEServer{
		{URLs: []string{"turns:turn.example:5349", "turn:turn.example:3478?transport=udp"}, Username: "u", Credential: turnSecret},
		{URLs: []string{"stun:stun.example:3478"}},
	}
}

// RFC 9725 §4.2, §4.3.1, §4.6: what a 201 carries.
func TestCreated(t *testing.T) {
	f := newFixture(t, Options{ICEServers: iceServers()})
	resp := f.do("POST", "/whip/cam_1-x", offertest.Offer(t, "chromium"), "Content-Type", "application/sdp; charset=utf-8")
	require.Equal(t, 201, resp.StatusCode)
	require.Equal(t, "application/sdp", resp.Header.Get("Content-Type"))
	require.Regexp(t, `^/whip/cam_1-x/[A-Z2-7]{26}$`, resp.Header.Get("Location"))
	require.Regexp(t, `^"[A-Z2-7]{26}"$`, resp.Header.Get("ETag"), "strong and quoted")
	require.Equal(t, "application/trickle-ice-sdpfrag", resp.Header.Get("Accept-Patch"))
	require.Equal(t, []string{
		`<turn:turn.example:3478?transport=udp>; rel="ice-server"; username="u"; credential="s3cret"; credential-type="password"`,
		`<stun:stun.example:3478>; rel="ice-server"`,
		`<turns:turn.example:5349>; rel="ice-server"; username="u"; credential="s3cret"; credential-type="password"`,
	}, resp.Header.Values("Link"))
	require.NotContains(t, strings.Join(resp.Header.Values("Link"), ""), "urn:ietf:params:whip:ext", "no extension is required: §4.9")

	other := f.post("/whip/other", offertest.Offer(t, "chromium"))
	require.NotEqual(t, resp.Header.Get("ETag"), other.Header.Get("ETag"))
	require.NotEqual(t, text(t, resp), text(t, other))
}

// RFC 9725 §4.2: an offer comes as application/sdp.
func TestOfferContentType(t *testing.T) {
	f := newFixture(t, Options{})
	for _, ct := range []string{"", "text/plain", "application/json", "application/trickle-ice-sdpfrag", ";;"} {
		f.requireProblem(f.do("POST", "/whip/a", offertest.Offer(t, "chromium"), "Content-Type", ct), 415, "application/sdp")
	}
	f.requireNothingLeft()
}

func TestStreamNames(t *testing.T) {
	f := newFixture(t, Options{})
	for _, name := range []string{"-a", "_a", "a.b", "a%20b", "a%2Fb", "ä", strings.Repeat("a", 65)} {
		f.requireProblem(f.post("/whip/"+name, offertest.Offer(t, "chromium")), 400, "A stream's name is")
	}
	require.Equal(t, 200, f.do("OPTIONS", "/whip/-a", "", "Access-Control-Request-Method", "POST").StatusCode)
	resp := f.post("/whip/"+strings.Repeat("a", 64), offertest.Offer(t, "chromium"))
	require.Equal(t, 201, resp.StatusCode)
}

// RFC 9725 §4.1, §4.2, §4.6: methods that change nothing.
func TestEndpointMethods(t *testing.T) {
	f := newFixture(t, Options{ICEServers: iceServers()})
	for _, path := range []string{"/whip/a", "/echo"} {
		for _, method := range []string{"GET", "HEAD"} {
			resp := f.do(method, path, "")
			require.Equal(t, 204, resp.StatusCode)
			require.Empty(t, text(t, resp))
		}
		resp := f.do("OPTIONS", path, "")
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, "application/sdp", resp.Header.Get("Accept-Post"))
		require.Equal(t, "POST, GET, HEAD, OPTIONS", resp.Header.Get("Allow"))
		require.Len(t, resp.Header.Values("Link"), 3)

		resp = f.do("OPTIONS", path, "", "Access-Control-Request-Method", "POST")
		require.Equal(t, 200, resp.StatusCode)
		require.Empty(t, resp.Header.Values("Link"), "nobody is authenticated for a preflight: §4.6")

		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			resp := f.do(method, path, "")
			require.Equal(t, "POST, GET, HEAD, OPTIONS", resp.Header.Get("Allow"))
			f.requireProblem(resp, 405, "POST")
		}
	}
}

// RFC 9725 §4.1, §4.2: the session's own address.
func TestSessionMethods(t *testing.T) {
	f := newFixture(t, Options{})
	for _, endpoint := range []string{"/whip/a", "/echo"} {
		location := f.post(endpoint, offertest.Offer(t, "chromium-sendrecv")).Header.Get("Location")
		require.True(t, strings.HasPrefix(location, endpoint+"/"))
		for _, method := range []string{"GET", "HEAD"} {
			resp := f.do(method, location, "")
			require.Equal(t, 204, resp.StatusCode)
			require.Empty(t, text(t, resp))
		}
		resp := f.do("OPTIONS", location, "")
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, "application/trickle-ice-sdpfrag", resp.Header.Get("Accept-Patch"))
		require.Contains(t, resp.Header.Get("Allow"), "PATCH, DELETE")
		resp = f.do("POST", location, "")
		require.Contains(t, resp.Header.Get("Allow"), "PATCH, DELETE")
		f.requireProblem(resp, 405, "PATCH")

		require.Equal(t, 200, f.do("DELETE", location, "", "If-Match", `"of no meaning here"`).StatusCode, "If-Match is ignored: §4.2")
		f.requireNothingLeft()
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			f.requireProblem(f.do(method, location, ""), 404, "no such session")
		}
	}
	f.requireProblem(f.do("DELETE", "/whip/a/unknown", ""), 404, "no such session")
}

// Who publishes a stream keeps others away where takeovers are refused; who has only said that they would does not.
func TestOnePublisherForAStream(t *testing.T) {
	f := newFixture(t, Options{RefuseTakeover: true})
	require.Equal(t, 201, f.post("/whip/a", offertest.Offer(t, "chromium")).StatusCode)
	first, _ := live(t, f, "a")
	second := f.post("/whip/a", offertest.Offer(t, "chromium"))
	require.NotEmpty(t, second.Header.Get("Retry-After"))
	f.requireProblem(second, 409, `"a"`)
	require.Len(t, f.server.Sessions().Publishers(), 1)
	f.do("DELETE", first.location, "")
	require.Equal(t, 201, f.post("/whip/a", offertest.Offer(t, "chromium")).StatusCode)
}

// There are as many streams as there may be once their media flows; one more is refused, or ended when it began at the same time.
func TestStreamLimit(t *testing.T) {
	f := newFixture(t, Options{MaxStreams: 1})
	late := newPeer(t, peerOptions{})
	late.publish(f, "/whip/b")
	late.waitConnected()
	s := f.server.Sessions().Session(late.location)
	live(t, f, "a")
	resp := f.post("/whip/c", offertest.Offer(t, "chromium"))
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	f.requireProblem(resp, 503, "all the streams")
	late.keepSending()
	rtptest.Wait(t, s.Done(), "the end of the second")
	require.ErrorIs(t, s.Err(), session.ErrNoStream)
	require.Len(t, f.server.Sessions().Publishers(), 1)
}

// RFC 9725 §4.5: overload is 503 with Retry-After.
func TestLimits(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		paths   []string // the last one is refused
		status  int
	}{
		{"sessions", Options{MaxSessions: 2}, []string{"/whip/a", "/echo", "/echo"}, 503},
		{"sessions of an address", Options{MaxSessionsPerAddress: 2}, []string{"/whip/a", "/echo", "/whip/b"}, 429},
		{"requests", Options{RequestsPerSecond: 0.01}, []string{"/whip/a", "/whip/b"}, 429},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, tt.options)
			last := len(tt.paths) - 1
			for _, path := range tt.paths[:last] {
				resp := f.post(path, offertest.Offer(t, "chromium-sendrecv"))
				require.Equal(t, 201, resp.StatusCode, text(t, resp))
			}
			resp := f.post(tt.paths[last], offertest.Offer(t, "chromium-sendrecv"))
			require.NotEmpty(t, resp.Header.Get("Retry-After"))
			f.requireProblem(resp, tt.status, ".")
		})
	}
}

func TestOfferTooLong(t *testing.T) {
	f := newFixture(t, Options{MaxSDP: 4096})
	tooLong := offertest.Offer(t, "chromium") + strings.Repeat("a=x\r\n", 1000)
	f.requireProblem(f.post("/whip/a", tooLong), 413, "4096 bytes")
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(tooLong), tooLong)
	head := "POST /whip/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\n"
	f.requireProblem(f.raw(head+"Transfer-Encoding: chunked\r\n\r\n"+chunked), 413, "4096 bytes")
	f.requireProblem(f.raw(head+"Content-Length: 1000000000\r\n\r\n"), 413, "4096 bytes")
	f.requireNothingLeft()
}

// A client that does not send its body is cut off, also when the request is refused for something else.
func TestSlowBody(t *testing.T) {
	ts := defaultTimers()
	ts.body = 50 * time.Millisecond
	f := newFixtureWith(t, Options{}, ts)
	f.requireProblem(f.raw("POST /whip/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 100\r\n\r\nv=0"), 408, "50ms")
	f.requireProblem(f.raw("POST /whip/a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nv=0"), 415, "application/sdp")
	f.requireProblem(f.raw("POST /whip/- HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nv=0"), 400, "A stream's name is")
	f.requireNothingLeft()
}

// raw sends bytes and reads the answer to them.
func (f *fixture) raw(request string) *http.Response {
	f.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	require.NoError(f, err)
	require.NoError(f, conn.SetDeadline(time.Now().Add(rtptest.Patience)))
	f.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, request)
	require.NoError(f, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(f, err)
	f.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

type deadlineWriter struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (d *deadlineWriter) SetReadDeadline(t time.Time) error {
	d.deadlines = append(d.deadlines, t)
	return nil
}

// The deadline for the body must not outlast it: it would end the connection of an answered client.
func TestBodyDeadlineIsLifted(t *testing.T) {
	f := newFixture(t, Options{})
	w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest("POST", "/whip/a", strings.NewReader(offertest.Offer(t, "chromium")))
	r.SetPathValue("stream", "a")
	r.Header.Set("Content-Type", "application/sdp")
	f.server.WHIP().ServeHTTP(w, r)
	require.Equal(t, 201, w.Code)
	require.Len(t, w.deadlines, 2)
	require.False(t, w.deadlines[0].IsZero())
	require.True(t, w.deadlines[1].IsZero())
}

// A body that breaks off is the client's fault.
func TestBrokenBody(t *testing.T) {
	f := newFixture(t, Options{})
	resp := f.raw("POST /whip/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	require.Equal(t, 400, resp.StatusCode)
	f.requireNothingLeft()
}

// What cannot be served is refused before an answer, and freed.
func TestOnPublishError(t *testing.T) {
	var seen *session.Publisher
	f := newFixture(t, Options{OnPublish: func(p *session.Publisher) error {
		seen = p
		return errors.New("ffmpeg is not installed: apt install ffmpeg")
	}})
	resp := f.post("/whip/a", offertest.Offer(t, "chromium"))
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	f.requireProblem(resp, 503, "ffmpeg is not installed: apt install ffmpeg.")
	f.requireNothingLeft()
	rtptest.Wait(t, seen.Done(), "the end of the refused publisher")
	require.ErrorContains(t, seen.Err(), "ffmpeg")
}

func TestPublishers(t *testing.T) {
	f := newFixture(t, Options{})
	_, ok := f.server.Sessions().Publisher("b")
	require.False(t, ok)
	require.Equal(t, 201, f.post("/whip/b", offertest.Offer(t, "chromium")).StatusCode)
	p, ok := f.server.Sessions().Publisher("b")
	require.True(t, ok, "it is about to publish")
	require.Empty(t, f.server.Sessions().Publishers(), "it does not yet")
	require.Equal(t, session.StateConnecting, p.State())
	live(t, f, "b")
	live(t, f, "a")
	all := f.server.Sessions().Publishers()
	require.Equal(t, "a", all[0].Stream())
	require.Equal(t, "b", all[1].Stream())
	for _, p := range []*session.Publisher{p, all[1]} {
		require.NotEmpty(t, p.RemoteAddr())
		p.Dismiss("kicked")
		for range 2 { // while it ends, and afterwards
			f.requireProblem(f.do("PATCH", "/whip/"+p.Stream()+"/"+p.ID(), ""), 410, "operator has ended")
			rtptest.Wait(t, p.Done(), "the end")
		}
		require.EqualError(t, p.Err(), "kicked")
	}
	p = all[0]
	p.Close("its encoder has failed")
	rtptest.Wait(t, p.Done(), "the end")
	f.requireProblem(f.do("PATCH", "/whip/a/"+p.ID(), ""), 404, "no such session")
	_, ok = f.server.Sessions().Publisher("b")
	require.False(t, ok)
}
