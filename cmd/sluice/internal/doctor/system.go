package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// What one stream with its recording comfortably fits in.
const (
	wantInotifyInstances = 128
	wantInotifyWatches   = 8192
	wantOpenFiles        = 4096
	wantSocketBuffer     = 4 << 20 // bytes: what the media socket asks for
)

// checkData looks whether the data directory can be written, takes hard
// links (how recordings keep segments without a copy) and has room.
func checkData(cfg config.Config) []finding {
	base := existing(cfg.Data)
	if err := tryDirectory(base); err != nil {
		return []finding{bad("data", err.Error(), "Give this user the right to write there, or choose another directory, on a file system with hard links, with --data.")}
	}
	writable := fine("data", "%s can be written", base)
	var stat unix.Statfs_t
	if err := unix.Statfs(base, &stat); err != nil {
		return []finding{writable, look("disk", err.Error(), "How much is free cannot be told.")}
	}
	free := int64(stat.Bavail) * stat.Bsize
	state := fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))
	switch {
	case cfg.Record.Enabled && free < cfg.Record.MinFree:
		return []finding{writable, bad("disk", state, "Nothing is recorded with less than record.min-free, "+config.FormatSize(cfg.Record.MinFree)+": free some space or lower that.")}
	case free < 1<<30:
		return []finding{writable, look("disk", state, "Live segments need little, but on a full disk every stream stands still: free some space.")}
	}
	return []finding{writable, fine("disk", "%s", state)}
}

// existing returns the nearest directory upwards from name that is there.
func existing(name string) string {
	name, err := filepath.Abs(name)
	for err == nil && name != filepath.Dir(name) {
		if _, err := os.Stat(name); err == nil {
			return name
		}
		name = filepath.Dir(name)
	}
	return name
}

// tryDirectory writes and links a file in a directory of its own under base.
func tryDirectory(base string) error {
	dir, err := os.MkdirTemp(base, ".sluice-doctor-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		return err
	}
	return os.Link(file, filepath.Join(dir, "link"))
}

// checkInotify makes a watcher and reads the limits from a directory of proc.
func checkInotify(proc string) finding {
	const mend = "Without file events segments are looked for every 50 ms, which costs CPU. Raise them: sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=65536 (and in /etc/sysctl.d to keep it)."
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return look("inotify", err.Error(), mend)
	}
	watcher.Close()
	instances, watches := readNumber(proc+"/max_user_instances"), readNumber(proc+"/max_user_watches")
	state := fmt.Sprintf("%d instances, %d watches", instances, watches)
	if instances < wantInotifyInstances || watches < wantInotifyWatches {
		return look("inotify", state, mend)
	}
	return fine("inotify", "%s", state)
}

// checkSocketBuffer reads from a directory of proc how much the kernel grants a socket.
func checkSocketBuffer(proc string) finding {
	granted := readNumber(proc + "/rmem_max")
	state := fmt.Sprintf("up to %d KiB", granted>>10)
	if granted < wantSocketBuffer {
		return look("UDP buffer", state, "Media of many publishers may be lost while the machine is busy: "+
			"sysctl net.core.rmem_max=4194304 net.core.wmem_max=4194304 (and in /etc/sysctl.d to keep it; in a container: on the host).")
	}
	return fine("UDP buffer", "%s", state)
}

// readNumber returns the number in a file, 0 when there is none.
func readNumber(name string) int {
	data, _ := os.ReadFile(name)
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return n
}

// checkFiles looks at how many files may be open.
func checkFiles() finding {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return look("open files", err.Error(), "The limit cannot be told.")
	}
	// Go raises the soft limit to the hard one by itself.
	if limit.Max < wantOpenFiles {
		return look("open files", fmt.Sprintf("at most %d", limit.Max), "Each viewer takes one: raise the limit (ulimit -Hn, LimitNOFILE= in systemd).")
	}
	return fine("open files", "up to %d", limit.Max)
}

// checkTime asks the kernel whether its clock is kept right.
func checkTime() finding {
	state, err := unix.Adjtimex(&unix.Timex{})
	if err != nil || state == unix.TIME_ERROR {
		return look("clock", "not synchronized, as far as the kernel knows",
			"Live positions and latency are told by the clock: run an NTP client such as chrony or systemd-timesyncd (in a container: on the host).")
	}
	return fine("clock", "synchronized")
}
