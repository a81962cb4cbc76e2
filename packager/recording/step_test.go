package recording

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// steps makes a shelf that hears what becomes of its recordings.
func steps(t *testing.T, edit func(*Options)) (s *shelf, told func() []Step) {
	t.Helper()
	var all []Step
	s = newShelf(t, func(o *Options) {
		o.Remux = func(_ context.Context, _ []RemuxInput, out string) error {
			return os.WriteFile(out, []byte("mp4"), 0o600)
		}
		o.OnStep = func(step Step, info Info) {
			require.Equal(t, "cam", info.Stream)
			require.Equal(t, map[Step]string{StepBegun: StateRecording, StepFinished: StateFinished, StepFailed: StateFailed, StepReady: StateFinished}[step], info.State)
			require.Equal(t, step == StepReady, info.MP4)
			all = append(all, step)
		}
		if edit != nil {
			edit(o)
		}
	})
	return s, func() []Step { return all }
}

// Each step of a recording is told once.
func TestStepsAreTold(t *testing.T) {
	s, told := steps(t, nil)
	s.record("cam", 3, 10)
	require.Equal(t, []Step{StepBegun, StepFinished, StepReady}, told())
}

// Of a recording in which nothing was kept nothing is told, and of one that fails that it has, at once.
func TestFailureIsTold(t *testing.T) {
	s, told := steps(t, func(o *Options) { o.Remux = nil })
	r, err := s.Begin("cam")
	require.NoError(t, err)
	r.Finish(StateFinished)
	require.Empty(t, told())

	r, err = s.Begin("cam")
	require.NoError(t, err)
	r.Add(s.segment())
	r.Fail(errors.New("no space left on device"))
	require.Equal(t, []Step{StepBegun, StepFailed}, told())
	s.Keep()
	require.Equal(t, []Step{StepBegun, StepFailed}, told())

	r, err = s.Begin("cam")
	require.NoError(t, err)
	r.Add(s.segment())
	require.NoError(t, os.RemoveAll(r.Dir()))
	r.Finish(StateFinished)
	require.Equal(t, []Step{StepBegun, StepFailed, StepBegun, StepFailed}, told())
	s.Refused("cam", errors.New("no space left on device"))
	require.Len(t, told(), 5)
}
