package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

// The steps, each a byte that one process tells the other.
const (
	stepReady   = 'r'
	stepYours   = 'y'
	stepServing = 's'
	stepLeft    = 'm'
)

const (
	// variable has in the environment of the next process the names of its descriptors, as a list in JSON. The first two are the pipes.
	variable    = "HANDOVER_DESCRIPTORS"
	firstFile   = 3 // behind standard input, output and error
	readyWithin = time.Minute
	serveWithin = time.Minute
	stopWithin  = 20 * time.Second
)

// Program is how the next process is started.
type Program struct {
	Path          string
	Args, Environ []string // as os.Args, with the program's name, and os.Environ
}

// Self is the program that this process was started as, which may be another one on the disk by now.
func Self() (Program, error) {
	path, err := exec.LookPath(os.Args[0])
	return Program{path, os.Args, os.Environ()}, err
}

// Successor is the next process.
type Successor struct {
	descriptors *Descriptors
	copies      map[string]*os.File
	process     *os.Process
	tell, hear  *os.File
	exited      chan struct{} // closed once it has ended
	state       error         // why, then
	served      chan struct{} // closed once it serves, or never will
	serves      bool          // which, then
}

// Start starts the next process with all descriptors.
func (d *Descriptors) Start(p Program, log *slog.Logger) (*Successor, error) {
	s := &Successor{descriptors: d, copies: d.copies(), exited: make(chan struct{}), served: make(chan struct{})}
	told, tell, err := os.Pipe()
	if err != nil {
		s.closeCopies()
		return nil, err
	}
	hear, heard, err := os.Pipe()
	if err != nil {
		s.closeCopies()
		return nil, errors.Join(err, told.Close(), tell.Close())
	}
	s.tell, s.hear = tell, hear
	names := slices.Sorted(maps.Keys(s.copies))
	list, _ := json.Marshal(names) // strings
	cmd := &exec.Cmd{
		Path: p.Path, Args: p.Args, Env: append(inherited(p.Environ), variable+"="+string(list)),
		Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{told, heard},
	}
	for _, named := range names {
		cmd.ExtraFiles = append(cmd.ExtraFiles, s.copies[named])
	}
	err = errors.Join(cmd.Start(), told.Close(), heard.Close())
	if err != nil {
		s.closeCopies()
		return nil, errors.Join(err, tell.Close(), hear.Close())
	}
	s.process = cmd.Process
	panics.Go(log, "the next process", func() {
		defer close(s.exited)
		s.state = cmd.Wait()
	})
	return s, nil
}

// inherited is what the next process has of the environment. What a service manager says in it of sockets is in the list of descriptors, and
// whom it wants to hear of it is told.
func inherited(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains([]string{variable, "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "WATCHDOG_PID"}, name)
	})
}

// PID is its number.
func (s *Successor) PID() int { return s.process.Pid }

// AwaitReady waits until the next process could take over. With an error it has been ended, and nothing is changed.
func (s *Successor) AwaitReady(ctx context.Context) error {
	err := s.await(ctx, stepReady, readyWithin)
	if err != nil {
		s.end(ctx)
		s.closeCopies()
	}
	return err
}

// Discard ends a next process that is not to take over.
func (s *Successor) Discard() {
	defer close(s.served)
	_ = s.process.Kill() // it has begun nothing
	s.end(context.Background())
	s.closeCopies()
}

// Yield lets the next process have everything, of which this one uses nothing any more.
func (s *Successor) Yield() { s.say(stepYours) }

// AwaitServing waits until the next process serves. With an error it has been ended, and this one can listen and lock again, with the same descriptors;
// it is asked to end where ctx has ended.
func (s *Successor) AwaitServing(ctx context.Context) error {
	defer close(s.served)
	err := s.await(ctx, stepServing, serveWithin)
	if err != nil {
		s.end(ctx)
		s.descriptors.restore(s.copies)
		return err
	}
	s.serves = true
	s.closeCopies()
	return nil
}

// Serves waits until it is known whether the next process serves.
func (s *Successor) Serves(ctx context.Context) bool {
	select {
	case <-s.served:
		return s.serves
	case <-ctx.Done():
		return false
	}
}

// Leave tells the next process that this one is no longer what others take for the service.
func (s *Successor) Leave() {
	s.say(stepLeft)
	_, _ = s.tell.Close(), s.hear.Close()
}

func (s *Successor) say(step byte) { _, _ = s.tell.Write([]byte{step}) } // where nobody reads it is heard of in await

// await waits for a step. The error of a process that ends is its status.
func (s *Successor) await(ctx context.Context, step byte, within time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("process %d has said nothing for %v", s.PID(), within))
	defer cancel()
	err := expect(ctx, s.hear, step)
	if !errors.Is(err, io.EOF) {
		return err
	}
	select {
	case <-s.exited: // it may have closed its pipe and go on
		if s.state != nil {
			return fmt.Errorf("process %d has ended: %w", s.PID(), s.state)
		}
		return fmt.Errorf("process %d has ended", s.PID())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end ends a process that is of no use, or that has to stop as this one has: it may have begun something then.
func (s *Successor) end(ctx context.Context) {
	if ctx.Err() != nil && s.process.Signal(syscall.SIGTERM) == nil {
		select {
		case <-s.exited:
		case <-time.After(stopWithin):
		}
	}
	_ = s.process.Kill()
	<-s.exited
	_, _ = s.tell.Close(), s.hear.Close()
}

func (s *Successor) closeCopies() {
	for _, file := range s.copies {
		_ = file.Close()
	}
}

// expect reads one step. io.EOF: the other process has gone.
func expect(ctx context.Context, from *os.File, step byte) error {
	defer context.AfterFunc(ctx, func() { _ = from.SetReadDeadline(time.Unix(1, 0)) })()
	var said [1]byte
	_, err := io.ReadFull(from, said[:])
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return context.Cause(ctx)
	case err != nil:
		return err
	case said[0] != step:
		return fmt.Errorf("the other process says %q where %q is expected: it is of a version that does something else", said[0], step)
	}
	return nil
}
