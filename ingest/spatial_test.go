package ingest

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/depay/vp9"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// spatialPicture are the packets of a picture of VP9 in three spatial layers, one each: a hundred times more bytes in the highest than in the lowest.
func spatialPicture(number int, key bool) (packets []*rtp.Packet) {
	for sid := range 3 {
		descriptor := []byte{0xec, 0x80 | byte(number>>8)&0x7f, byte(number), byte(sid << 1), byte(number)}
		frame := byte(0x86)
		if sid > 0 {
			descriptor[3] |= 1
		}
		if key {
			descriptor[0] &^= 0x40
		}
		if key && sid == 0 {
			descriptor[0] |= 2
			descriptor = append(descriptor, 2<<5|0x10, 0, 160, 0, 120, 1, 64, 0, 240, 2, 128, 1, 224)
			frame = 0x82
		}
		packets = append(packets, &rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: uint16(3*number + sid), Timestamp: uint32(number) * 900, Marker: sid == 2},
			Payload: append(append(descriptor, frame), make([]byte, 10<<(3*sid))...),
		})
	}
	return packets
}

// filmSpatially has a peer send pictures in spatial layers, 0.6 Mbit/s, 0.1 without the highest, with a key frame every second.
func filmSpatially(t *testing.T, studio *peer) {
	atPace(t, func(number int) {
		_ = studio.audio.WriteRTP(rtptest.OpusPacket(uint16(number)))
		for _, p := range spatialPicture(number, number%100 == 0) {
			_ = studio.video.WriteRTP(p)
		}
	})
}

// spatialViewer reads pictures, which have to be whole and one stream.
type spatialViewer struct {
	*testing.T
	packets  <-chan *rtp.Packet
	previous *rtp.Packet
	top      uint8 // of the newest picture
}

func (v *spatialViewer) until(top uint8) {
	v.Helper()
	for {
		p := rtptest.Wait(v.T, v.packets, "a packet")
		var d vp9.Descriptor
		_, err := d.Unmarshal(p.Payload)
		require.NoError(v, err)
		// Else it is sent again, or has been lost, or the rest of the picture before was of no use.
		if last := v.previous; last != nil && p.SequenceNumber == last.SequenceNumber+1 && !vp9.KeyFrameStarts(p.Payload) {
			require.Equal(v, p.Timestamp != last.Timestamp, last.Marker, "a picture ends with a marker")
			require.Equal(v, p.Timestamp != last.Timestamp, d.SID == 0)
		}
		v.previous = p
		if p.Marker {
			if v.top = d.SID; v.top == top {
				return
			}
		}
	}
}

// Of a publisher that sends spatial layers a viewer is told which there are, and gets those that it chooses.
func TestViewerAsksForSpatialLayers(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{codec: webrtc.MimeTypeVP9})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	filmSpatially(t, studio)
	p, _ := f.server.Sessions().Publisher("cam")
	track := p.Track(media.KindVideo)
	eventually(t, func() bool { return len(track.Encodings()) == 3 })
	viewer := newSpectator(t, f, "cam", peerOptions{codec: webrtc.MimeTypeVP9})
	viewer.waitConnected()
	got := &spatialViewer{T: t, packets: viewer.packets["video"]}
	got.until(2)
	ask := func(body string) *http.Response {
		return f.do("POST", viewer.location+"/layer", body, "Content-Type", "application/json")
	}
	told := f.events(viewer.location + "/sse")
	sent := func(name string) (layers sectionLayers) {
		t.Helper()
		for layers.Sent == nil || layers.Sent.EncodingID != name {
			if e := rtptest.Wait(t, told, "layers"); e[0] == "layers" {
				var sections map[string]sectionLayers
				require.NoError(t, json.Unmarshal([]byte(e[1]), &sections))
				layers = sections["1"]
			}
		}
		return layers
	}
	layers := sent("s2")
	require.Len(t, layers.Layers, 3)
	require.Equal(t, layerInfo{EncodingID: "s2", RID: "s2", Spatial: 2, Bitrate: layers.Layers[0].Bitrate, Width: 640, Height: 480}, layers.Layers[0])
	require.Equal(t, sentLayer{"s2", 2, 0}, *layers.Sent)
	require.Equal(t, 160, layers.Layers[2].Width)
	for _, step := range []struct {
		body string
		top  uint8
		name string
	}{
		{`{"encodingId": "s0"}`, 0, "s0"}, {`{}`, 2, "s2"}, {`{"spatialLayerId": 1}`, 1, "s1"}, {`{"maxHeight": 239}`, 0, "s0"}, {`{"maxSpatialLayerId": 2}`, 2, "s2"}, {`{"rid": "s1"}`, 1, "s1"},
	} {
		require.Equal(t, 200, ask(step.body).StatusCode, step.body)
		got.until(step.top)
		sent(step.name)
	}
	f.requireProblem(ask(`{"encodingId": "s3"}`), 422, "is one of s0, s1, s2")
	require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
}

// A viewer whose network is too slow gets the lower spatial layers, and the highest again when there is room: no picture is broken by that.
func TestViewersSpatialLayers(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{codec: webrtc.MimeTypeVP9})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	filmSpatially(t, studio)
	slow := &slowLink{packets: 60}
	viewer := newSpectator(t, f, "cam", peerOptions{codec: webrtc.MimeTypeVP9, wrap: slow.wrap})
	viewer.waitConnected()
	got := &spatialViewer{T: t, packets: viewer.packets["video"]}
	got.until(2)
	slow.bitrate.Store(350_000)
	got.until(1)
	eventually(t, func() bool { return f.bandwidthOf(session.KindViewer).Layer == "s1" })
	slow.bitrate.Store(0)
	began := time.Now()
	for f.bandwidthOf(session.KindViewer).Layer != "s2" {
		require.Less(t, time.Since(began), rtptest.Patience)
		got.until(1)
	}
	got.until(2)
	require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
}
