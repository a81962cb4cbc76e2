package sandbox

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Support is what of this package's promises the kernel keeps on this machine.
type Support struct {
	// Landlock is the kernel's version of it, 0 for none, and LandlockFault why there is none.
	Landlock      int
	LandlockFault error
	// SeccompFault is why system calls are not filtered, nil where they are.
	SeccompFault error
	// Descriptors is whether what this process has inherited is kept from its children.
	Descriptors bool
}

// Check asks the kernel.
func Check() Support {
	s := Support{SeccompFault: seccompFault()}
	s.Landlock, s.LandlockFault = landlockVersion()
	s.Descriptors = unix.CloseRange(1<<30, 1<<30, unix.CLOSE_RANGE_CLOEXEC) == nil
	return s
}

// Holds says in words what programs are held to, as parts of a sentence.
func (s Support) Holds() []string {
	holds := []string{"has a clean environment", "gains no privileges", "has bounds on its memory"}
	if s.Landlock > 0 {
		holds = append(holds, fmt.Sprintf("reads and writes only what it is told to (Landlock %d)", s.Landlock))
	}
	switch {
	case s.SeccompFault == nil:
		holds = append(holds, "makes no sockets (seccomp)")
	case s.Landlock >= 4:
		holds = append(holds, fmt.Sprintf("has no TCP (Landlock %d)", s.Landlock))
	}
	return holds
}

// Lacks says what programs are not held to, and why: nothing where all holds.
func (s Support) Lacks() []string {
	var lacks []string
	if s.LandlockFault != nil {
		lacks = append(lacks, fmt.Sprintf("it reads and writes every file that this user may, because there is no Landlock: %v", s.LandlockFault))
	}
	if s.SeccompFault != nil {
		lacks = append(lacks, fmt.Sprintf("it may use the network, because system calls are not filtered: %v", s.SeccompFault))
	}
	if !s.Descriptors {
		lacks = append(lacks, "it inherits descriptors that this process has inherited, because the kernel is older than 5.11")
	}
	return lacks
}

// String is what holds and what does not, as one line of a log.
func (s Support) String() string {
	text := "it " + strings.Join(s.Holds(), ", ")
	if lacks := s.Lacks(); len(lacks) > 0 {
		text += "; but " + strings.Join(lacks, "; ")
	}
	return text
}
