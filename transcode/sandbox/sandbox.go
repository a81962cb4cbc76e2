// Package sandbox runs programs that read what strangers have sent: ffmpeg and ffprobe.
//
// Such a program gets an environment of its own, the descriptors that it is handed and no others, a process group; it dies with this
// process, cannot gain privileges (no_new_privs), leaves no core, has bounds on memory and, where it is short, on CPU time, and is the
// first to go when memory runs out. Where the kernel has Landlock it reads programs, libraries, fonts and what it is told to, writes only
// what it is told to, and has no TCP; where the kernel filters system calls (seccomp) it makes no sockets at all. What does not hold on
// a machine is said by Check, and by nothing else: a program is run without what the kernel lacks, and not at all when what it has fails.
//
// Landlock, seccomp and no_new_privs belong to threads, and a child inherits those of the thread that forks it. So each program is started
// on a thread of its own, which is restricted first and ends after it: there is no helper program, and nothing else of this process is
// restricted. That thread is also what the parent-death signal of the child is bound to (prctl(2), PR_SET_PDEATHSIG).
package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-live/sluice/public/panics"
)

// Policy is what one program may do.
type Policy struct {
	// Read are files and directories that it may read, besides programs, libraries and fonts.
	Read []string
	// Write are directories in which it may make, change and remove files, and files that it may change. They exist.
	Write []string
	// Devices are nodes that it may open, and steer. They exist.
	Devices []string
	// Addresses is whether it may reserve as many addresses as it likes, as drivers of graphics cards do; memory itself is bounded by
	// nothing else then.
	Addresses bool
	// Network is whether it may use sockets. It then has the proxies of this process's environment too.
	Network bool
	// CPU is how much CPU time it may take before it is killed. 0: as much as it likes, which is for what runs as long as a broadcast.
	CPU time.Duration
}

// Run starts a program, calls started, and waits for its end. Stdin is not inherited, ExtraFiles are; Env and SysProcAttr are set here.
// The error is that of [exec.Cmd.Start], before which started is not called, or of [exec.Cmd.Wait], and says what to do where that is known.
func Run(cmd *exec.Cmd, p Policy, started func()) error {
	cmd.Env = p.environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	program := cmd.Path
	start, ended := make(chan error), make(chan error, 1)
	onOwnThread(func() {
		var err error
		fault := panics.Contain(nil, "the start of "+filepath.Base(program), func() {
			if err = errors.Join(keepDescriptors(), restrictThread(p, program)); err == nil {
				err = cmd.Start()
			}
		})
		if err = errors.Join(fault, err); err != nil {
			start <- err
			return
		}
		start <- nil
		ended <- cmd.Wait()
	})
	if err := <-start; err != nil {
		return notInstalled(err)
	}
	limit(cmd.Process.Pid, p)
	started()
	err := <-ended
	if err != nil && ofSnap(program) {
		return fmt.Errorf("%w: %w", err, ErrSnap)
	}
	return err
}

// ErrSnap is why a program of a snap ends at once: what starts it needs privileges, and its confinement takes the place of ours.
var ErrSnap = errors.New("it comes from a snap, which cannot run without privileges (no_new_privs): install another (Debian, Ubuntu: " +
	"apt-get install ffmpeg), and name it, such as --ffmpeg /usr/bin/ffmpeg")

// ofSnap reports whether a program is one of snapd's: all that are in its directory are links to one that starts them.
func ofSnap(program string) bool {
	file, err := filepath.EvalSymlinks(program)
	return err == nil && (filepath.Base(file) == "snap" || strings.HasPrefix(file, "/snap/") || strings.HasPrefix(file, "/var/lib/snapd/"))
}

// notInstalled says what to do when the program is not there.
func notInstalled(err error) error {
	var path *fs.PathError
	if errors.Is(err, exec.ErrNotFound) || errors.As(err, &path) && path.Op == "fork/exec" && errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("%w: ffmpeg is not installed: apt-get install ffmpeg", err)
	}
	return err
}

// Output runs a program as Run does, and returns what it prints.
func Output(cmd *exec.Cmd, p Policy) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	err := Run(cmd, p, func() {})
	return out.Bytes(), err
}

// environment is what a program finds: what its libraries print is not translated, and nothing of this process's, where keys may be.
func (p Policy) environment() []string {
	names := []string{"PATH"}
	if p.Network {
		names = append(names, "http_proxy", "https_proxy", "no_proxy")
	}
	env := []string{"LANG=C"}
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// keepDescriptors keeps children from what this process has itself inherited from who started it, and from what a library may have opened
// for them. All that Go opens is so already.
func keepDescriptors() error {
	err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		return nil // older than 5.11, which Check says
	}
	return err
}

// onOwnThread runs do on a thread that ends with it, and does not wait for it. The main thread would not end.
func onOwnThread(do func()) {
	go func() {
		runtime.LockOSThread() // and never unlocked, so that Go ends the thread with the goroutine
		if unix.Gettid() != unix.Getpid() {
			do()
			return
		}
		done := make(chan struct{})
		onOwnThread(func() { // while this goroutine keeps the main thread
			defer close(done)
			do()
		})
		<-done
		runtime.UnlockOSThread()
	}()
}

// restrictThread takes from this thread, and from what it forks, whatever the policy does not allow a program.
func restrictThread(p Policy, program string) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine %s: no_new_privs: %w", program, err)
	}
	if err := restrictFiles(p, program); err != nil {
		return fmt.Errorf("confine %s: Landlock: %w", program, err)
	}
	if p.Network {
		return nil
	}
	if err := denySockets(); err != nil {
		return fmt.Errorf("confine %s: seccomp: %w", program, err)
	}
	return nil
}

// Bounds of a program's memory. Threads of glibc reserve up to 64 MiB each that they never touch, 8 times as many as there are cores; a
// ladder of 720p on two cores has 0.5 GiB of addresses, and uses a fifth of that.
const (
	memory        = 4 << 30
	memoryPerCore = 1 << 30
)

// oomScore makes a program go before this process when memory runs out (proc(5), oom_score_adj).
const oomScore = "500"

// limit bounds what a process takes. It may have ended, or become a program that this user may not limit, which changes nothing for
// others.
func limit(pid int, p Policy) {
	bytes := uint64(memory + memoryPerCore*runtime.NumCPU())
	set := func(resource int, most uint64) {
		_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
	}
	if !p.Addresses {
		set(unix.RLIMIT_AS, bytes)
	}
	set(unix.RLIMIT_CORE, 0)
	if p.CPU > 0 {
		set(unix.RLIMIT_CPU, uint64(p.CPU/time.Second))
	}
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(oomScore), 0)
}
