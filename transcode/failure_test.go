package transcode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// patience is how long a test waits for what must happen; reaching it is a failure.
const patience = 2 * time.Minute

// script writes a program that stands for ffmpeg. In its body $DIR is a directory of its own.
func script(t testing.TB, body string) string {
	t.Helper()
	return scriptIn(t, t.TempDir(), body)
}

// scriptIn writes it to a directory that it may write to.
func scriptIn(t testing.TB, dir, body string) string {
	t.Helper()
	name := filepath.Join(dir, "ffmpeg")
	require.NoError(t, os.WriteFile(name, []byte("#!/bin/sh\nDIR='"+dir+"'\n"+body+"\n"), 0o700))
	return name
}

// pidOf returns the process that a script wrote down with "echo $$ >$DIR/pid".
func pidOf(t testing.TB, script string) int {
	t.Helper()
	var pid int
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(script), "pid"))
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
		return err == nil
	}, patience, time.Millisecond)
	return pid
}

func exists(pid int) bool { return syscall.Kill(pid, 0) == nil }

// quickOptions are those of a job that waits for nothing long.
func quickOptions(t testing.TB, ffmpeg string) Options {
	dir := t.TempDir()
	if _, err := os.Stat(ffmpeg); err == nil {
		dir = filepath.Dir(ffmpeg) // the only one that a script may write to
	}
	return Options{
		FFmpeg: ffmpeg, Dir: dir, Video: depay.VP8, Audio: depay.Opus, Ladder: smallLadder(),
		Stall: 200 * time.Millisecond, Grace: 200 * time.Millisecond,
	}
}

func TestRunFails(t *testing.T) {
	for _, c := range []struct {
		name, body string
		closeInput bool
		want       []string
	}{
		{name: "exits at once", body: "echo no such thing >&2; exit 1", want: []string{"exit status 1", "no such thing"}},
		{name: "is killed", body: "echo last words >&2; kill -9 $$", want: []string{"signal: killed", "last words"}},
		{name: "ends early without an error", body: "echo bye >&2; exit 0", want: []string{"ended before its input", "bye"}},
		{name: "does not end", body: "trap '' TERM; while :; do sleep 1; done", closeInput: true, want: []string{"did not end within 400ms"}},
		{name: "says a lot", body: "yes loud | head -c 1000000 >&2; echo quiet >&2; exit 3", want: []string{"exit status 3", "loud | quiet"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := NewJob(quickOptions(t, script(t, "echo $$ >$DIR/pid\n"+c.body)))
			require.NoError(t, err)
			if c.closeInput {
				j.CloseInput()
			}
			err = j.Run(t.Context())
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.Less(t, len(err.Error()), 2*tailLines*maxLine)
			require.Equal(t, err, j.Wait())
			require.ErrorIs(t, j.WriteFrame(depay.Frame{Codec: depay.VP8, Key: true}), ErrEnded)
			require.False(t, exists(pidOf(t, j.argv[0])))
		})
	}
}

func TestHoleEndsTheRun(t *testing.T) {
	j, err := NewJob(quickOptions(t, script(t, "cat <&3 >/dev/null & cat <&4 >/dev/null; wait")))
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() { result <- j.Run(t.Context()) }()
	at := func(d time.Duration) depay.Frame {
		return depay.Frame{Codec: depay.VP8, PTS: int64(90_000 * d.Seconds()), Key: true}
	}
	require.NoError(t, j.WriteFrame(at(0)))
	require.NoError(t, j.WriteFrame(at(MaxHole)))
	require.NoError(t, j.WriteFrame(at(time.Second)), "the other input may be behind")
	require.ErrorIs(t, j.WriteFrame(at(2*MaxHole+time.Second)), ErrEnded)
	require.ErrorIs(t, <-result, ErrHole)
}

