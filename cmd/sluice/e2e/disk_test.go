package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
)

// onSmallDisk mounts a disk of its own for the program that it becomes, in a mount namespace that ends with it.
const onSmallDisk = `mount -t tmpfs -o size=48m tmpfs "$0" || { echo 'tests of a full disk need root and mount'; exit 1; }; exec "$@"`

// startOnSmallDisk starts a service on a disk of 48 MiB, and returns what that disk is called outside of its namespace.
func startOnSmallDisk(t *testing.T, args ...string) (s *service, disk string) {
	t.Helper()
	data := t.TempDir()
	s = startServiceBy(t, []string{"unshare", "--mount", "sh", "-c", onSmallDisk, data, program}, data, args...)
	return s, filepath.Join("/proc", fmt.Sprint(s.cmd.Process.Pid), "root", data)
}

// fillUp takes all space that the disk has left.
func fillUp(t *testing.T, disk string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(disk, "ballast")
	f, err := os.Create(ballast)
	require.NoError(t, err)
	defer f.Close()
	_, err = io.CopyN(f, zeros{}, 1<<30)
	require.ErrorContains(t, err, "no space")
	return ballast
}

// zeros is read without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// waitFor polls the API until the stream is as wanted.
func (s *service) waitFor(name string, within time.Duration, wanted func(stream) bool) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return wanted(s.stream(name)) }, within, 100*time.Millisecond, "%+v", s.stream(name))
}

// requireGoesOn asserts that the stream lists new segments.
func requireGoesOn(t *testing.T, s *service, name string) {
	t.Helper()
	listed := func() float64 { return s.metric(fmt.Sprintf(`sluice_segments_total{stream=%q}`, name)) }
	before := listed()
	require.Eventually(t, func() bool { return listed() >= before+4 }, 20*time.Second, 100*time.Millisecond, "nothing new is listed")
}

// A disk that is full for a while costs viewers that while and nothing else; the recording is marked, and another follows.
func TestDiskFull(t *testing.T) {
	s, disk := startOnSmallDisk(t, "--ladder", smallRung, "--linger", "2s", "--window", "40s")
	p := newPublisher(t, s, "cramped")
	p.rounds = 5
	visits := watch(t, s, "cramped")
	p.send()
	s.waitState("cramped", "live", 10*time.Second)
	time.Sleep(4 * time.Second)
	ballast := fillUp(t, disk)
	s.waitFor("cramped", 10*time.Second, func(st stream) bool { return st.Fault == "the disk is full" })
	require.EqualValues(t, 1, s.metric("sluice_disk_fault"))
	time.Sleep(5 * time.Second)
	st := s.stream("cramped")
	require.Equal(t, "live", st.State)
	require.Equal(t, "failed", st.Recording.State)
	require.Contains(t, st.Recording.Error, "no space left")
	failed := st.Recording.Path

	require.NoError(t, os.Remove(ballast))
	s.waitFor("cramped", 10*time.Second, func(st stream) bool { return st.Fault == "" })
	requireGoesOn(t, s, "cramped")
	s.waitFor("cramped", 20*time.Second, func(st stream) bool { return st.Recording.State == "recording" })
	time.Sleep(5 * time.Second)
	p.stop()
	s.waitState("cramped", "ended", 15*time.Second)
	seen := visits()
	requireTwoEpochs(t, seen, "240p", "audio")
	patient := conformance.Options{Tolerance: 30 * time.Second}
	for _, violation := range append(conformance.CheckHLS(seen, patient), conformance.CheckDASH(seen, patient)...) {
		t.Error(violation)
	}
	for _, path := range []string{failed, s.stream("cramped").Recording.Path} {
		directory := filepath.Join(disk, strings.TrimPrefix(path, "/"))
		require.Eventually(t, func() bool {
			_, err := os.Stat(filepath.Join(directory, "video.mp4"))
			return err == nil
		}, 60*time.Second, 100*time.Millisecond, "%s has no video.mp4", path)
		for _, file := range []string{"video.mp4", "source-1.webm"} {
			requireDuration(t, filepath.Join(directory, file), 2*time.Second)
		}
	}
}

