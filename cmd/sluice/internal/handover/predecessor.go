package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Predecessor is the process before this one; nil: there is none, and nothing is waited for.
type Predecessor struct{ tell, told *os.File }

// Inherit takes what the process before has handed over, as the environment says, which can be done once in a process, and the sockets of a
// service manager. Its error is none that an operator can mend.
func Inherit(environ []string, listeners map[string]*net.TCPListener) (*Descriptors, *Predecessor, error) {
	d := newDescriptors()
	if err := d.manage(listeners); err != nil {
		return d, nil, err
	}
	for _, entry := range environ {
		list, ok := strings.CutPrefix(entry, variable+"=")
		if !ok {
			continue
		}
		_ = os.Unsetenv(variable) // which is not for the programs that this process starts
		var names []string
		if err := json.Unmarshal([]byte(list), &names); err != nil {
			return d, nil, fmt.Errorf("environment %s: %w", variable, err)
		}
		told, err := adopt(firstFile, "told")
		tell, err2 := adopt(firstFile+1, "tell")
		for i, named := range names {
			file, err3 := adopt(firstFile+2+i, named)
			err2 = errors.Join(err2, err3)
			d.given[named] = file
		}
		if err := errors.Join(err, err2); err != nil {
			return newDescriptors(), nil, fmt.Errorf("environment %s: %w", variable, err)
		}
		return d, &Predecessor{tell, told}, nil
	}
	return d, nil, nil
}

// adopt makes a file of a descriptor that this process was started with, and which those that it starts do not get.
func adopt(fd int, name string) (*os.File, error) {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	unix.CloseOnExec(fd)
	if name == "told" || name == "tell" {
		if err := syscall.SetNonblock(fd, true); err != nil { // so that reading it can be given up
			return nil, fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Take tells the process before that this one can take over, and waits until it may, or until ctx ends. A process that has died has let go of everything.
func (p *Predecessor) Take(ctx context.Context) error {
	if p == nil {
		return nil
	}
	_, _ = p.tell.Write([]byte{stepReady})
	if err := expect(ctx, p.told, stepYours); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Serves tells the process before that this one serves, and waits until that has said so to whom it concerns, or has gone.
func (p *Predecessor) Serves(ctx context.Context) {
	if p == nil {
		return
	}
	_, _ = p.tell.Write([]byte{stepServing})
	_ = expect(ctx, p.told, stepLeft) // whatever else it says, it goes
	_, _ = p.tell.Close(), p.told.Close()
}
