package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// footprint is what a service holds.
type footprint struct {
	Goroutines, Descriptors, Children int
	LiveFiles                         int
	Memory                            int // MiB resident
}

func (s *service) footprint() footprint {
	f := footprint{
		Goroutines:  int(s.metric("go_goroutines")),
		Descriptors: int(s.metric("process_open_fds")),
		Children:    len(children(s.cmd.Process.Pid)),
		Memory:      int(s.metric("process_resident_memory_bytes")) >> 20,
	}
	_ = filepath.WalkDir(filepath.Join(s.data, "live"), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			f.LiveFiles++
		}
		return nil
	})
	return f
}

// children lists the processes whose parent is pid, dead ones that nobody has waited for too.
func children(pid int) (found []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			found = append(found, child)
		}
	}
	return found
}

// Fifteen publishers come and go; nothing of them stays.
func TestCyclesLeaveNothing(t *testing.T) {
	alongside(t, atLength(light))
	const cycles = 15
	s := startService(t, "--ladder", "tiny=160x120@30:100k", "--linger", "0s", "--window", "12s", "--record=false")
	cycle := func(i int) {
		name := fmt.Sprintf("cycle-%d", i)
		p := newPublisher(t, s, name)
		p.send()
		eventually(t, func() bool { return s.metric(`sluice_depay_frames_out_total{kind="video",stream="`+name+`"}`) > 0 })
		p.stop()
		s.waitState(name, "ended")
	}
	cycle(0) // whatever is made once is there after the first
	before := s.footprint()
	for i := range cycles {
		cycle(i + 1)
	}
	t.Logf("before %+v", before)
	eventually(t, func() bool {
		now := s.footprint()
		return now.Goroutines <= before.Goroutines+2 && now.Descriptors <= before.Descriptors+2 && now.Children == 0 && now.LiveFiles <= before.LiveFiles
	}, "after: %+v", s.footprint())
	t.Logf("after %+v", s.footprint())
}
