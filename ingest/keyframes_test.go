package ingest

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// picture is how a sender of the codec packs one: of the least bytes that are told for what they are.
func picture(mimeType string, key bool) [][]byte {
	switch {
	case mimeType == webrtc.MimeTypeVP8 && key:
		return [][]byte{rtptest.VP8Packet(0, true).Payload, {0x00, 0x00}}
	case mimeType == webrtc.MimeTypeVP8:
		return [][]byte{rtptest.VP8Packet(0, false).Payload, {0x00, 0x00}}
	case mimeType == webrtc.MimeTypeVP9 && key: // two spatial layers
		return [][]byte{{0xaa, 0x01, 0x00, 0x05, 0x00, 0x82, 0x49, 0x83}, {0xac, 0x01, 0x03, 0x05, 0x82}}
	case mimeType == webrtc.MimeTypeVP9:
		return [][]byte{{0xe8, 0x02, 0x00, 0x06, 0x86}, {0xec, 0x02, 0x03, 0x06, 0x86}}
	case mimeType == webrtc.MimeTypeH264 && key: // parameter sets, two slices, the first one in parts
		return [][]byte{{0x67, 0x42, 0xe0, 0x1f}, {0x68, 0xce}, {0x7c, 0x85, 0x88}, {0x7c, 0x45, 0x01}, {0x65, 0x44}}
	case mimeType == webrtc.MimeTypeH264:
		return [][]byte{{0x41, 0x9a}, {0x41, 0x44}}
	case key:
		return [][]byte{{0x28, 0x02, 0x08, 0x00, 0x30, 0x01}, {0x90, 0x02}}
	default:
		return [][]byte{{0x10, 0x30, 0x01}, {0x90, 0x02}}
	}
}

func codecsOfVideo() []string {
	return []string{webrtc.MimeTypeVP8, webrtc.MimeTypeVP9, webrtc.MimeTypeH264, webrtc.MimeTypeAV1}
}

// Of all codecs, the first packet of a key frame is marked, and no other; a group begins there.
func TestKeyFramesOfTrack(t *testing.T) {
	for _, mimeType := range codecsOfVideo() {
		t.Run(mimeType, func(t *testing.T) {
			track := media.NewTrack(media.KindVideo, mediatest.Format(mimeType), media.NewPacketPool())
			tap := track.Tap(64)
			sequence, begins := uint16(65530), []uint16(nil)
			for i, key := range []bool{false, true, false, true, false} {
				if key {
					begins = append(begins, sequence)
				}
				for _, payload := range picture(mimeType, key) {
					pass(track, sequence, uint32(i)*3000, payload)
					sequence++
				}
			}
			var marked []uint16
			for p, ok := tap.Next(); ok; p, ok = tap.Next() {
				if p.KeyFrame {
					marked = append(marked, p.RTP.SequenceNumber)
				}
				p.Release()
			}
			require.Equal(t, begins, marked)
			late, backlog := track.Join(64, func() {})
			defer late.Close()
			require.Equal(t, begins[1], backlog[0].RTP.SequenceNumber)
			require.Len(t, backlog, int(sequence-begins[1]))
			for _, p := range backlog {
				p.Release()
			}
			require.Equal(t, uint64(2), track.Stats().KeyFrames)
			track.End()
			tap.Close()
		})
	}
}

// pass delivers a payload as the read loop does.
func pass(t *media.Track, sequence uint16, timestamp uint32, payload []byte) {
	p := t.NewPacket()
	defer p.Release()
	p.Arrival = time.Now()
	p.RTP = rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: timestamp}, Payload: payload}
	t.Push(p)
}

// A key frame's first packet may come after others of it: then it is the beginning, and nobody can begin with what is held.
func TestKeyFrameBeginsLate(t *testing.T) {
	track := media.NewTrack(media.KindVideo, mediatest.Format(webrtc.MimeTypeH264), media.NewPacketPool())
	tap := track.Tap(8)
	payloads := picture(webrtc.MimeTypeH264, true)
	for _, i := range []uint16{2, 1, 3, 0, 2, 4} { // 2 comes twice
		pass(track, i, 3000, payloads[i])
	}
	want := map[uint16]bool{2: true, 0: true}
	for p, ok := tap.Next(); ok; p, ok = tap.Next() {
		require.Equal(t, want[p.RTP.SequenceNumber], p.KeyFrame, p.RTP.SequenceNumber)
		delete(want, p.RTP.SequenceNumber)
		p.Release()
	}
	late, backlog := track.Join(8, func() {})
	require.Empty(t, backlog)
	late.Close()
	track.End()
}
