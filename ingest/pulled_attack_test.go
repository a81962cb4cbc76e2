package ingest

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/pull"
	"github.com/sluice-live/sluice/ingest/session"
)

// alteredUpstream is an origin with something done to its answers.
type alteredUpstream struct {
	upstreamStream
	alter func(answer []byte, session string) []byte
}

func (u alteredUpstream) Offer(ctx context.Context, offer []byte) (answer []byte, session string, err error) {
	if answer, session, err = u.upstreamStream.Offer(ctx, offer); err == nil {
		answer = u.alter(answer, session)
	}
	return answer, session, err
}

func (u *upstream) altered(alter func(answer []byte, session string) []byte) func(*http.Request, string) pull.Origin {
	return func(_ *http.Request, stream string) pull.Origin {
		return alteredUpstream{upstreamStream{u, stream}, alter}
	}
}

// astray is an upstream whose offers and answers lead nowhere.
type astray struct {
	upstreamStream
	mislead func(description []byte) []byte
}

func (u astray) Offer(ctx context.Context, offer []byte) (answer []byte, session string, err error) {
	answer, session, err = u.upstreamStream.Offer(ctx, u.mislead(offer))
	return u.mislead(answer), session, err
}

// Where the media of an origin never comes, because something in between lets no UDP pass, viewers are not kept for ever.
func TestPullsThatNeverConnect(t *testing.T) {
	nowhere, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer nowhere.Close()
	_, port, err := net.SplitHostPort(nowhere.LocalAddr().String())
	require.NoError(t, err)
	candidate := regexp.MustCompile(`(a=candidate:\S+ 1 udp \d+) \S+ \d+ `)
	origin := newFixture(t, Options{})
	up := upstreamOf(origin)
	hasty := defaultTimers()
	hasty.pulled.Connect, hasty.pulled.Away = 3*time.Second, 4*time.Second
	mislead := func(description []byte) []byte {
		return candidate.ReplaceAll(description, []byte("$1 127.0.0.1 "+port+" "))
	}
	relay := newFixtureWith(t, Options{Origin: func(_ *http.Request, stream string) pull.Origin {
		return astray{upstreamStream{up, stream}, mislead}
	}}, hasty)
	onAir(t, origin, "cam", peerOptions{})
	viewer := newSpectator(t, relay, "cam", peerOptions{})
	sess := relay.server.sessions.Session(viewer.location)
	require.NotNil(t, sess)
	rtptest.Wait(t, sess.Done(), "the viewer's end")
	require.ErrorContains(t, sess.Err(), "ice.udp")
}

// An origin that takes each offer, and ends what comes of it at once, is not asked again and again without a pause.
func TestPullsThatDoNotLast(t *testing.T) {
	origin := newFixture(t, Options{})
	up := upstreamOf(origin)
	hasty := defaultTimers()
	hasty.pulled.Away = 2 * time.Second
	taken := make(chan *session.Session, 1000)
	relay := newFixtureWith(t, Options{Origin: up.altered(func(answer []byte, at string) []byte {
		taken <- origin.server.sessions.Session(at)
		return answer
	})}, hasty)
	onAir(t, origin, "cam", peerOptions{})
	began := time.Now()
	viewer := newSpectator(t, relay, "cam", peerOptions{})
	sess := relay.server.sessions.Session(viewer.location)
	require.NotNil(t, sess)
	var last *session.Publisher
	for ended := false; !ended; {
		select {
		case <-sess.Done():
			ended = true
		case from := <-taken:
			require.Eventually(t, func() bool {
				pulled, begun := relay.server.sessions.Publisher("cam")
				begun = begun && pulled != last && !pulled.Track(media.KindVideo).LastPacket().IsZero()
				if begun {
					last = pulled
				}
				return begun || from.Err() != nil
			}, rtptest.Patience, time.Millisecond)
			from.Close(session.ErrStreamEnded)
		}
	}
	require.ErrorContains(t, sess.Err(), "ice.udp")
	require.Less(t, up.offers.Load(), 12+int64(time.Since(began)/time.Second))
}

// Who watches sound need not be able to play the pictures that an origin would send if there were any, however late the sound comes, and is ended
// when some come.
func TestPulledSoundAlone(t *testing.T) {
	origin := newFixture(t, Options{})
	relay := newFixture(t, Options{Origin: upstreamOf(origin).of})
	studio := newPeer(t, peerOptions{}) // its camera is off
	studio.publish(origin, "/whip/cam")
	studio.waitConnected()
	camera := studio.video
	atPace(t, func(number int) {
		pulled, begun := relay.server.sessions.Publisher("cam")
		if begun && number%2 == 0 && time.Since(pulled.Started()) > showsPictures {
			_ = studio.audio.WriteRTP(rtptest.OpusPacket(uint16(number / 2)))
		}
	})
	viewer := newSpectator(t, relay, "cam", peerOptions{codec: webrtc.MimeTypeH264})
	rtptest.Wait(t, viewer.packets["audio"], "sound")
	sess := relay.server.sessions.Session(viewer.location)
	require.NotNil(t, sess)
	rtptest.Wait(t, viewer.reports, "a sender report")
	require.NoError(t, sess.Err())

	each := time.NewTicker(20 * time.Millisecond)
	defer each.Stop()
	for seq, ended := uint16(0), false; !ended; seq++ {
		select {
		case <-sess.Done():
			ended = true
		case <-each.C:
			require.NoError(t, camera.WriteRTP(rtptest.VP8Packet(seq, seq%50 == 0)))
		}
	}
	require.ErrorIs(t, sess.Err(), session.ErrCodecChanged)
}
