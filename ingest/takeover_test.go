package ingest

import (
	"errors"
	"net/http"
	"path"
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// live makes a publisher whose media flows.
func live(t *testing.T, f *fixture, stream string) (*peer, *session.Publisher) {
	t.Helper()
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/"+stream)
	studio.waitConnected()
	studio.keepSending()
	p := published(t, f, stream, studio.location)
	takeFrom(t, p.Tracks()[0].Tap(64), 1)
	return studio, p
}

// published waits until the session of a path publishes the stream.
func published(t *testing.T, f *fixture, stream, location string) (p *session.Publisher) {
	t.Helper()
	require.Eventually(t, func() bool {
		p, _ = f.server.Sessions().Publisher(stream)
		return p != nil && p.ID() == path.Base(location)
	}, rtptest.Patience, time.Millisecond)
	rtptest.Wait(t, p.Begun(), "the first packet")
	return p
}

// A newer publisher takes over with its first packet: the older one's session ends and its client learns why, the viewer goes on.
func TestTakeover(t *testing.T) {
	f := newFixture(t, Options{MaxSessions: 1, MaxStreams: 1})
	first, old := live(t, f, "cam")
	viewer := newSpectator(t, f, "cam", peerOptions{})
	last := rtptest.Wait(t, viewer.packets["video"], "video")
	var second *peer
	now := old
	for range 3 {
		before := now
		second, now = live(t, f, "cam")
		rtptest.Wait(t, before.Done(), "the end of the one before")
		require.ErrorIs(t, before.Err(), session.ErrTakenOver)
	}
	require.Equal(t, []*session.Publisher{now}, f.server.Sessions().Publishers())
	for _, method := range []string{"PATCH", "GET", "DELETE"} {
		f.requireProblem(f.do(method, first.location, ""), 410, "taken over")
	}
	for len(viewer.packets["video"]) > 0 || now.Stats().Tracks[1].Packets < 20 { // until it has got what is new
		p := rtptest.Wait(t, viewer.packets["video"], "video")
		require.Equal(t, last.SequenceNumber+1, p.SequenceNumber)
		last = p
	}
	require.Equal(t, 1, f.server.Viewers().Count("cam").Viewers)
	require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
	require.Equal(t, 200, f.do("DELETE", second.location, "").StatusCode)
	f.requireProblem(f.do("PATCH", first.location, ""), 404, "no such session")
	f.requireNothingLeft()
}

// Where that is refused, it is only as long as the first one's media flows.
func TestTakeoverRefused(t *testing.T) {
	f := newFixture(t, Options{RefuseTakeover: true})
	first, old := live(t, f, "cam")
	resp := f.post("/whip/cam", offertest.Offer(t, "chromium"))
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
	f.requireProblem(resp, 409, `"cam"`)
	require.NoError(t, old.Err())
	first.vanish()
	again, deadline := time.NewTicker(50*time.Millisecond), time.Now().Add(rtptest.Patience)
	defer again.Stop()
	status := http.StatusConflict
	for ; status == http.StatusConflict && time.Now().Before(deadline); <-again.C {
		status = f.post("/whip/cam", offertest.Offer(t, "chromium")).StatusCode
	}
	require.Equal(t, http.StatusCreated, status)
	live(t, f, "cam")
	rtptest.Wait(t, old.Done(), "the end of the silent one")
	require.ErrorIs(t, old.Err(), session.ErrTakenOver, "long before consent expires")
}

// Of two that begin at the same time where takeovers are refused, one does.
func TestSecondOfTwoIsRefused(t *testing.T) {
	f := newFixture(t, Options{RefuseTakeover: true})
	first, second := newPeer(t, peerOptions{}), newPeer(t, peerOptions{})
	for _, studio := range []*peer{first, second} {
		studio.publish(f, "/whip/cam")
		studio.waitConnected()
	}
	late := f.server.Sessions().Session(second.location)
	first.keepSending()
	p := published(t, f, "cam", first.location)
	second.keepSending()
	rtptest.Wait(t, late.Done(), "the end of the second")
	require.ErrorIs(t, late.Err(), session.ErrTaken)
	require.NoError(t, p.Err())
}

// Offers that never connect take nothing from who is there, keep nobody else away, are few at a time and end soon.
func TestOffersTakeNothing(t *testing.T) {
	const few = 3
	ts := defaultTimers()
	ts.connect = 6 * time.Second
	f := newFixtureWith(t, Options{MaxConnectingPerAddress: few}, ts)
	_, old := live(t, f, "cam")
	viewer := newSpectator(t, f, "cam", peerOptions{})
	viewer.waitConnected()
	watched := func() {
		rtptest.Wait(t, viewer.packets["video"], "video")
	}
	watched()
	var offered []*session.Session
	for range few {
		resp := f.post("/whip/cam", offertest.Offer(t, "chromium"))
		require.Equal(t, http.StatusCreated, resp.StatusCode, text(t, resp))
		offered = append(offered, f.server.Sessions().Session(resp.Header.Get("Location")))
	}
	for _, path := range []string{"/whip/cam", "/whip/other", "/echo"} {
		resp := f.post(path, offertest.Offer(t, "chromium-sendrecv"))
		require.NotEmpty(t, resp.Header.Get("Retry-After"))
		f.requireProblem(resp, http.StatusTooManyRequests, "do not connect (3)")
	}
	p, _ := f.server.Sessions().Publisher("cam")
	require.Same(t, old, p)
	for _, s := range offered {
		rtptest.Wait(t, s.Done(), "the end of an offer")
		require.ErrorIs(t, s.Err(), session.ErrTimedOut)
	}
	require.NoError(t, old.Err())
	watched()
	_, now := live(t, f, "cam")
	require.NotSame(t, old, now)
	rtptest.Wait(t, old.Done(), "the end of the first")
	require.ErrorIs(t, old.Err(), session.ErrTakenOver)
}

// A newcomer that cannot be served takes nothing from who is there.
func TestTakeoverFails(t *testing.T) {
	busy := false
	f := newFixture(t, Options{OnPublish: func(*session.Publisher) error {
		if busy {
			return errors.New("the disk is full")
		}
		return nil
	}})
	_, old := live(t, f, "cam")
	busy = true
	f.requireProblem(f.post("/whip/cam", offertest.Offer(t, "chromium")), 503, "the disk is full")
	require.NoError(t, old.Err())
	require.Equal(t, []*session.Publisher{old}, f.server.Sessions().Publishers())
	old.Close("kicked")
	rtptest.Wait(t, old.Done(), "the end")
	f.requireNothingLeft()
}
