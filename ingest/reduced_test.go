package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/transformed"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reducer makes pictures of its own, 50 a second and 80 kbit/s, in the place of those that an encoder would make.
type reducer struct {
	begun, ended chan transformed.Reduction
	fail         chan error
}

func newReducer() *reducer {
	return &reducer{begun: make(chan transformed.Reduction, 16), ended: make(chan transformed.Reduction, 16), fail: make(chan error)}
}

func (r *reducer) reduce(ctx context.Context, video *media.Track, to transformed.Reduction, out *transformed.Output) error {
	r.begun <- to
	defer func() { r.ended <- to }()
	tap := video.Tap(512)
	defer tap.Close()
	for number := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case err := <-r.fail:
			return err
		case <-tap.Ready():
		}
		for p, ok := tap.Next(); ok; p, ok = tap.Next() {
			if p.Report == nil && p.RTP.Marker {
				number++
				r.picture(number, p.RTP.Timestamp, out)
			}
			p.Release()
		}
	}
}

func (*reducer) picture(number int, timestamp uint32, out *transformed.Output) {
	if number%2 == 1 {
		return
	}
	mark := bytes.Clone(transformedMark)
	if number%100 != 0 {
		mark[0] |= 1 // no key frame (RFC 6386 §9.1)
	}
	out.Send(timestamp, append(mark, make([]byte, 180)...))
}

func isReduced(payload []byte) bool {
	frame := withoutDescriptor(payload)
	return len(frame) == len(transformedMark)+180 && bytes.Equal(frame[1:len(transformedMark)], transformedMark[1:])
}

// filmWhole publishes sound and 1.6 Mbit/s of pictures, a key frame each second, until the end of the test.
func filmWhole(t *testing.T, f *fixture) *peer {
	t.Helper()
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	sequence := uint16(0)
	atPace(t, func(number int) {
		_ = studio.audio.WriteRTP(rtptest.OpusPacket(uint16(number)))
		for i := range 2 {
			p := rtptest.VP8Packet(sequence, number%100 == 0 && i == 0)
			p.Timestamp, p.Marker = uint32(number)*900, i == 1
			p.Payload = append(p.Payload, make([]byte, 1000)...)
			_ = studio.video.WriteRTP(p)
			sequence++
		}
	})
	return studio
}

// until waits until a viewer gets the video at the lower bit rate or not, which begins with a key frame.
func (s *spectator) until(t *testing.T, reduced bool) {
	t.Helper()
	before := !reduced
	for number, known := uint16(0), false; ; known = true {
		p := rtptest.Wait(t, s.packets["video"], "the other encoding")
		is := isReduced(p.Payload)
		if known && is != before && p.SequenceNumber == number+1 {
			require.True(t, vp8.KeyFrameStarts(p.Payload), "another encoding begins with a key frame")
		}
		if number, before = p.SequenceNumber, is; is == reduced {
			return
		}
	}
}

// Who watches a publisher of one layer over a network that is too slow gets that at a lower bit rate, from one encoder for all, and the whole again
// once there is room; sound goes on. The encoder ends after the last of them.
func TestReducedViewers(t *testing.T) {
	r, ts := newReducer(), defaultTimers()
	ts.reduced = time.Millisecond
	f := newFixtureWith(t, Options{Reduce: r.reduce, MaxReduced: 1}, ts)
	studio := filmWhole(t, f)
	slow := &slowLink{packets: 60}
	viewer, other := newSpectator(t, f, "cam", peerOptions{wrap: slow.wrap}), newSpectator(t, f, "cam", peerOptions{})
	viewer.waitConnected()
	viewer.until(t, false)
	slow.bitrate.Store(300_000)
	viewer.until(t, true)
	to := rtptest.Wait(t, r.begun, "the encoder")
	require.Equal(t, 300_000, to.Bitrate)
	require.Equal(t, 360, to.Side)
	eventually(t, func() bool {
		return slices.ContainsFunc(f.server.Sessions().Infos(), func(i session.Info) bool { return i.Bandwidth != nil && i.Bandwidth.Layer == media.ReducedName })
	})
	heard := rtptest.Wait(t, viewer.packets["audio"], "sound").SequenceNumber
	for whole := 0; whole < 25; whole++ { // between what is lost as the network becomes slow, and what probes of it have it lose
		next := rtptest.Wait(t, viewer.packets["audio"], "sound without a gap").SequenceNumber
		if next != heard+1 {
			whole = 0
		}
		heard = next
	}
	require.Equal(t, 200, f.do("POST", other.location+"/layer", `{"encodingId": "small"}`, "Content-Type", "application/json").StatusCode)
	other.until(t, true)
	require.Equal(t, 1, f.server.Reductions().Stats().Encoders, "there is one for both")
	require.Equal(t, 200, f.do("POST", other.location+"/layer", `{"encodingId": "source"}`, "Content-Type", "application/json").StatusCode)
	other.until(t, false)
	slow.bitrate.Store(0)
	viewer.until(t, false)
	rtptest.Wait(t, r.ended, "the end of the encoder")
	eventually(t, func() bool { return f.server.Reductions().Stats().Encoders == 0 })

	require.Equal(t, 200, f.do("POST", other.location+"/layer", `{"encodingId": "small"}`, "Content-Type", "application/json").StatusCode)
	other.until(t, true)
	rtptest.Wait(t, r.begun, "the encoder once more")
	require.Equal(t, 200, f.do("DELETE", studio.location, "").StatusCode)
	rtptest.Wait(t, r.ended, "its end with the publisher")
}

