package e2e

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A test binary that is killed, or whose time is up, ends nothing that it has started: services, browsers and caches would live on, and
// take the machine from the tests that come next. So a process of its own waits for its end and kills what is left then. It knows that by
// an environment variable, which whatever a test starts inherits, and what that starts in turn; ffmpeg, which does not, ends with its service.
const (
	runKey  = "E2E_RUN"  // names this run of the tests
	roleKey = "E2E_ROLE" // what this binary is instead of the tests
)

var roles = map[string]func(){"guard": guard, "victim": victim}

// guarded is closed with this process: the guard waits for that.
var guarded io.Closer

func startGuard() error {
	if err := os.Setenv(runKey, rand.Text()); err != nil {
		return err
	}
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), roleKey+"=guard")
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // what is sent to the group of the tests leaves it alone
	input, err := command.StdinPipe()
	guarded = input
	return errors.Join(err, command.Start())
}

// guard is the process that waits. What it kills may be about to start something.
func guard() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	for calm := 0; calm < 5; calm++ {
		if killRun(os.Getenv(runKey)) {
			calm = 0
		}
		lapse(lookEvery)
	}
}

// killRun kills the processes of a run, and reports whether there were any.
func killRun(run string) (found bool) {
	environments, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is right
	for _, path := range environments {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		environment, err := os.ReadFile(path)
		if err != nil || pid == os.Getpid() || !bytes.Contains(append([]byte{0}, environment...), []byte("\x00"+runKey+"="+run+"\x00")) {
			continue
		}
		found = syscall.Kill(pid, syscall.SIGKILL) == nil || found
	}
	return found
}

// victim is a run of tests that has started something in a session of its own, says what, and waits to be killed.
func victim() {
	if err := startGuard(); err != nil {
		fmt.Println(err)
		return
	}
	command := exec.Command("sh", "-c", "sleep 600 & echo $!; wait")
	command.Stdout = os.Stdout
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	fmt.Println(command.Run())
}

// What tests have started does not outlive them, however they end.
func TestNothingOutlivesTests(t *testing.T) {
	alongside(t, light)
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), roleKey+"=victim")
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	started, err := strconv.Atoi(line[:len(line)-1])
	require.NoError(t, err, "%s", line)
	require.True(t, alive(started))
	require.NoError(t, command.Process.Kill())
	eventually(t, func() bool { return !alive(started) })
	_ = command.Wait()
}

// alive reports whether a process runs: one that nobody has waited for does not.
func alive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(status, []byte(") Z "))
}
