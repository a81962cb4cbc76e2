package ingest

import (
	"errors"
	"net/http"
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
	p, ok := f.server.Sessions().Publisher(stream)
	require.True(t, ok)
	takeFrom(t, p.Tracks()[0].Tap(64), 1)
	return studio, p
}

// A newer publisher takes over at once: the older one's session ends and its client learns why, the viewer goes on.
func TestTakeover(t *testing.T) {
	f := newFixture(t, Options{MaxSessions: 1, MaxStreams: 1})
	first, old := live(t, f, "cam")
	viewer := newSpectator(t, f, "cam", peerOptions{})
	last := rtptest.Wait(t, viewer.packets["video"], "video")
	var second *peer
	var now *session.Publisher
	for range 3 {
		second, now = live(t, f, "cam")
	}
	rtptest.Wait(t, old.Done(), "the end of the first")
	require.ErrorIs(t, old.Err(), session.ErrTakenOver)
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
	rtptest.Wait(t, old.Done(), "the end of the silent one")
	require.ErrorIs(t, old.Err(), session.ErrTakenOver, "long before consent expires")
}

// A newcomer that cannot be served takes nothing from who is there, and two cannot come at the same time.
func TestTakeoverFails(t *testing.T) {
	var f *fixture
	busy := false
	f = newFixture(t, Options{OnPublish: func(*session.Publisher) error {
		if !busy {
			return nil
		}
		f.requireProblem(f.post("/whip/cam", offertest.Offer(t, "chromium")), 409, "just beginning")
		return errors.New("the disk is full")
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
