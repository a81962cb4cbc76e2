package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What Landlock knows (landlock(7)), by the version from which on it does.
const (
	readFile  = unix.LANDLOCK_ACCESS_FS_READ_FILE
	readDir   = unix.LANDLOCK_ACCESS_FS_READ_DIR
	execute   = unix.LANDLOCK_ACCESS_FS_EXECUTE
	writeFile = unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	makeFile  = unix.LANDLOCK_ACCESS_FS_MAKE_REG
	remove    = unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR // ffmpeg tries rmdir(2) first on what it deletes
	truncate  = unix.LANDLOCK_ACCESS_FS_TRUNCATE                                         // 3

	sinceFirst = readFile | readDir | execute | writeFile | makeFile | remove |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SYM
	sinceSecond = sinceFirst | unix.LANDLOCK_ACCESS_FS_REFER
	sinceThird  = sinceSecond | truncate

	tcp    = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP // 4
	onFile = readFile | execute | writeFile | truncate                                // all that a rule of a file may allow
)

// programs are where programs, their libraries and fonts are, with what these are configured by.
var programs = [...]string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload", "/etc/fonts", "/var/cache/fontconfig",
}

// devices are what programs expect to be there.
var devices = [...]string{"/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"}

// landlockVersion asks the kernel once for its version of Landlock. The error says why there is none.
var landlockVersion = sync.OnceValues(func() (int, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch errno {
	case 0:
		return int(version), nil
	case unix.ENOSYS:
		return 0, errors.New("the kernel is older than 5.13, or built without it")
	case unix.EOPNOTSUPP:
		return 0, errors.New("it is not switched on: add landlock to the kernel's parameter lsm=")
	}
	return 0, fmt.Errorf("the kernel refuses it, maybe by the rules of a container: %w", errno)
})

// handled is what the kernel's version of Landlock can forbid, and is to.
func handled(version int, p Policy) (attr unix.LandlockRulesetAttr) {
	switch {
	case version >= 3:
		attr.Handled_access_fs = sinceThird
	case version == 2:
		attr.Handled_access_fs = sinceSecond
	default:
		attr.Handled_access_fs = sinceFirst
	}
	if version >= 4 && !p.Network {
		attr.Handled_access_net = tcp
	}
	if version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		if signalsWithin() {
			attr.Scoped |= unix.LANDLOCK_SCOPE_SIGNAL
		}
	}
	return attr
}

// signalsWithin reports whether a thread whose signals are held to its domain may still send them to threads of its own process, as Go's
// does: in kernels before 6.15 that have not been mended it may not (erratum 2).
var signalsWithin = sync.OnceValue(func() bool {
	errata, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_ERRATA)
	return errno == 0 && errata&(1<<(2-1)) != 0
})

// restrictFiles has the kernel hold this thread to the policy, as far as it can. Without Landlock it does nothing.
func restrictFiles(p Policy, program string) error {
	version, err := landlockVersion()
	if err != nil {
		return nil
	}
	attr := handled(version, p)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("make rules: %w", errno)
	}
	defer unix.Close(int(fd))
	r := rules{int(fd), attr.Handled_access_fs}
	if err := r.addAll(p, program); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("enforce rules: %w", errno)
	}
	return nil
}

// rules are a set of them that is being made.
type rules struct {
	fd      int
	handled uint64
}

func (r rules) addAll(p Policy, program string) error {
	for _, path := range append(programs[:], placesOf(program)...) {
		if err := r.add(path, readFile|readDir|execute); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, path := range devices {
		if err := r.add(path, readFile|writeFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, path := range p.Devices {
		if err := r.add(path, readFile|writeFile); err != nil {
			return err
		}
	}
	for _, path := range p.Read {
		if err := r.add(path, readFile|readDir); err != nil {
			return err
		}
	}
	for _, path := range p.Write {
		if err := r.add(path, readFile|readDir|writeFile|truncate|makeFile|remove); err != nil {
			return err
		}
	}
	return nil
}

// add allows something with a file, or with all that is below a directory.
func (r rules) add(path string, allowed uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		allowed &= onFile
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: allowed & r.handled, Parent_fd: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return &os.PathError{Op: "allow", Path: path, Err: errno}
	}
	return nil
}

// placesOf are what a program needs that is installed elsewhere: itself, what it is a link to, and libraries beside its directory.
func placesOf(program string) (places []string) {
	names := []string{program}
	if real, err := filepath.EvalSymlinks(program); err == nil && real != program {
		names = append(names, real)
	}
	for _, name := range names {
		places = append(places, name)
		if dir := filepath.Dir(name); filepath.Base(dir) == "bin" {
			places = append(places, filepath.Join(dir, "../lib"), filepath.Join(dir, "../lib64"))
		}
	}
	return places
}
