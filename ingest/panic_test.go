package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/public/panics"
)

// faulty is a subscriber that fails of the first packet.
type faulty struct{}

func (faulty) Deliver(*media.Packet) { panic("a packet like no other") }
func (faulty) End()                  {}

// A panic in what reads one session ends that, with an error; another publisher and its viewer go on.
func TestPanicEndsOneSession(t *testing.T) {
	f := newFixture(t, Options{})
	_, good := live(t, f, "good")
	_, bad := live(t, f, "bad")
	viewer := newSpectator(t, f, "good", peerOptions{})
	rtptest.Wait(t, viewer.packets["video"], "video")
	before := panics.Count()
	bad.Tracks()[1].Subscribe(faulty{})
	rtptest.Wait(t, bad.Done(), "the end of the session")
	fault := &panics.Error{}
	require.ErrorAs(t, bad.Err(), &fault)
	require.Equal(t, "a packet like no other", fault.Value)
	require.Greater(t, panics.Count(), before)
	require.NoError(t, good.Err())
	for len(viewer.packets["video"]) > 0 {
		<-viewer.packets["video"]
	}
	rtptest.Wait(t, viewer.packets["video"], "video")
	live(t, f, "bad")
}
