package sandbox

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// beChild is the first argument of this program when it is to find out what it may do.
const beChild = "what-may-i-do"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == beChild {
		_ = json.NewEncoder(os.Stdout).Encode(findOut(os.Args[2], os.Args[3], os.Args[4]))
		return
	}
	goleak.VerifyTestMain(m)
}

// found is what a child finds that it may do.
type found struct {
	Environment       []string
	Descriptors       []int
	Privileges        int // PR_GET_NO_NEW_PRIVS
	Memory, CPU, Core unix.Rlimit
	Group             bool // it leads a process group
	Errors            map[string]string
}

// findOut tries all that a program may want, in a directory that it may write and with one that it may not.
func findOut(inside, outside, address string) (f found) {
	f.Environment = os.Environ()
	for fd := range 256 {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 { // Go's own are not inherited
			f.Descriptors = append(f.Descriptors, fd)
		}
	}
	f.Privileges, _ = unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	_ = unix.Getrlimit(unix.RLIMIT_AS, &f.Memory)
	_ = unix.Getrlimit(unix.RLIMIT_CPU, &f.CPU)
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &f.Core)
	f.Group = unix.Getpgrp() == unix.Getpid()
	f.Errors = map[string]string{}
	try := func(what string, err error) {
		f.Errors[what] = ""
		if err != nil {
			f.Errors[what] = err.Error()
		}
	}
	_, err := os.ReadFile(filepath.Join(outside, "secret"))
	try("read outside", err)
	try("write outside", os.WriteFile(filepath.Join(outside, "new"), nil, 0o600))
	try("change outside", os.WriteFile(filepath.Join(outside, "secret"), nil, 0o600))
	try("remove outside", os.Remove(filepath.Join(outside, "old")))
	_, err = os.ReadDir("/proc")
	try("read /proc", err)
	try("write inside", os.WriteFile(filepath.Join(inside, "file.tmp"), []byte("x"), 0o600))
	try("rename inside", os.Rename(filepath.Join(inside, "file.tmp"), filepath.Join(inside, "file")))
	_, err = os.ReadFile(filepath.Join(inside, "file"))
	try("read inside", err)
	try("truncate inside", os.Truncate(filepath.Join(inside, "file"), 0))
	try("remove inside", os.Remove(filepath.Join(inside, "file")))
	_, err = os.ReadDir("/usr/bin")
	try("read programs", err)
	try("run programs", exec.Command("true").Run())
	connection, err := net.DialTimeout("tcp", address, time.Minute)
	try("tcp", err)
	if err == nil {
		connection.Close()
	}
	for what, kind := range map[string][2]int{"udp": {unix.AF_INET, unix.SOCK_DGRAM}, "unix": {unix.AF_UNIX, unix.SOCK_STREAM}} {
		fd, err := unix.Socket(kind[0], kind[1], 0)
		try(what, err)
		if err == nil {
			unix.Close(fd)
		}
	}
	try("signal outside", unix.Kill(unix.Getppid(), 0))
	return f
}

// runChild runs this program, and returns what it has found.
func runChild(t *testing.T, p Policy, inside, outside, address string, own ...*os.File) (f found) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program, beChild, inside, outside, address)
	cmd.ExtraFiles, cmd.Stderr = own, os.Stderr
	out, err := Output(cmd, p)
	require.NoError(t, err, "%s", out)
	require.NoError(t, json.Unmarshal(out, &f))
	return f
}

func listen(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// requireKernel fails where the kernel lacks what this package tests.
func requireKernel(t *testing.T) {
	t.Helper()
	require.Empty(t, Check().Lacks(), "these tests need a kernel with Landlock and seccomp, and a container that allows them")
}

// TestPolicy lets a program do what its policy says, and refuses the rest.
func TestPolicy(t *testing.T) {
	requireKernel(t)
	t.Setenv("SLUICE_AUTH_PUBLISH", "a key")
	t.Setenv("LD_LIBRARY_PATH", "/nowhere")
	t.Setenv("http_proxy", "http://proxy.invalid")
	pipe, writer, err := os.Pipe()
	require.NoError(t, err)
	defer pipe.Close()
	defer writer.Close()
	inherited, err := unix.FcntlInt(pipe.Fd(), unix.F_DUPFD, 20) // as if this process had been started with it
	require.NoError(t, err)
	defer unix.Close(inherited)
	inside, outside := t.TempDir(), t.TempDir()
	for _, name := range []string{"secret", "old"} {
		require.NoError(t, os.WriteFile(filepath.Join(outside, name), []byte(name), 0o600))
	}

	f := runChild(t, Policy{Write: []string{inside}, CPU: time.Minute}, inside, outside, listen(t), pipe)
	require.ElementsMatch(t, []string{"LANG=C", "PATH=" + os.Getenv("PATH")}, f.Environment)
	require.Equal(t, []int{0, 1, 2, 3}, f.Descriptors)
	require.Equal(t, 1, f.Privileges)
	require.EqualValues(t, memory+memoryPerCore*runtime.NumCPU(), f.Memory.Max)
	require.EqualValues(t, 60, f.CPU.Max)
	require.Zero(t, f.Core.Max)
	require.True(t, f.Group)
	for what, err := range f.Errors {
		allowed := strings.HasSuffix(what, "inside") || strings.HasSuffix(what, "programs")
		require.Equal(t, allowed, err == "", "%s: %s", what, err)
	}
	secret, err := os.ReadFile(filepath.Join(outside, "secret"))
	require.NoError(t, err)
	require.Equal(t, "secret", string(secret))

	more := runChild(t, Policy{Read: []string{"/"}, Write: []string{inside}, Network: true}, inside, outside, listen(t))
	require.Contains(t, more.Environment, "http_proxy=http://proxy.invalid")
	require.Equal(t, uint64(unix.RLIM_INFINITY), more.CPU.Max)
	for _, what := range []string{"read outside", "read /proc", "tcp", "udp", "unix", "write inside"} {
		require.Empty(t, more.Errors[what], what)
	}
	for _, what := range []string{"write outside", "change outside", "remove outside", "signal outside"} {
		require.NotEmpty(t, more.Errors[what], what)
	}
}

// TestPolicyOfFiles allows a file and nothing beside it.
func TestPolicyOfFiles(t *testing.T) {
	requireKernel(t)
	dir := t.TempDir()
	for _, name := range []string{"in", "out", "other"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("of "+name), 0o600))
	}
	p := Policy{Read: []string{filepath.Join(dir, "in")}, Write: []string{filepath.Join(dir, "out")}}
	cmd := exec.Command("sh", "-c", "cat in >out && ! cat other && ! true >other && ! true >in && ! true >new")
	cmd.Dir = dir
	out, err := Output(cmd, p)
	require.NoError(t, err, "%s", out)
	written, err := os.ReadFile(filepath.Join(dir, "out"))
	require.NoError(t, err)
	require.Equal(t, "of in", string(written))
	_, err = Output(exec.Command("true"), Policy{Read: []string{filepath.Join(dir, "nothing")}})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "confine /usr/bin/true: Landlock: open "+dir)
}

