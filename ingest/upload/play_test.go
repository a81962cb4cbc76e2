package upload

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/webmtest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
)

// passed is a packet as a subscriber gets it.
type passed struct {
	at        time.Duration // since the beginning
	timeStamp uint32
	payload   []byte
}

// stage plays uploads in a bubble, where time costs nothing.
type stage struct {
	*upload
	began time.Time

	mu  sync.Mutex
	got map[media.Kind][]passed
}

type listener struct {
	stage *stage
	kind  media.Kind
}

func (l listener) Deliver(p *media.Packet) {
	l.stage.mu.Lock()
	defer l.stage.mu.Unlock()
	if p.Report == nil {
		l.stage.got[l.kind] = append(l.stage.got[l.kind], passed{time.Since(l.stage.began), p.RTP.Timestamp, bytes.Clone(p.RTP.Payload)})
	}
}

func (listener) End() {}

// play plays what write writes, at the times when it does, and returns the error with which that ends.
func play(t *testing.T, write func(put func([]byte))) (s *stage, err error) {
	t.Helper()
	followed := session.NewRegistry(session.Limits{Streams: 1, Sessions: 1, PerAddress: 1, Connecting: 1, Logger: slog.New(slog.DiscardHandler)}, nobody{})
	s = &stage{began: time.Now(), got: map[media.Kind][]passed{}}
	us := NewUploads(Config{Sessions: followed, Packets: media.NewPacketPool(), Logger: slog.New(slog.DiscardHandler), Connect: time.Minute, OnPublish: func(p *session.Publisher) error {
		for _, track := range p.Tracks() {
			track.Subscribe(listener{s, track.Kind()})
		}
		return nil
	}})
	u, refused := us.newUpload(httptest.NewRequest(http.MethodPost, "/upload/cam", nil), "cam")
	require.Nil(t, refused)
	s.upload = u
	u.play()
	write(func(b []byte) {
		if err := u.pipe.writeWhenFree(b); err != nil {
			require.ErrorIs(t, err, errInterrupted)
		}
	})
	u.pipe.close(io.EOF)
	err = u.result()
	followed.Stop()
	followed.Wait()
	require.Zero(t, us.Held())
	if errors.Is(err, ErrUploaded) {
		err = nil
	}
	return s, err
}

type nobody struct{}

func (nobody) Published(string, []*media.Track) {}
func (nobody) Unpublished(string)               {}

// requireSound checks that so many packets of sound have come, of 20 ms each.
func (s *stage) requireSound(t *testing.T, count int) {
	t.Helper()
	sounds := s.got[media.KindAudio]
	require.Len(t, sounds, count)
	for i := 1; i < count; i++ {
		require.EqualValues(t, 960, sounds[i].timeStamp-sounds[i-1].timeStamp, "packet %d", i)
	}
}

// A pause that the recorder does not count costs nothing but itself: all that was recorded is passed on at once.
func TestUploadGoesOnAfterPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &webmtest.Recorder{}
		const pause = 8 * time.Second
		s, err := play(t, func(put func([]byte)) {
			put(r.Head())
			for i := range 40 {
				if i == 20 {
					time.Sleep(pause)
				}
				put(r.Cluster())
				time.Sleep(200 * time.Millisecond)
			}
		})
		require.NoError(t, err)
		pictures := s.got[media.KindVideo]
		require.Len(t, pictures, 400)
		require.Zero(t, s.session.LateFrames.Load())
		for i, p := range pictures {
			want := time.Duration(i) * 20 * time.Millisecond
			if i >= 200 {
				want += pause
			}
			require.InDelta(t, want, p.at, float64(time.Millisecond), "picture %d", i)
			require.InDelta(t, want.Seconds(), float64(p.timeStamp-pictures[0].timeStamp)/90000, 0.001, "picture %d", i)
		}
	})
}

// element names of WebM that tests write.
const (
	elementCluster   = 0x1F43B675
	elementTimestamp = 0xE7
	elementBlock     = 0xA3
	elementTracks    = 0x1654AE6B
	elementEntry     = 0xAE
)

// clusterOf is a cluster at a time in ms with blocks.
func clusterOf(at uint32, blocks ...[]byte) []byte {
	return webmtest.EBML(elementCluster, append([][]byte{webmtest.EBML(elementTimestamp, binary.BigEndian.AppendUint32(nil, at))}, blocks...)...)
}

