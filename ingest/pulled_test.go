package ingest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/pull"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

// upstream is a server that others pull from, and that may be another one after a while.
type upstream struct {
	url    atomic.Pointer[string]
	offers atomic.Int64 // that it was sent
	denies atomic.Int64 // status of what it answers; 0: it takes offers
}

func upstreamOf(f *fixture) *upstream {
	u := &upstream{}
	u.url.Store(&f.url)
	return u
}

// of is the Origin of a stream, for Options.
func (u *upstream) of(_ *http.Request, stream string) pull.Origin { return upstreamStream{u, stream} }

type upstreamStream struct {
	*upstream
	name string
}

func (u upstreamStream) do(ctx context.Context, method, path string, body []byte) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, *u.url.Load()+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", "application/sdp")
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response, answer, err
}

func (u upstreamStream) Offer(ctx context.Context, offer []byte) (answer []byte, session string, err error) {
	u.offers.Add(1)
	if status := u.denies.Load(); status != 0 {
		return nil, "", refusal.New(int(status), "It is not to be.")
	}
	response, answer, err := u.do(ctx, "POST", "/whep/"+u.name, offer)
	if err != nil {
		return nil, "", err
	}
	if response.StatusCode != http.StatusCreated {
		after, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return nil, "", refusal.New(response.StatusCode, "%s", answer).After(after)
	}
	return answer, response.Header.Get("Location"), nil
}

func (u upstreamStream) Lives(ctx context.Context, session string) (bool, error) {
	response, _, err := u.do(ctx, "GET", session, nil)
	return err == nil && response.StatusCode != http.StatusNotFound, err
}

func (u upstreamStream) Leave(ctx context.Context, session string) error {
	_, _, err := u.do(ctx, "DELETE", session, nil)
	return err
}

func (u upstreamStream) Address() string { return "origin.example.org:443" }

// onAir publishes a stream and sends it until the test ends.
func onAir(t testing.TB, f *fixture, stream string, o peerOptions) *peer {
	t.Helper()
	studio := newPeer(t, o)
	studio.publish(f, "/whip/"+stream)
	studio.waitConnected()
	studio.keepSending()
	return studio
}

// pictures takes so many packets of video in order, beginning with a key frame, and returns the last.
func (s *spectator) pictures(n int, before *rtp.Packet) *rtp.Packet {
	s.Helper()
	for i := range n {
		p := rtptest.Wait(s, s.packets["video"], "video")
		if before == nil {
			require.True(s, vp8.KeyFrameStarts(p.Payload), "the first picture must be one that needs no other")
		} else {
			require.Equal(s, before.SequenceNumber+1, p.SequenceNumber, i)
			require.Less(s, p.Timestamp-before.Timestamp, uint32(1<<31), "time goes on")
			require.Equal(s, before.SSRC, p.SSRC)
		}
		before = p
	}
	return before
}

// All viewers at a server of a server of the origin are fed by one connection to it, which ends with them.
func TestViewersOfPulledStreams(t *testing.T) {
	origin := newFixture(t, Options{})
	up := upstreamOf(origin)
	hasty := defaultTimers()
	hasty.pulled.Linger = 50 * time.Millisecond
	between := newFixtureWith(t, Options{Origin: up.of}, hasty)
	far := newFixtureWith(t, Options{Origin: upstreamOf(between).of}, hasty)
	early := far.post("/whep/cam", viewerOffer(t))
	require.Equal(t, "2", early.Header.Get("Retry-After"))
	require.Equal(t, http.StatusConflict, early.StatusCode)
	far.requireNothingLeft()

	onAir(t, origin, "cam", peerOptions{})
	offers := up.offers.Load()
	var viewers []*spectator
	for range 3 {
		viewers = append(viewers, newSpectator(t, far, "cam", peerOptions{}))
	}
	for _, v := range viewers {
		v.pictures(30, nil)
		require.Equal(t, rtptest.OpusPacket(0).Payload, rtptest.Wait(t, v.packets["audio"], "audio").Payload)
		rtptest.Wait(t, v.reports, "a sender report")
	}
	require.Equal(t, offers+1, up.offers.Load())
	require.Equal(t, 1, origin.server.Viewers().Count("cam").Viewers)
	require.Equal(t, 1, between.server.Viewers().Count("cam").Viewers)
	require.Equal(t, 3, far.server.Viewers().Count("cam").Viewers)
	require.Equal(t, 1, far.server.Pulled().Streams)
	for _, v := range viewers {
		require.Equal(t, http.StatusOK, far.do("DELETE", v.location, "").StatusCode)
	}
	require.Eventually(t, func() bool { return origin.server.Viewers().Count("cam") == (egress.Count{}) }, 2*time.Minute, 10*time.Millisecond)
	require.Zero(t, far.server.Pulled().Streams)
}