// An encoder that cannot run, or fails, leaves viewers with what is published, and is not offered for a while.
func TestReducedViewersWithoutRoom(t *testing.T) {
	r, full := newReducer(), atomic.Bool{}
	full.Store(true)
	f := newFixture(t, Options{Reduce: r.reduce, MaxReduced: 1, Room: func(context.Context) error {
		if full.Load() {
			return errors.New("all cores are busy")
		}
		return nil
	}})
	filmWhole(t, f)
	viewer := newSpectator(t, f, "cam", peerOptions{})
	viewer.waitConnected()
	viewer.until(t, false)
	track := f.track("cam")
	small := func() int {
		return f.do("POST", viewer.location+"/layer", `{"encodingId": "small"}`, "Content-Type", "application/json").StatusCode
	}
	eventually(t, func() bool { return len(track.Encodings()) == 2 })
	require.Equal(t, []string{media.WholeName, media.ReducedName}, track.LayerNames())
	require.Equal(t, 200, small())
	eventually(t, func() bool { return len(track.Encodings()) == 1 })
	require.Empty(t, track.LayerNames())
	require.Equal(t, transformed.ReductionStats{Refused: 1}, f.server.Reductions().Stats())
	viewer.until(t, false)
	require.Equal(t, 422, small())
}

func (f *fixture) track(stream string) *media.Track {
	f.Helper()
	p, live := f.server.Sessions().Publisher(stream)
	require.True(f, live)
	return p.Track(media.KindVideo)
}

// Where an encoder ends by itself its viewers go on with what is published. Event streams tell of both encodings while both are there.
func TestReducedViewersAfterAFailure(t *testing.T) {
	r := newReducer()
	f := newFixture(t, Options{Reduce: r.reduce, MaxReduced: 1})
	filmWhole(t, f)
	viewer := newSpectator(t, f, "cam", peerOptions{})
	viewer.waitConnected()
	eventually(t, func() bool { return len(f.track("cam").Encodings()) == 2 })
	require.Equal(t, 200, f.do("POST", viewer.location+"/layer", `{"encodingId": "small"}`, "Content-Type", "application/json").StatusCode)
	viewer.until(t, true)
	events := f.events(viewer.location + "/sse")
	told := func(count int) (layers sectionLayers) {
		for len(layers.Layers) != count {
			e := rtptest.Wait(t, events, "an event")
			var sections map[string]sectionLayers
			if e[0] == eventLayers {
				require.NoError(t, json.Unmarshal([]byte(e[1]), &sections))
				layers = sections["1"]
			}
		}
		return layers
	}
	layers := told(2)
	require.Equal(t, "source", layers.Layers[0].EncodingID)
	require.Equal(t, "small", layers.Layers[1].EncodingID)
	require.Equal(t, "small", layers.Sent.EncodingID)
	r.fail <- errors.New("ffmpeg was killed")
	viewer.until(t, false)
	require.Empty(t, told(1).Layers[0].EncodingID)
	require.EqualValues(t, 1, f.server.Reductions().Stats().Failed)
	require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
	for range events { // it ends
	}
}

// A relay gets the whole for all who watch there; layers of a simulcast, and other codecs than VP8 and H.264, are left as they are.
func TestNotReduced(t *testing.T) {
	f := newFixture(t, Options{MaxReduced: 1, Reduce: func(context.Context, *media.Track, transformed.Reduction, *transformed.Output) error {
		assert.Fail(t, "it is made")
		return nil
	}})
	studio := newSimulcaster(t, f, "cam")
	studio.film()
	track := f.server.sessions.Session(studio.location).Track(media.KindVideo)
	eventually(t, func() bool { return len(track.Encodings()) == 3 })
	require.NotContains(t, track.LayerNames(), media.ReducedName)
}