func blockOf(track byte, at int, flags byte, data ...[]byte) []byte {
	return webmtest.EBML(elementBlock, append([][]byte{{0x80 | track, byte(at >> 8), byte(at), flags}}, data...)...)
}

// Sound that is laced is passed on like any other.
func TestUploadOfLacedSound(t *testing.T) {
	packet := []byte{0xf8, 0xff, 0xfe}
	three := bytes.Repeat(packet, 3)
	for name, lacing := range map[string]struct {
		flags byte
		sizes []byte
	}{"Xiph": {0x02, []byte{2, 3, 3}}, "fixed": {0x04, []byte{2}}, "EBML": {0x06, []byte{2, 0x83, 0xBF}}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := play(t, func(put func([]byte)) {
					put((&webmtest.Recorder{}).Head())
					for i := range 50 {
						put(clusterOf(uint32(i*60), blockOf(2, 0, lacing.flags, lacing.sizes, three)))
					}
				})
				require.NoError(t, err)
				s.requireSound(t, 150)
				require.Zero(t, s.session.DamagedFrames.Load())
			})
		})
	}
}

// Blocks that hold nothing, and frames that are not what they should be, are passed over and counted.
func TestUploadOfDamagedFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &webmtest.Recorder{}
		s, err := play(t, func(put func([]byte)) {
			put(r.Head())
			for i := range 10 {
				put(append(r.Cluster(), blockOf(1+byte(i)%2, 190, 0)...))
			}
			put(blockOf(2, 195, 0, make([]byte, 1275+2)))
		})
		require.NoError(t, err)
		require.Len(t, s.got[media.KindVideo], 100)
		s.requireSound(t, 100)
		require.EqualValues(t, 11, s.session.DamagedFrames.Load())
	})
}

// Of each kind the first track that we know is taken.
func TestUploadOfManyTracks(t *testing.T) {
	track := func(number, kind byte, codec string) []byte {
		return webmtest.EBML(elementEntry, webmtest.EBML(0xD7, []byte{number}), webmtest.EBML(0x83, []byte{kind}), webmtest.EBML(0x86, []byte(codec)))
	}
	head := func(entries ...[]byte) []byte {
		whole := (&webmtest.Recorder{}).Head()
		return append(whole[:bytes.Index(whole, []byte{0x16, 0x54, 0xAE, 0x6B})], webmtest.EBML(elementTracks, entries...)...)
	}
	encrypted := webmtest.EBML(elementEntry, webmtest.EBML(0xD7, []byte{7}), webmtest.EBML(0x83, []byte{2}), webmtest.EBML(0x86, []byte("A_OPUS")), webmtest.EBML(0x6D80, make([]byte, 3)))
	for name, c := range map[string]struct {
		head            []byte
		pictures, sound int
	}{
		"Vorbis too":         {head(track(1, 1, "V_VP8"), track(3, 2, "A_VORBIS"), track(2, 2, "A_OPUS")), 10, 10},
		"Vorbis last":        {head(track(1, 1, "V_VP8"), track(2, 2, "A_OPUS"), track(3, 2, "A_VORBIS")), 10, 10},
		"Vorbis alone":       {head(track(1, 1, "V_VP8"), track(2, 2, "A_VORBIS")), 10, 0},
		"Theora":             {head(track(1, 1, "V_THEORA"), track(2, 2, "A_OPUS")), 0, 10},
		"encrypted first":    {head(encrypted, track(1, 1, "V_VP8"), track(2, 2, "A_OPUS")), 10, 10},
		"two of each":        {head(track(1, 1, "V_VP8"), track(2, 2, "A_OPUS"), track(4, 1, "V_VP9"), track(5, 2, "A_OPUS")), 10, 10},
		"subtitles":          {head(track(9, 17, "S_TEXT/WEBVTT"), track(1, 1, "V_VP8"), track(2, 2, "A_OPUS")), 10, 10},
		"none that is known": {head(track(1, 1, "V_THEORA"), track(2, 2, "A_FLAC")), -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := play(t, func(put func([]byte)) {
					put(c.head)
					put(append((&webmtest.Recorder{}).Cluster(), blockOf(3, 199, 0, []byte("vorbis"))...))
				})
				if c.pictures < 0 {
					require.ErrorContains(t, err, "V_THEORA: record VP8")
					return
				}
				require.NoError(t, err)
				require.Equal(t, name != "subtitles", len(s.session.Ignored()) > 0)
				require.Len(t, s.got[media.KindVideo], c.pictures)
				require.Len(t, s.got[media.KindAudio], c.sound)
			})
		})
	}
}