// Viewers outlive their origin: pictures go on in the same stream once it is back.
func TestViewersOutliveTheirOrigin(t *testing.T) {
	origin := newFixture(t, Options{})
	up := upstreamOf(origin)
	relay := newFixture(t, Options{Origin: up.of})
	onAir(t, origin, "cam", peerOptions{})
	viewer := newSpectator(t, relay, "cam", peerOptions{})
	last := viewer.pictures(30, nil)
	sess := relay.server.sessions.Session(viewer.location)
	require.NotNil(t, sess)
	pulled := publishedBy(t, relay, "cam")

	origin.stop()
	rtptest.Wait(t, pulled.Done(), "the end of the connection")
	next := newFixture(t, Options{})
	up.url.Store(&next.url)
	onAir(t, next, "cam", peerOptions{})
	for len(viewer.packets["video"]) > 0 { // what was under way
		last = <-viewer.packets["video"]
	}
	viewer.pictures(30, last)
	require.Eventually(t, func() bool { return relay.server.Pulled().Resumed == 1 }, rtptest.Patience, 5*time.Millisecond)
	require.NoError(t, sess.Err())
}

// Viewers end as those of the origin do when nobody publishes the stream any more.
func TestViewersEndWithPulledStreams(t *testing.T) {
	origin := newFixture(t, Options{})
	relay := newFixture(t, Options{Origin: upstreamOf(origin).of, ViewerLinger: time.Millisecond})
	studio := onAir(t, origin, "cam", peerOptions{})
	viewer := newSpectator(t, relay, "cam", peerOptions{})
	viewer.pictures(1, nil)
	sess := relay.server.sessions.Session(viewer.location)
	require.NotNil(t, sess)
	require.Equal(t, http.StatusOK, origin.do("DELETE", studio.location, "").StatusCode)
	origin.server.Viewers().End("cam", session.ErrStreamEnded) // as after its own time for that
	rtptest.Wait(t, sess.Done(), "the viewer's end")
	require.ErrorIs(t, sess.Err(), session.ErrStreamEnded)
	require.Eventually(t, func() bool { return relay.server.Sessions().Empty() && relay.server.Viewers().Empty() }, 2*time.Minute, 10*time.Millisecond)
}

// Viewers end when the origin lets nobody watch any more.
func TestViewersEndWithTheRightToPull(t *testing.T) {
	origin := newFixture(t, Options{})
	up := upstreamOf(origin)
	relay := newFixture(t, Options{Origin: up.of})
	onAir(t, origin, "cam", peerOptions{})
	viewer := newSpectator(t, relay, "cam", peerOptions{})
	viewer.pictures(1, nil)
	sess := relay.server.sessions.Session(viewer.location)
	up.denies.Store(http.StatusForbidden)
	origin.server.Viewers().End("cam", session.ErrStreamEnded)
	rtptest.Wait(t, sess.Done(), "the viewer's end")
	require.ErrorIs(t, sess.Err(), session.ErrNoRight)
	require.Equal(t, http.StatusForbidden, relay.post("/whep/cam", viewerOffer(t)).StatusCode)
}

// A relay that asks for all who watch there is neither a viewer nor bounded as one client is.
func TestSharedViewers(t *testing.T) {
	f := newFixture(t, Options{MaxSessionsPerAddress: 1, MaxConnectingPerAddress: 1, RequestsPerSecond: 0.2})
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/cam")
	for range 3 {
		request := httptest.NewRequest("POST", "/whep/cam", strings.NewReader(viewerOffer(t)))
		request.Header.Set("Content-Type", "application/sdp")
		request.SetPathValue("stream", "cam")
		answer := httptest.NewRecorder()
		f.server.WHEP().ServeHTTP(answer, session.By(request, session.Right{Shared: true}))
		require.Equal(t, http.StatusCreated, answer.Code, answer.Body)
	}
	require.Zero(t, f.server.Viewers().Count("cam").Viewers)
}

