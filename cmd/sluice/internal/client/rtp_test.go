package client

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
)

// newTestSender sends on a track that is not connected.
func newTestSender(tb testing.TB, mimeType string, clock int64, report func(*rtcp.SenderReport) error) *rtpSender {
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mimeType}, "id", "stream")
	require.NoError(tb, err)
	payload := audioPayloader()
	if mimeType == webrtc.MimeTypeVP8 {
		payload = codecOf(tb, "vp8").payloader()
	}
	return newRTPSender(track, payload, clock, report, &counter{})
}

// codecOf is the codec of a name.
func codecOf(tb testing.TB, name string) videoCodec {
	some, err := parseCodecs(name)
	require.NoError(tb, err)
	return some[0]
}

func TestReportsTellWhenFramesAreDue(t *testing.T) {
	var got []*rtcp.SenderReport
	s := newTestSender(t, webrtc.MimeTypeVP8, videoClock, func(r *rtcp.SenderReport) error {
		got = append(got, r)
		return nil
	})
	origin := time.Date(2030, 1, 2, 3, 4, 5, 500_000_000, time.UTC)
	for frame := range 31 { // ten a second, each 70 ms late
		at := time.Duration(frame) * 100 * time.Millisecond
		require.NoError(t, s.send(int64(at/time.Millisecond)*90, make([]byte, 2000), true))
		require.NoError(t, s.reportDue(origin, origin.Add(at+70*time.Millisecond)))
	}
	require.Len(t, got, 4)
	for i, r := range got {
		due := origin.Add(time.Duration(i)*time.Second + 70*time.Millisecond)
		require.Equal(t, ntpTime(due), r.NTPTime)
		require.Equal(t, s.offset+uint32(i)*90000+6300, r.RTPTime)
		require.Equal(t, uint32(2*(1+10*i)), r.PacketCount)
	}
	require.Equal(t, uint64(2208988800)<<32|1<<31, ntpTime(time.Unix(0, 5e8)))
}

func TestPaceIsOneForBothTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		began := time.Now()
		require.NoError(t, p.wait(t.Context(), 500*time.Millisecond))
		require.Equal(t, paceLead, time.Since(began), "the first is due after the lead, whatever its time")
		require.NoError(t, p.wait(t.Context(), 3*time.Second))
		require.Equal(t, paceLead+2500*time.Millisecond, time.Since(began))
		require.NoError(t, p.wait(t.Context(), time.Second), "late: at once")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, p.wait(ctx, time.Hour), context.Canceled)
		require.Equal(t, paceLead+2500*time.Millisecond, time.Since(began))
	})
}

func TestSendersEndWithTheirInput(t *testing.T) {
	none := func(*rtcp.SenderReport) error { return nil }
	video := func(b []byte) error {
		in := newPictureReader(bytes.NewReader(b), codecOf(t, "vp8"), rate{30, 1})
		return sendVideo(t.Context(), in, &pace{}, newTestSender(t, webrtc.MimeTypeVP8, videoClock, none))
	}
	audio := func(b []byte) error {
		return sendAudio(t.Context(), bytes.NewReader(b), &pace{}, newTestSender(t, webrtc.MimeTypeOpus, audioClock, none))
	}
	require.NoError(t, video(nil))
	require.NoError(t, video([]byte("DKIF")))
	require.ErrorIs(t, video(make([]byte, 64)), ivf.ErrInvalid)
	require.NoError(t, audio(nil))
	require.ErrorIs(t, audio(make([]byte, 64)), ogg.ErrInvalid)
	require.True(t, isEOF(io.ErrUnexpectedEOF))
}

func BenchmarkSendFrame(b *testing.B) {
	s := newTestSender(b, webrtc.MimeTypeVP8, videoClock, nil)
	frame := make([]byte, 6000)
	b.ReportAllocs()
	for i := range b.N {
		if err := s.send(int64(i)*3000, frame, true); err != nil {
			b.Fatal(err)
		}
	}
}
