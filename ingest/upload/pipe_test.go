package upload

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/webmtest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/webm"
)

func newTestPipe() *pipe { return newPipe(&budget{limit: heldBytes}) }

// put reserves and writes.
func put(t *testing.T, p *pipe, data []byte) error {
	require.True(t, p.budget.reserve(len(data)))
	err := p.write(data)
	if err != nil {
		p.budget.release(len(data))
	}
	return err
}

// A recording that comes faster than it was recorded has to wait.
func TestUploadBackPressure(t *testing.T) {
	small := newTestPipe()
	for range uploadPieces {
		require.NoError(t, put(t, small, []byte{1}))
	}
	require.ErrorIs(t, put(t, small, []byte{1}), errFull)
	p := newTestPipe()
	require.NoError(t, put(t, p, make([]byte, uploadBuffer)))
	require.ErrorIs(t, put(t, p, []byte{1}), errFull)
	require.Equal(t, uploadBuffer, p.buffered())
	written := make(chan error)
	go func() { written <- p.writeWhenFree([]byte{1, 2}) }()
	_, err := io.ReadFull(p, make([]byte, uploadBuffer))
	require.NoError(t, err)
	require.NoError(t, <-written)
	p.skip()
	require.True(t, p.budget.reserve(1))
	p.append([]byte{3})
	p.close(io.EOF)
	require.ErrorIs(t, put(t, p, []byte{4}), io.EOF)
	b := make([]byte, 10)
	n, err := p.Read(b)
	require.NoError(t, err)
	require.Equal(t, []byte{1, 2}, b[:n])
	_, err = p.Read(b)
	require.ErrorIs(t, err, errHole)
	n, err = p.Read(b)
	require.NoError(t, err)
	require.Equal(t, []byte{3}, b[:n])
	_, err = p.Read(b)
	require.ErrorIs(t, err, io.EOF)
	require.Zero(t, p.budget.held.Load())
}

// What all uploads hold together has an end; who may wait does, and goes on when there is room.
func TestUploadBudget(t *testing.T) {
	b := &budget{limit: 10}
	first, second := newPipe(b), newPipe(b)
	require.NoError(t, first.writeWhenFree(make([]byte, 8)))
	require.False(t, b.reserve(3))
	written := make(chan error)
	go func() { written <- second.writeWhenFree(make([]byte, 4)) }()
	first.drop(errInterrupted)
	require.NoError(t, <-written)
	require.EqualValues(t, 4, b.held.Load(), "what is dropped is given back at once")
	first.append(make([]byte, 0))
	require.ErrorIs(t, first.writeWhenFree([]byte{1}), errInterrupted)
	go func() { written <- first.writeWhenFree(make([]byte, 9)) }()
	require.ErrorIs(t, <-written, errInterrupted, "who has ended does not wait")
	_, err := first.Read(make([]byte, 1))
	require.ErrorIs(t, err, errInterrupted)
	_, err = io.ReadFull(second, make([]byte, 4))
	require.NoError(t, err)
	require.Zero(t, b.held.Load())
	us := NewUploads(Config{})
	us.budget.limit = 3
	for query, body := range map[string]string{"?chunk=0&upload=a": "four", "?chunk=0&upload=b": "and more"} {
		refused := us.Post(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/upload/cam"+query, strings.NewReader(body)), "cam")
		require.Equal(t, http.StatusServiceUnavailable, refused.Status)
	}
	require.Zero(t, us.Held())
	require.True(t, us.budget.reserve(3))
	refused := us.Post(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/upload/cam", nil), "cam")
	require.Equal(t, http.StatusServiceUnavailable, refused.Status)
	w := httptest.NewRecorder()
	refused.Write(w)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.EqualValues(t, 3, us.Refused())
}

func FuzzUploadText(f *testing.F) {
	for _, seed := range []string{`{"event":"end"}`, "aGVsbG8=", "", "{", `{"event":"x"}`, " \n", "data:video/webm;codecs=vp8,opus;base64,aGVsbG8=", "data:,x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		piece, end, err := parseText(text)
		require.False(t, end && (len(piece) > 0 || err != nil))
		require.LessOrEqual(t, len(piece), len(text))
	})
}

// BenchmarkUpload reads, packetizes and delivers recorded pictures of 6 kB, of 1.5 Mbit/s at 30 a second, without their pace.
func BenchmarkUpload(b *testing.B) {
	const bytesOfPicture = 6 << 10
	picture := make([]byte, bytesOfPicture)
	picture[0] = 0x11
	r := &webmtest.Recorder{}
	block := webmtest.EBML(0xA3, append([]byte{0x81, 0, 0, 0}, picture...))
	in := webm.NewReader(io.MultiReader(bytes.NewReader(r.Head()), bytes.NewReader(r.Cluster()), &mediatest.Endless{Piece: block}))
	recorded, err := in.Tracks()
	require.NoError(b, err)
	tracks, _, err := newTracks(recorded, media.NewPacketPool())
	require.NoError(b, err)
	tracks[0].waiting = false
	b.SetBytes(bytesOfPicture)
	b.ReportAllocs()
	for b.Loop() {
		block, err := in.Next()
		if err == nil && block.Track == tracks[0].number {
			err = tracks[0].send(block, block.Time, time.Now())
		}
		require.NoError(b, err)
	}
}

// Of a recording nobody can be asked for key frames, of a browser's camera one can.
func TestUploadIsRecorded(t *testing.T) {
	tracks, _, err := newTracks([]webm.Track{{Number: 1, Codec: "V_VP8"}}, media.NewPacketPool())
	require.NoError(t, err)
	require.True(t, tracks[0].Recorded())
	require.False(t, media.NewTrack(media.KindVideo, mediatest.Format("video/VP8"), media.NewPacketPool()).Recorded())
}

// The chunks that are received at once are bounded, and those of one client.
func TestChunksAtOnce(t *testing.T) {
	us := NewUploads(Config{})
	for n := range chunkReads {
		require.NoError(t, us.reads.Take(quota.ClientOf(fmt.Sprintf("192.0.2.%d:1", n))))
	}
	refused := us.Post(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/upload/cam?chunk=0&upload=a", nil), "cam")
	require.Equal(t, http.StatusTooManyRequests, refused.Status)
	require.Contains(t, refused.Detail, "all the chunks it can")

	us = NewUploads(Config{})
	greedy := httptest.NewRequest(http.MethodPost, "/upload/cam?chunk=0&upload=a", nil)
	for range chunkShare {
		require.NoError(t, us.reads.Take(quota.ClientOf(greedy.RemoteAddr)))
	}
	refused = us.Post(httptest.NewRecorder(), greedy, "cam")
	require.Equal(t, http.StatusTooManyRequests, refused.Status)
	require.Contains(t, refused.Detail, "all the chunks it may")
}
