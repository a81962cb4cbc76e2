package upload

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/webmtest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/webm"
)

// A recording that comes faster than it was recorded has to wait.
func TestUploadBackPressure(t *testing.T) {
	small := newPipe()
	for range uploadPieces {
		require.NoError(t, small.write([]byte{1}))
	}
	require.ErrorIs(t, small.write([]byte{1}), errFull)
	p := newPipe()
	require.NoError(t, p.write(make([]byte, uploadBuffer)))
	require.ErrorIs(t, p.write([]byte{1}), errFull)
	require.Equal(t, uploadBuffer, p.buffered())
	written := make(chan error)
	go func() { written <- p.writeWhenFree([]byte{1, 2}) }()
	_, err := io.ReadFull(p, make([]byte, uploadBuffer))
	require.NoError(t, err)
	require.NoError(t, <-written)
	p.skip()
	p.append([]byte{3})
	p.close(io.EOF)
	require.ErrorIs(t, p.write([]byte{4}), io.EOF)
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
	in := webm.NewReader(io.MultiReader(bytes.NewReader(r.Head()), bytes.NewReader(r.Cluster()), &endless{piece: block}))
	recorded, err := in.Tracks()
	require.NoError(b, err)
	tracks, err := newTracks(recorded, media.NewPacketPool())
	require.NoError(b, err)
	tracks[0].waiting = false
	b.SetBytes(bytesOfPicture)
	b.ReportAllocs()
	for b.Loop() {
		block, err := in.Next()
		if err == nil && block.Track == tracks[0].number {
			err = tracks[0].send(block.Data, block.Time, time.Now())
		}
		require.NoError(b, err)
	}
}

// endless repeats what it has.
type endless struct {
	piece []byte
	at    int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.piece[e.at:])
	e.at = (e.at + n) % len(e.piece)
	return n, nil
}

// Of a recording nobody can be asked for key frames, of a browser's camera one can.
func TestUploadIsRecorded(t *testing.T) {
	tracks, err := newTracks([]webm.Track{{Number: 1, Codec: "V_VP8"}}, media.NewPacketPool())
	require.NoError(t, err)
	require.True(t, tracks[0].Recorded())
	require.False(t, media.NewTrack(media.KindVideo, mediatest.Format("video/VP8"), media.NewPacketPool()).Recorded())
}

// The chunks that are received at once are bounded.
func TestChunksAtOnce(t *testing.T) {
	us := NewUploads(Config{})
	for range chunkReads {
		us.reads <- struct{}{}
	}
	refused := us.Post(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/upload/cam?chunk=0&upload=a", nil), "cam")
	require.Equal(t, http.StatusTooManyRequests, refused.Status)
	require.Contains(t, refused.Detail, "all the chunks it can")
}
