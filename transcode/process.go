package transcode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// outputDelay is how long output is still read after ffmpeg itself has exited, in case that a child of it lives on.
const outputDelay = 2 * time.Second

// process is one child with the habits that all of ours have: no standard input, a process group of its own, killed
// when this process dies, its last lines of standard error kept.
type process struct {
	cmd     *exec.Cmd
	tail    tail
	journal *journal
	stdout  lineWriter
	stderr  lineWriter
}

// newProcess prepares argv. Lines of standard output go to onLine; log gets those of standard error.
func newProcess(argv []string, log *slog.Logger, onLine func([]byte)) *process {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...)}
	p.prepare(log, onLine)
	return p
}

// newTask prepares argv as newProcess does, to be terminated at the end of ctx and killed a grace later.
func newTask(ctx context.Context, argv []string, onLine func([]byte)) *process {
	p := &process{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...)}
	p.prepare(slog.New(slog.DiscardHandler), onLine)
	p.cmd.Cancel = func() error { return p.signal(syscall.SIGTERM) }
	return p
}

func (p *process) prepare(log *slog.Logger, onLine func([]byte)) {
	p.stdout.line = onLine
	p.stderr.line = func(line []byte) {
		p.tail.add(line)
		p.journal.add(line)
		log.Debug("ffmpeg says", "line", string(line))
	}
	p.cmd.Stdout, p.cmd.Stderr = io.Writer(&p.stdout), io.Writer(&p.stderr)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.WaitDelay = outputDelay
}

// run starts the child, calls started, and waits for the child's end. The kernel sends the parent-death signal when the
// thread that forked ends (prctl(2), PR_SET_PDEATHSIG), so this goroutine keeps its thread until then.
func (p *process) run(started func()) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start ffmpeg: %w", notInstalled(err))
	}
	started()
	err := p.cmd.Wait()
	if !errors.Is(err, exec.ErrWaitDelay) {
		p.stdout.flush()
		p.stderr.flush()
	}
	if err != nil {
		return p.explain(err)
	}
	return nil
}

// explain adds the last lines of standard error.
func (p *process) explain(err error) error {
	if said := p.tail.String(); said != "" {
		return fmt.Errorf("ffmpeg: %w: %s", err, said)
	}
	return fmt.Errorf("ffmpeg: %w", err)
}

// addPipes makes the child inherit the reading ends of n pipes, as descriptors from 3 on, and returns the writing ends.
func (p *process) addPipes(n int) ([]*os.File, error) {
	var writers []*os.File
	for range n {
		r, w, err := os.Pipe()
		if err != nil {
			p.closeChildFiles()
			closeFiles(writers)
			return nil, fmt.Errorf("open pipe to ffmpeg: %w", err)
		}
		p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, r)
		writers = append(writers, w)
	}
	return writers, nil
}

// closeChildFiles closes the reading ends in this process.
func (p *process) closeChildFiles() { closeFiles(p.cmd.ExtraFiles) }

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// signal goes to the whole group. It must not be called after run has returned.
func (p *process) signal(s syscall.Signal) error { return syscall.Kill(-p.cmd.Process.Pid, s) }

// notInstalled says what to do when the program is not there.
func notInstalled(err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("%w: ffmpeg is not installed: apt-get install ffmpeg", err)
	}
	return err
}
