package packager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/recording"
)

// A broadcast is recorded from the segment on that is being made when somebody asks for it, up to the one that is being made when they want no
// more; twice is two recordings. A restart goes on with what was asked for last, and the next broadcast with the configuration.
func TestRecordingOnDemand(t *testing.T) {
	for _, record := range []bool{false, true} {
		var told []recording.Step
		b := newBench(t, func(o *Options) {
			o.Record = record
			o.OnRecording = func(step recording.Step, _ recording.Info) { told = append(told, step) }
		})
		_, err := b.StartRecording("cam")
		require.ErrorIs(t, err, ErrNotLive)
		require.ErrorIs(t, b.StopRecording("cam"), ErrNotLive)
		tl, e, enc := b.epoch("cam")
		require.Equal(t, record, tl.Recording() != nil)
		b.run(e, enc, 2)
		if record {
			require.NoError(t, b.StopRecording("cam"))
			b.run(e, enc, 2)
			b.keep()
			told = nil
		}
		require.Nil(t, tl.Recording())
		require.Nil(t, tl.Info().Recording)
		b.clock.Advance(time.Minute)
		b.keep()
		require.Nil(t, tl.Recording(), "none begins by itself")
		b.clock.Advance(-time.Minute)

		b.clock.Advance(time.Second) // in the middle of a segment
		begun, err := b.StartRecording("cam")
		require.NoError(t, err)
		again, err := b.StartRecording("cam")
		require.NoError(t, err)
		require.Equal(t, begun.Name, again.Name, "one that runs goes on")
		require.Equal(t, begun.Name, tl.Info().Recording.Name)
		b.clock.Advance(-time.Second)
		b.run(e, enc, 2)
		first := tl.Recording()
		b.clock.Advance(time.Second)
		require.NoError(t, b.StopRecording("cam"))
		require.Nil(t, tl.Info().Recording)
		b.clock.Advance(-time.Second)
		b.keep()
		require.Equal(t, recording.StateRecording, first.Info().State, "its last segment is being made")
		b.run(e, enc, 1)
		require.NoError(t, b.StopRecording("cam"), "which is done already")
		b.run(e, enc, 1)
		b.keep()
		require.Equal(t, recording.StateFinished, first.Info().State)
		require.InDelta(t, 6, first.Info().Duration, 0.05)
		require.Equal(t, []recording.Step{recording.StepBegun, recording.StepFinished}, told)
		require.InDelta(t, 6, decode(t, first.Dir()+"/index.m3u8"), 0.1)

		b.compact(tl)
		b.restart()
		tl, err = b.Open("cam")
		require.NoError(t, err)
		require.Nil(t, tl.Recording(), "what was stopped stays so")
		second, err := b.StartRecording("cam")
		require.NoError(t, err)
		require.NotEqual(t, begun.Name, second.Name)
		b.restart()
		b.recover()
		tl, err = b.Open("cam")
		require.NoError(t, err)
		require.NotNil(t, tl.Recording(), "what was begun goes on")
		require.NoError(t, tl.End())

		tl, err = b.Open("cam")
		require.NoError(t, err)
		require.Equal(t, record, tl.Recording() != nil, "the next broadcast is as configured")
	}
}

// Who starts and stops several times while a segment is being made gets that segment in each recording.
func TestRecordingsOfOneSegment(t *testing.T) {
	b := recordBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	b.clock.Advance(time.Second) // in the middle of a segment
	all := []*recording.Recording{tl.Recording()}
	require.NoError(t, b.StopRecording("cam"))
	for range 2 {
		_, err := b.StartRecording("cam")
		require.NoError(t, err)
		all = append(all, tl.Recording())
		require.NoError(t, b.StopRecording("cam"))
	}
	b.clock.Advance(-time.Second)
	b.keep()
	b.run(e, enc, 2)
	b.keep()
	for i, duration := range []float64{6, 2, 2} {
		require.Equal(t, recording.StateFinished, all[i].Info().State)
		require.InDelta(t, duration, all[i].Info().Duration, 0.05)
	}
}

// What was to end with its last segment ends without it, too: where ffmpeg has gone, where the broadcast ends, and where too many others are stopped.
func TestStoppedRecordingEnds(t *testing.T) {
	for name, end := range map[string]func(*bench, *Stream){
		"nothing comes": func(b *bench, _ *Stream) { b.clock.Advance(time.Minute) },
		"the end":       func(b *bench, tl *Stream) { require.NoError(b.t, tl.End()) },
		"too many others": func(b *bench, _ *Stream) {
			for range maxEnding {
				_, err := b.StartRecording("cam")
				require.NoError(b.t, err)
				require.NoError(b.t, b.StopRecording("cam"))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := recordBench(t, nil)
			tl, e, enc := b.epoch("cam")
			b.run(e, enc, 2)
			r := tl.Recording()
			require.NoError(t, b.StopRecording("cam"))
			b.keep()
			require.Equal(t, recording.StateRecording, r.Info().State)
			end(b, tl)
			b.keep()
			require.Equal(t, recording.StateFinished, r.Info().State)
			require.InDelta(t, 4, r.Info().Duration, 0.05)
		})
	}
}

// A recording that is asked for while the broadcast ends, ends with it.
func TestRecordingBegunWhileTheBroadcastEnds(t *testing.T) {
	for name, end := range map[string]func(*Stream) error{"end": (*Stream).End, "stop": (*Stream).Suspend} {
		t.Run(name, func(t *testing.T) {
			files := &slowDir{}
			b := newBench(t, nil)
			b.files = files
			b.restart()
			tl, e, enc := b.epoch("cam")
			b.run(e, enc, 1)
			files.before = func(string) {
				require.NoError(t, end(tl))
			}
			_, err := b.StartRecording("cam")
			require.ErrorIs(t, err, ErrNotLive)
			b.keep()
			require.True(t, tl.Recording() == nil || tl.Recording().Over())
			require.Empty(t, b.Recordings())
		})
	}
}
