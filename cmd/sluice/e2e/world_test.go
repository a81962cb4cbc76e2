package e2e

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// world is a disk and limits of inotify that are a service's own, in namespaces that outlive it and end with the test.
type world struct {
	t      testing.TB
	mount  string   // where the disk is, in the world
	holder int      // the process that keeps the namespaces
	socket *os.File // handed over to each service; nil: it opens its own
}

const diskOfWorld = 512 << 20 // bytes, of which only what is written takes space

// makeWorld mounts a disk, becomes root of a user namespace and waits for its input to end.
const makeWorld = `mkfs.ext4 -q -m 0 "$1" && mount -o loop,noatime "$1" "$0" && exec unshare --user --map-root-user sh -c 'echo ready; exec cat'`

// newWorld needs root, and a kernel with loop devices and user namespaces.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, mount: t.TempDir()}
	image := filepath.Join(t.TempDir(), "disk")
	file, err := os.Create(image)
	require.NoError(t, err)
	require.NoError(t, file.Truncate(diskOfWorld))
	require.NoError(t, file.Close())
	command := exec.Command("unshare", "--mount", "sh", "-c", makeWorld, w.mount, image)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err, "a disk of its own needs root, mkfs.ext4, loop devices and user namespaces")
	require.Equal(t, "ready\n", line)
	w.holder = command.Process.Pid
	return w
}

// holdSocket has the services that are started from now on serve HTTP at a socket that stays when they end, as systemd does: who connects while
// none of them runs, waits.
func (w *world) holdSocket() {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	w.socket, err = listener.(*net.TCPListener).File()
	require.NoError(w.t, err)
	require.NoError(w.t, listener.Close())
	w.t.Cleanup(func() { _ = w.socket.Close() })
}

// start runs the program in the world, with its data on the world's disk.
func (w *world) start(args ...string) *service {
	w.t.Helper()
	data := filepath.Join(w.mount, "data")
	command := serviceBy(w.t, w.inside(program), data, args...)
	if w.socket != nil {
		command = serviceBy(w.t, w.inside("sh", "-c", byManager, program), data, args...)
		command.ExtraFiles = []*os.File{w.socket}
	}
	s := startCommand(w.t, command, data)
	s.data = filepath.Join(w.disk(), "data")
	return s
}

// disk is what the world's disk is called outside of it.
func (w *world) disk() string { return filepath.Join("/proc", strconv.Itoa(w.holder), "root", w.mount) }

// inside is a command in the world.
func (w *world) inside(command ...string) []string {
	return append([]string{"nsenter", "--user", "--preserve-credentials", "--mount", "--target", strconv.Itoa(w.holder)}, command...)
}

// steer has root do something to the disk, which is $0 for the shell.
func (w *world) steer(script string) {
	w.t.Helper()
	out, err := exec.Command("nsenter", "--mount", "--target", strconv.Itoa(w.holder), "sh", "-c", script, w.mount).CombinedOutput()
	require.NoError(w.t, err, "%s", out)
}

// limitInotify sets how many directories of the world can be watched from now on.
func (w *world) limitInotify(watches int) {
	w.t.Helper()
	command := w.inside("sh", "-c", "echo $0 >/proc/sys/user/max_inotify_watches", strconv.Itoa(watches))
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	require.NoError(w.t, err, "%s", out)
}

// fillUp takes all space that the disk has left; empty gives it back.
func (w *world) fillUp() (empty func()) {
	w.t.Helper()
	ballast := filepath.Join(w.disk(), "ballast")
	f, err := os.Create(ballast)
	require.NoError(w.t, err)
	defer f.Close()
	for size, end := int64(diskOfWorld), int64(0); size >= 4096; {
		if err = syscall.Fallocate(int(f.Fd()), 0, end, size); err == nil {
			end += size
		} else {
			size /= 2
		}
	}
	require.ErrorIs(w.t, err, syscall.ENOSPC)
	return func() { require.NoError(w.t, os.Remove(ballast)) }
}