// Messages of a stream are carried both ways.
func TestMessagesOfPulledStreams(t *testing.T) {
	origin := newFixture(t, Options{})
	relay := newFixture(t, Options{Origin: upstreamOf(origin).of})
	studio := newPeer(t, peerOptions{})
	publisher := studio.open(channel.Label, nil)
	studio.publish(origin, "/whip/cam")
	studio.waitConnected()
	studio.keepSending()
	publisher.waitOpen()
	viewer := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly})
	talk := viewer.open(channel.Label, nil)
	viewer.publish(relay, "/whep/cam")
	talk.waitOpen()
	for talk.await(signal.Stream).State != "live" {
	}
	said, stop := make(chan struct{}), time.NewTicker(100*time.Millisecond)
	defer stop.Stop()
	go func() {
		defer close(said)
		for e := (signal.Event{}); e.Text != "hello"; {
			e = publisher.await(signal.Message)
		}
	}()
	for heard := false; !heard; { // until the channel between both is open
		talk.say(signal.Event{Kind: signal.Message, Text: "hello"})
		select {
		case <-said:
			heard = true
		case <-stop.C:
		}
	}
	publisher.say(signal.Event{Kind: signal.Message, Text: "welcome"})
	answer := talk.await(signal.Message)
	require.Equal(t, "welcome", answer.Text)
	require.NotEmpty(t, answer.From)
}

func publishedBy(t testing.TB, f *fixture, stream string) *session.Publisher {
	t.Helper()
	p, live := f.server.sessions.Publisher(stream)
	require.True(t, live)
	return p
}

// A stream comes as it is, in every codec, and with one medium alone.
func TestPulledFormats(t *testing.T) {
	for _, mime := range []string{webrtc.MimeTypeVP9, webrtc.MimeTypeH264, webrtc.MimeTypeAV1, ""} {
		t.Run("codec "+mime, func(t *testing.T) {
			origin := newFixture(t, Options{})
			relay := newFixture(t, Options{Origin: upstreamOf(origin).of})
			studio := newPeer(t, peerOptions{codec: mime, audioOnly: mime == ""})
			studio.publish(origin, "/whip/cam")
			viewer := newSpectator(t, relay, "cam", peerOptions{codec: mime, audioOnly: mime == ""})
			pulled := publishedBy(t, relay, "cam")
			require.Equal(t, "audio/opus", pulled.Track(media.KindAudio).MimeType())
			if mime == "" {
				studio.keepSending()
				rtptest.Wait(t, viewer.packets["audio"], "sound")
				return
			}
			require.Equal(t, mime, pulled.Track(media.KindVideo).MimeType())
			own := publishedBy(t, origin, "cam").Track(media.KindVideo).Format()
			_, plays := own.PlaysAs(pulled.Track(media.KindVideo).Format())
			require.True(t, plays)
		})
	}
}

// Where some streams are our own and others are pulled, each is had from where it is; who publishes here what was pulled takes its viewers over. The
// addresses of sessions say whose they are.
func TestPulledBesideOwn(t *testing.T) {
	origin := newFixture(t, Options{})
	up := upstreamOf(origin)
	hasty := defaultTimers()
	hasty.pulled.Linger = 50 * time.Millisecond
	var moved atomic.Bool
	f := newFixtureWith(t, Options{Beside: true, SessionPrefix: "n2.", Origin: func(r *http.Request, stream string) pull.Origin {
		if stream != "theirs" || moved.Load() {
			return nil
		}
		return up.of(r, stream)
	}}, hasty)
	onAir(t, origin, "theirs", peerOptions{})
	ours := onAir(t, f, "ours", peerOptions{})
	require.Contains(t, ours.location, "/whip/ours/n2.")
	own, pulled := newSpectator(t, f, "ours", peerOptions{}), newSpectator(t, f, "theirs", peerOptions{})
	own.pictures(10, nil)
	last := pulled.pictures(10, nil)
	require.EqualValues(t, 1, up.offers.Load())

	moved.Store(true)
	onAir(t, f, "theirs", peerOptions{})
	require.Eventually(t, func() bool { return f.server.Pulled().Streams == 0 }, time.Minute, 10*time.Millisecond)
	pulled.pictures(100, last)
	require.Equal(t, 1, f.server.Viewers().Count("theirs").Viewers)
	newSpectator(t, f, "theirs", peerOptions{}).pictures(10, nil)
	require.EqualValues(t, 1, up.offers.Load())
}
