package transcode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// outputDelay is how long output is still read after ffmpeg itself has exited, in case that a child of it lives on.
const outputDelay = 2 * time.Second

// Says is the message of the log under which all that an ffmpeg writes stands, at debug, with its line.
const Says = "ffmpeg says"

// shortTask is the CPU time that is many times what a question, a thumbnail or a still picture takes.
const shortTask = time.Minute

// process is one child with the habits that all of ours have: confined, without standard input, its last lines of standard error kept.
type process struct {
	cmd     *exec.Cmd
	policy  sandbox.Policy
	tail    tail
	journal *journal
	stdout  lineWriter
	stderr  lineWriter
}

// newProcess prepares argv. Lines of standard output go to onLine; log gets those of standard error.
func newProcess(argv []string, may sandbox.Policy, log *slog.Logger, onLine func([]byte)) *process {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), policy: may}
	p.prepare(log, onLine)
	return p
}

// newTask prepares argv as newProcess does, to be terminated at the end of ctx and killed a grace later.
func newTask(ctx context.Context, argv []string, may sandbox.Policy, onLine func([]byte)) *process {
	p := &process{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), policy: may}
	p.prepare(slog.New(slog.DiscardHandler), onLine)
	p.cmd.Cancel = func() error { return p.signal(syscall.SIGTERM) }
	return p
}

func (p *process) prepare(log *slog.Logger, onLine func([]byte)) {
	p.stdout.line = onLine
	p.stderr.line = func(line []byte) {
		if !chatter(line) {
			p.tail.add(line)
		}
		p.journal.add(line)
		log.Debug(Says, "line", string(line))
	}
	p.cmd.Stdout, p.cmd.Stderr = io.Writer(&p.stdout), io.Writer(&p.stderr)
	p.cmd.WaitDelay = outputDelay
}

// chatter reports whether a line is what SVT-AV1 says of itself at each start, at whatever level, or what x265's libnuma says of nodes that
// it may not look at: it is no reason why a run failed.
func chatter(line []byte) bool {
	return bytes.HasPrefix(line, []byte("Svt[info]")) || bytes.HasPrefix(line, []byte("Svt[warn]")) || bytes.HasPrefix(line, []byte("numa_"))
}

// run starts the child, calls started, and waits for the child's end.
func (p *process) run(started func()) error {
	err := sandbox.Run(p.cmd, p.policy, started)
	if p.cmd.Process == nil {
		return fmt.Errorf("start ffmpeg: %w", err)
	}
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