func TestRunWithoutFFmpeg(t *testing.T) {
	for _, name := range []string{"/nowhere/ffmpeg", "no-such-ffmpeg"} {
		j, err := NewJob(quickOptions(t, name))
		require.NoError(t, err)
		require.ErrorContains(t, j.Run(t.Context()), "apt-get install ffmpeg")
	}
}

func TestRunTwice(t *testing.T) {
	j, err := NewJob(quickOptions(t, "/nowhere/ffmpeg"))
	require.NoError(t, err)
	require.Error(t, j.Run(t.Context()))
	require.ErrorContains(t, j.Run(t.Context()), "run before")
}

// start runs a job of real ffmpeg whose process is known, and feeds it over and over until the test ends.
func start(t *testing.T, ctx context.Context, o Options) (j *Job, pid int, result chan error) {
	t.Helper()
	o.FFmpeg = scriptIn(t, o.Dir, "echo $$ >$DIR/pid; exec ffmpeg \"$@\"")
	began := make(chan struct{}, 1)
	o.OnProgress = func(Progress) {
		select {
		case began <- struct{}{}:
		default:
		}
	}
	j, err := NewJob(o)
	require.NoError(t, err)
	result = make(chan error, 1)
	go func() { result <- j.Run(ctx) }()
	fed := make(chan struct{})
	clip := interleave(vp8Clip(t, "testsrc2=s=640x360:r=30", 2), opusClip(t, "sine", 2))
	go func() {
		defer close(fed)
		feedForever(j, clip)
	}()
	t.Cleanup(func() { <-fed })
	select {
	case <-began:
	case err := <-result:
		require.NoError(t, err)
	case <-time.After(patience):
		require.FailNow(t, "ffmpeg reports no progress")
	}
	return j, pidOf(t, o.FFmpeg), result
}

// feedForever repeats a clip of 2 s until the job has ended.
func feedForever(j *Job, clip []depay.Frame) {
	for round := int64(0); ; round++ {
		for _, f := range clip {
			f.PTS += round * 2 * f.Codec.ClockRate()
			select {
			case <-j.Done():
				return
			default:
				j.writeWhenRoom(f)
			}
		}
	}
}

func TestFFmpegIsKilled(t *testing.T) {
	o := quickOptions(t, "")
	o.Stall = patience
	_, pid, result := start(t, t.Context(), o)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	var exit *exec.ExitError
	require.ErrorAs(t, <-result, &exit)
	require.False(t, exists(pid), "nothing is left of the process, not even a zombie")
}

func TestFFmpegStopsReading(t *testing.T) {
	o := quickOptions(t, "")
	o.Stall = 6 * time.Second // far more than a busy machine makes ffmpeg wait, also while it starts
	_, pid, result := start(t, t.Context(), o)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	require.ErrorIs(t, <-result, ErrStalled)
	require.False(t, exists(pid))
}

// TestFFmpegIsStopped stops ffmpeg while it gets so little that no pipe fills: it is found all the same, and the run's log
// tells. One that goes on in time is let go on.
func TestFFmpegIsStopped(t *testing.T) {
	o := quickOptions(t, "")
	o.Stall, o.Thumbnail, o.Log = 5*time.Second, -1, filepath.Join(t.TempDir(), "ffmpeg.log")
	o.FFmpeg = scriptIn(t, o.Dir, "echo $$ >$DIR/pid; exec ffmpeg \"$@\"")
	j, err := NewJob(o)
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() { result <- j.Run(t.Context()) }()
	picture, silence := vp8Clip(t, "color=black:s=64x64:r=30", 1)[0], opusClip(t, "anullsrc", 1)[0]
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		feedLive(j, picture, silence)
	}()
	defer func() { <-fed }()
	pid := pidOf(t, o.FFmpeg)
	reports := func() bool { return j.reports.Load() > 0 }
	require.Eventually(t, reports, patience, time.Millisecond)

	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	<-time.After(time.Second) // so long it stands still
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	before := j.reports.Load()
	require.Eventually(t, func() bool { return j.reports.Load() > before+2 }, patience, time.Millisecond)

	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	stopped := time.Now()
	err = <-result
	t.Logf("found after %v: %v", time.Since(stopped), err)
	require.ErrorIs(t, err, ErrStalled)
	require.ErrorContains(t, err, "nothing came of it")
	require.False(t, exists(pid))
	kept, err := os.ReadFile(o.Log)
	require.NoError(t, err)
	require.Contains(t, string(kept), "-f ivf")
	require.Contains(t, string(kept), "it stands still")
}