// TestNothingElseIsRestricted starts programs from all threads, and finds none of them restricted afterwards.
func TestNothingElseIsRestricted(t *testing.T) {
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			_, err := Output(exec.Command("true"), Policy{})
			require.NoError(t, err)
		})
	}
	group.Wait()
	eventually(t, func() bool { // threads end a moment after their programs
		tasks, err := os.ReadDir("/proc/self/task")
		require.NoError(t, err)
		return !slices.ContainsFunc(tasks, func(task os.DirEntry) bool {
			status, err := os.ReadFile("/proc/self/task/" + task.Name() + "/status")
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
				return false
			}
			require.NoError(t, err)
			return !strings.Contains(string(status), "NoNewPrivs:\t0") || !strings.Contains(string(status), "Seccomp:\t0")
		})
	})
}

// TestMainThread starts no program from the main thread, which would stay restricted.
func TestMainThread(t *testing.T) {
	threads := make(chan int)
	for range 64 {
		onOwnThread(func() { threads <- unix.Gettid() })
	}
	for range 64 {
		require.NotEqual(t, unix.Getpid(), <-threads)
	}
}

func TestRunFails(t *testing.T) {
	_, err := Output(exec.Command("/nowhere/program"), Policy{})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Output(exec.Command("sh", "-c", "exit 3"), Policy{})
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode())
}

// TestOOMScore makes a program go first.
func TestOOMScore(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	cmd := exec.Command("sh", "-c", "read line <&3; exit 0")
	cmd.ExtraFiles = []*os.File{r}
	var score []byte
	require.NoError(t, Run(cmd, Policy{}, func() {
		r.Close()
		score, err = os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "oom_score_adj"))
		_, _ = w.WriteString("go on\n")
	}))
	require.NoError(t, err)
	require.Equal(t, oomScore, strings.TrimSpace(string(score)))
}

// TestSupport says what does not hold, and why.
func TestSupport(t *testing.T) {
	whole := Support{Landlock: 7, Descriptors: true}
	require.Empty(t, whole.Lacks())
	require.Equal(t, "it has a clean environment, gains no privileges, has bounds on its memory, reads and writes only what it is told to (Landlock 7), "+
		"makes no sockets (seccomp)", whole.String())
	old := Support{LandlockFault: errors.New("too old"), SeccompFault: errors.New("not here")}
	require.Len(t, old.Lacks(), 3)
	require.Contains(t, old.String(), "no Landlock: too old; it may use the network")
	old.Landlock, old.LandlockFault = 4, nil
	require.Contains(t, old.String(), "has no TCP (Landlock 4)")
}

// TestHandled asks of each version of Landlock what it knows, and no more: the kernel would refuse all of it.
func TestHandled(t *testing.T) {
	for version, want := range map[int]struct {
		files, net uint64
		scoped     bool
	}{
		1: {sinceFirst, 0, false}, 2: {sinceSecond, 0, false}, 3: {sinceThird, 0, false}, 4: {sinceThird, tcp, false},
		5: {sinceThird, tcp, false}, 6: {sinceThird, tcp, true}, 9: {sinceThird, tcp, true},
	} {
		attr := handled(version, Policy{})
		require.Equal(t, want.files, attr.Handled_access_fs, version)
		require.Equal(t, want.net, attr.Handled_access_net, version)
		require.Equal(t, want.scoped, attr.Scoped != 0, version)
		require.Zero(t, handled(version, Policy{Network: true}).Handled_access_net)
	}
}

func TestPlacesOf(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o700))
	program := filepath.Join(dir, "bin/ffmpeg")
	require.NoError(t, os.WriteFile(program, nil, 0o700))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(program, link))
	require.Equal(t, []string{link, program, filepath.Join(dir, "lib"), filepath.Join(dir, "lib64")}, placesOf(link))
	require.Equal(t, []string{"ffmpeg"}, placesOf("ffmpeg"))
}

// BenchmarkRun is what starting a program takes, with and without a policy.
func BenchmarkRun(b *testing.B) {
	b.Run("confined", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, Run(exec.Command("true"), Policy{Write: []string{"/tmp"}}, func() {}))
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, exec.Command("true").Run())
		}
	})
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 2*time.Minute, 10*time.Millisecond)
}
