package broadcast

import (
	"bytes"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/webm"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/transcode"
)

// TestWhereFramesGo gives ffmpeg an output that never goes quiet, and the source recording what was received.
func TestWhereFramesGo(t *testing.T) {
	job, err := transcode.NewJob(transcode.Options{Dir: t.TempDir(), Audio: depay.Opus})
	require.NoError(t, err)
	var file bytes.Buffer
	writer, err := webm.NewWriter(&file, webm.Options{Audio: &webm.AudioTrack{Channels: 2}})
	require.NoError(t, err)
	zero := time.Now()
	kept := &recording.Recording{}
	source := newSource(func() *recording.Recording { return kept }, false, slog.New(slog.DiscardHandler))
	source.writer.recording, source.writer.files = kept, &webmSource{io.NopCloser(&file), writer}
	source.writer.audio, source.writer.zero = depay.Opus, zero
	source.start()
	b := &Broadcast{source: source, audio: depay.Opus}
	in, err := newIntake(runOptions{audio: depay.Opus, received: func(f depay.Frame, _ time.Time) { b.received(f, zero) }}, 0)
	require.NoError(t, err)
	r := &run{runOptions: runOptions{audio: depay.Opus, intake: in}, job: job, zero: zero, placed: true}
	in.to = r.emit

	in.emit(depay.Frame{Codec: depay.Opus, Duration: 960, Data: []byte("received")})
	in.emit(depay.Frame{Codec: depay.Opus, Duration: 960, PTS: 960, Data: []byte("silence"), Filler: true})
	in.emit(depay.Frame{Codec: depay.Opus, Duration: 960, PTS: 960, Data: []byte("too late"), Late: true})
	source.Close()

	require.EqualValues(t, 2, job.Stats().Audio.In)
	require.Contains(t, file.String(), "received")
	require.Contains(t, file.String(), "too late")
	require.NotContains(t, file.String(), "silence")
}
