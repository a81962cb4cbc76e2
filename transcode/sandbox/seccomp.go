package sandbox

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// architectures are the numbers under which seccomp knows the ones that are filtered (seccomp(2)). The numbers of system calls differ.
var architectures = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// x32 is the bit of system calls in the ABI of that name, which has the architecture of amd64.
const x32 = 0x40000000

// Offsets in struct seccomp_data.
const (
	offsetNumber       = 0
	offsetArchitecture = 4
)

// seccompFault says once why system calls cannot be filtered, nil where they can.
var seccompFault = sync.OnceValue(func() error {
	if _, known := architectures[runtime.GOARCH]; !known {
		return fmt.Errorf("it is not set up for %s", runtime.GOARCH)
	}
	action := uint32(unix.SECCOMP_RET_ERRNO)
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action))); errno != 0 {
		return fmt.Errorf("the kernel is built without it, or refuses it by the rules of a container: %w", errno)
	}
	return nil
})

// denySockets has the kernel refuse every socket to this thread and to what it forks, by which packets could leave the machine that
// Landlock does not see. Where system calls cannot be filtered it does nothing.
func denySockets() error {
	if seccompFault() != nil {
		return nil
	}
	filter := socketFilter(architectures[runtime.GOARCH])
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

// socketFilter refuses the calls that make sockets or reach around filters, and all of other architectures, whose numbers mean other
// calls. A program that is refused them is told that it may not (EPERM).
func socketFilter(architecture uint32) []unix.SockFilter {
	refused := []uint32{unix.SYS_SOCKET, unix.SYS_IO_URING_SETUP, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	end := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	jump := func(test uint16, with uint32, yes, no int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, Jt: uint8(yes), Jf: uint8(no), K: with}
	}
	left := len(refused)
	filter := []unix.SockFilter{
		load(offsetArchitecture),
		jump(unix.BPF_JEQ, architecture, 0, left+3),
		load(offsetNumber),
		jump(unix.BPF_JGE, x32, left+1, 0),
	}
	for _, call := range refused {
		filter = append(filter, jump(unix.BPF_JEQ, call, left, 0))
		left--
	}
	return append(filter, end(unix.SECCOMP_RET_ALLOW), end(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)))
}