// feedLive repeats one picture and one packet as a live publisher sends them, until the job has ended.
func feedLive(j *Job, picture, sound depay.Frame) {
	every := time.NewTicker(time.Second / 50)
	defer every.Stop()
	for began := time.Now(); ; {
		select {
		case <-j.Done():
			return
		case <-every.C:
		}
		now := time.Since(began).Seconds()
		for ; float64(sound.PTS) < now*48_000; sound.PTS += 960 {
			_ = j.WriteFrame(sound)
		}
		for ; float64(picture.PTS) < now*90_000; picture.PTS += 3_000 {
			_ = j.WriteFrame(picture)
		}
	}
}

// slowly makes a script that lets ffmpeg run a twenty-fifth of the time if its command line matches a pattern.
func slowly(t testing.TB, pattern string) string {
	return script(t, `case "$*" in
`+pattern+`) ffmpeg "$@" & child=$!
	exec 3<&- 4<&-
	while kill -STOP $child && sleep 0.48 && kill -CONT $child; do sleep 0.02; done
	wait $child;;
*) exec ffmpeg "$@";;
esac`)
}

// TestFFmpegIsTooSlow ends a run that falls behind.
func TestFFmpegIsTooSlow(t *testing.T) {
	o := quickOptions(t, slowly(t, "*"))
	o.Stall, o.MaxLag, o.Thumbnail = patience, time.Second, -1
	o.Ladder = Ladder{{Name: "720p", Width: 1280, Height: 720, FPS: 30, Bitrate: 2_000_000, Preset: "fast"}}
	j, err := NewJob(o)
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() { result <- j.Run(t.Context()) }()
	feedLive(j, vp8Clip(t, "testsrc2=s=640x360:r=30", 1)[0], opusClip(t, "anullsrc", 1)[0])
	err = <-result
	t.Log(err)
	var slow *SlowError
	require.ErrorAs(t, err, &slow)
	require.Greater(t, slow.Lag, time.Second)
	require.Less(t, slow.Speed, 1.0)
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := quickOptions(t, "")
	o.Grace, o.Stall = patience, patience
	_, pid, result := start(t, ctx, o)
	cancel()
	require.NoError(t, <-result)
	require.False(t, exists(pid))
	left, err := filepath.Glob(filepath.Join(o.Dir, "*"+TempSuffix))
	require.NoError(t, err)
	require.Empty(t, left, "every segment is finished")
}

// parentEnv makes the test binary a service that dies.
const parentEnv = "SLUICE_TEST_PARENT"

func TestParentDies(t *testing.T) {
	child := script(t, "echo $$ >$DIR/pid; exec sleep 300")
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"="+filepath.Dir(child))
	require.NoError(t, parent.Start())
	pid := pidOf(t, child)
	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	require.Eventually(t, func() bool { return !running(pid) }, patience, time.Millisecond)
}

// beParent runs a job on the script in dir until it is killed.
func beParent(dir string) {
	j, err := NewJob(Options{FFmpeg: filepath.Join(dir, "ffmpeg"), Dir: dir, Video: depay.VP8})
	if err == nil {
		err = j.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, errors.Join(errors.New("the parent outlived its child"), err))
	os.Exit(1)
}

// running is false also for a zombie that waits for whoever adopted it.
func running(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(data), ") Z ")
}