// A disk that turns read-only is no reason to give a stream up: it goes on when it can.
func TestDiskReadOnly(t *testing.T) {
	s, _ := startOnSmallDisk(t, "--ladder", smallRung, "--linger", "2s")
	p := newPublisher(t, s, "frozen")
	p.rounds = 5
	p.send()
	s.waitState("frozen", "live", 10*time.Second)
	inside := func(command string) {
		t.Helper()
		out, err := exec.Command("nsenter", "--mount", "--target", fmt.Sprint(s.cmd.Process.Pid), "sh", "-c", command, s.data).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	inside(`mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"`)
	s.waitFor("frozen", 10*time.Second, func(st stream) bool { return st.Fault == "the disk is read-only" })
	time.Sleep(6 * time.Second)
	st := s.stream("frozen")
	require.Equal(t, "live", st.State)
	require.Equal(t, "failed", st.Recording.State)
	require.LessOrEqual(t, st.Encoder.Restarts, 3, "no ffmpeg is started that could not write")

	response, err := http.Post(s.base+"/whip/another", "application/sdp", strings.NewReader(p.pc.LocalDescription().SDP))
	require.NoError(t, err)
	told, _ := io.ReadAll(response.Body)
	response.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode, "%s", told)
	require.Contains(t, string(told), "on the server the disk is read-only")

	inside(`umount "$0"`)
	s.waitFor("frozen", 10*time.Second, func(st stream) bool { return st.Fault == "" })
	requireGoesOn(t, s, "frozen")
	s.waitFor("frozen", 20*time.Second, func(st stream) bool { return st.Recording.State == "recording" })
	p.stop()
}

// Directories that somebody deletes under a stream are made again.
func TestDeletedDirectories(t *testing.T) {
	s := startService(t, "--ladder", smallRung, "--linger", "2s")
	p := newPublisher(t, s, "swept")
	p.rounds = 5
	p.send()
	s.waitState("swept", "live", 10*time.Second)
	time.Sleep(3 * time.Second)
	for _, directory := range []string{"live/swept", "live", "recordings", ""} {
		require.NoError(t, removeAll(filepath.Join(s.data, directory)))
		requireGoesOn(t, s, "swept")
	}
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(s.data, "live/swept/timeline.log"))
		return err == nil
	}, 5*time.Second, 50*time.Millisecond)
	s.waitFor("swept", 20*time.Second, func(st stream) bool { return st.Recording.State == "recording" })
	require.Equal(t, "live", s.stream("swept").State)
	p.stop()
}

// removeAll is rm -rf, beside others who make files there.
func removeAll(directory string) (err error) {
	for range 10 {
		if err = os.RemoveAll(directory); err == nil {
			return nil
		}
	}
	return err
}

// withoutInotify is a user namespace with no inotify for the program that it becomes.
const withoutInotify = `echo 0 >/proc/sys/user/max_inotify_instances || { echo 'this test needs user namespaces'; exit 1; }; exec "$@"`

// Where the limit of inotify is reached the stream plays all the same, and the log and the doctor say what to raise.
func TestNoInotify(t *testing.T) {
	command := []string{"unshare", "--user", "--map-root-user", "sh", "-c", withoutInotify, "sh", program}
	s := startServiceBy(t, command, t.TempDir(), "--ladder", smallRung, "--linger", "2s")
	p := newPublisher(t, s, "blind")
	visits := watch(t, s, "blind")
	p.send()
	s.waitState("blind", "live", 10*time.Second)
	requireGoesOn(t, s, "blind")
	p.stop()
	s.waitState("blind", "ended", 15*time.Second)
	requireConformant(t, visits())
	require.Contains(t, s.output.String(), "fs.inotify.max_user_instances")

	out, _ := exec.Command(command[0], append(command[1:], "doctor", "--data", s.data)...).CombinedOutput()
	require.Contains(t, string(out), "! inotify:")
}
