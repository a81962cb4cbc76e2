package frames

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
)

// microphone publishes audio alone, as if from WebRTC.
func microphone(t *testing.T, f *Frames) (track *media.Track, end func()) {
	t.Helper()
	at := session.NewReservation(httptest.NewRequest(http.MethodPost, "/whip/mic", nil), session.KindPublisher, "mic")
	require.Nil(t, f.config.Sessions.Reserve(at))
	sess := session.NewDetached(at, time.Minute)
	track = media.NewTrack(media.KindAudio, media.Format{}, f.config.Packets)
	sess.Adopt(track)
	f.config.Sessions.Start(sess)
	sess.Connect()
	f.config.Sessions.Announce(session.NewPublisher(sess))
	return track, func() {
		sess.Close(session.ErrStopping)
		<-sess.Done()
	}
}

// speak pushes a packet.
func speak(track *media.Track, number int, word string) {
	p := track.NewPacket()
	p.Fill(rtp.Header{Version: 2, SSRC: 7, SequenceNumber: uint16(number), Timestamp: uint32(number) * 960}, time.Now(), []byte(word))
	track.Push(p)
	p.Release()
}

// listen returns the next packet of a tap.
func listen(t *testing.T, tap *media.Tap) (payload string, timeStamp uint32) {
	t.Helper()
	for {
		if p, ok := tap.Next(); ok {
			defer p.Release()
			if p.Report != nil {
				continue
			}
			return string(p.RTP.Payload), p.RTP.Timestamp
		}
		select {
		case <-tap.Ready():
		case <-time.After(2 * time.Minute):
			require.FailNow(t, "no sound")
		}
	}
}

// TestSoundOfAnotherStream passes on what a microphone sends, in its own distances, and another one's that comes after it.
func TestSoundOfAnotherStream(t *testing.T) {
	f := newFrames(t, &bench{})
	published := make(chan *session.Publisher, 1)
	f.config.OnPublish = func(p *session.Publisher) error {
		published <- p
		return nil
	}
	require.Equal(t, http.StatusOK, post(f, "?audio=mic", "image/png", asPNG(t, gray(32, 32, 9)), "").Code)
	track := (<-published).Track(media.KindAudio)
	require.NotNil(t, track, "the track is there before the microphone")
	tap := track.Tap(16)
	defer tap.Close()
	var last uint32
	for _, word := range []string{"one", "two"} {
		mic, end := microphone(t, f)
		heard := make(chan struct{})
		go func() { // until the stream has found it
			again := time.NewTicker(10 * time.Millisecond)
			defer again.Stop()
			for number := 0; ; number++ {
				select {
				case <-heard:
					return
				case <-again.C:
					speak(mic, number, word)
				}
			}
		}()
		got, at := listen(t, tap)
		for got != word {
			got, at = listen(t, tap)
		}
		_, next := listen(t, tap)
		require.EqualValues(t, 0, (next-at)%960, "packets keep their distance")
		require.Greater(t, int32(next-at), int32(0))
		require.True(t, last == 0 || int32(at-last) > 0, "time goes on")
		last = next
		close(heard)
		end()
	}
}

// TestSoundIsAsked refuses what is no other stream.
func TestSoundIsAsked(t *testing.T) {
	f := newFrames(t, &bench{})
	for _, of := range []string{"cam", "a%20b", "-"} {
		w := post(f, "?audio="+of, "image/png", asPNG(t, gray(32, 32, 9)), "")
		require.Equal(t, http.StatusBadRequest, w.Code, of)
		require.Contains(t, w.Body.String(), "audio is the name of another stream")
	}
}

// TestSoundKeepsTime leaves out what is late, begins anew where the time stamps jump, and says how they relate to the clock.
func TestSoundKeepsTime(t *testing.T) {
	track := media.NewRecordedTrack(media.KindAudio, media.Format{}, media.NewPacketPool())
	tap := track.Tap(16)
	defer tap.Close()
	begun := time.Now()
	o := &sound{begun: begun, out: media.NewPacketizer(track)}
	send := func(timeStamp uint32, after time.Duration) {
		p := track.NewPacket()
		p.Fill(rtp.Header{Version: 2, Timestamp: timeStamp}, begun.Add(after), []byte("x"))
		o.pass(p)
		p.Release()
	}
	send(5000, 100*time.Millisecond)
	send(5960, 135*time.Millisecond)
	require.Equal(t, 120*time.Millisecond, o.at, "20 ms later, whenever it came")
	send(5000, 140*time.Millisecond)
	require.Equal(t, 120*time.Millisecond, o.at, "late")
	send(900_000, 200*time.Millisecond)
	require.Equal(t, 200*time.Millisecond, o.at, "another clock")
	send(900_960, 220*time.Millisecond)
	require.Equal(t, 220*time.Millisecond, o.at)
	_, reported := track.LastReport()
	require.False(t, reported.IsZero())
}
