package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sluice-live/sluice/packager/disk"
)

// managed stands in place of the address in the name of a socket that a service manager has bound, and which counts more than the configuration.
const managed = "manager"

// Descriptors are the sockets that the service listens on, and the lock of its data directory. They come from the process before, from a service
// manager, or else from the system. All methods may be called by several goroutines.
type Descriptors struct {
	mu    sync.Mutex
	given map[string]*os.File            // taken over and not used yet, by name
	used  map[string]func() (int, error) // duplicate what is used, by name
}

func newDescriptors() *Descriptors {
	return &Descriptors{given: map[string]*os.File{}, used: map[string]func() (int, error){}}
}

// name is what a descriptor is called between processes: two that agree in it take it for the same.
func name(network, key, address string) string { return network + " " + key + " " + address }

// manage takes over the sockets of a service manager, by key of the configuration.
func (d *Descriptors) manage(listeners map[string]*net.TCPListener) error {
	var errs []error
	for key, listener := range listeners {
		fd, err := duplicate(listener)
		if err == nil {
			d.given[name("tcp", key, managed)] = os.NewFile(uintptr(fd), key)
		}
		errs = append(errs, err, listener.Close())
	}
	return errors.Join(errs...)
}

// Addresses are those of the service manager's sockets that are not in use, by key of the configuration.
func (d *Descriptors) Addresses() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	addresses := map[string]string{}
	for given, file := range d.given {
		key, isManaged := strings.CutSuffix(strings.TrimPrefix(given, "tcp "), " "+managed)
		if !isManaged {
			continue
		}
		if listener, err := net.FileListener(file); err == nil {
			addresses[key] = listener.Addr().String()
			_ = listener.Close()
		}
	}
	return addresses
}

// ListenTCP listens on the address of a key of the configuration.
func (d *Descriptors) ListenTCP(key, address string) (*net.TCPListener, error) {
	for _, from := range []string{managed, address} {
		named := name("tcp", key, from)
		file := d.take(named)
		if file == nil {
			continue
		}
		defer file.Close()
		listener, err := net.FileListener(file)
		if err != nil {
			return nil, fmt.Errorf("take over the socket of %s: %w", key, err)
		}
		tcp, ok := listener.(*net.TCPListener)
		if !ok {
			return nil, errors.Join(fmt.Errorf("take over the socket of %s: it is none of TCP", key), listener.Close())
		}
		d.use(named, tcp)
		return tcp, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	d.use(name("tcp", key, address), listener.(*net.TCPListener))
	return listener.(*net.TCPListener), nil
}

// ListenUDP binds an address of a key of the configuration; network is udp, udp4 or udp6.
func (d *Descriptors) ListenUDP(key, network, address string) (*net.UDPConn, error) {
	named := name(network, key, address)
	if file := d.take(named); file != nil {
		defer file.Close()
		conn, err := net.FilePacketConn(file)
		if err != nil {
			return nil, fmt.Errorf("take over the socket of %s: %w", key, err)
		}
		udp, ok := conn.(*net.UDPConn)
		if !ok {
			return nil, errors.Join(fmt.Errorf("take over the socket of %s: it is none of UDP", key), conn.Close())
		}
		d.use(named, udp)
		return udp, nil
	}
	conn, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	d.use(named, conn.(*net.UDPConn))
	return conn.(*net.UDPConn), nil
}

// Lock is [disk.Lock], which goes on with the lock of the process before.
func (d *Descriptors) Lock(dir string) (lock *os.File, without, err error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	named := name("lock", "data", path)
	lock, without, err = disk.Lock(dir, d.take(named))
	if err == nil {
		d.use(named, lock)
	}
	return lock, without, err
}

// Bind listens on those of the addresses, by key of the configuration, that have not been taken over, so that it is known early that one cannot be had.
// ListenTCP finds them then.
func (d *Descriptors) Bind(addresses map[string]string) error {
	var errs []error
	for key, address := range addresses {
		if address == "" || d.has(name("tcp", key, managed)) || d.has(name("tcp", key, address)) {
			continue
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
			continue
		}
		fd, err := duplicate(listener.(*net.TCPListener))
		if err == nil {
			d.mu.Lock()
			d.given[name("tcp", key, address)] = os.NewFile(uintptr(fd), key)
			d.mu.Unlock()
		}
		errs = append(errs, err, listener.Close())
	}
	return errors.Join(errs...)
}

func (d *Descriptors) has(named string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.given[named] != nil
}

// take returns what was taken over under a name, which is the caller's to close; nil: nothing.
func (d *Descriptors) take(named string) *os.File {
	d.mu.Lock()
	defer d.mu.Unlock()
	file := d.given[named]
	delete(d.given, named)
	return file
}

// use notes what is to be handed over.
func (d *Descriptors) use(named string, conn syscall.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used[named] = func() (int, error) { return duplicate(conn) }
}

// copies duplicates all that there is, by name: they outlive its users. What a user has closed is left out.
func (d *Descriptors) copies() map[string]*os.File {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]*os.File{}
	for named, again := range d.used {
		if fd, err := again(); err == nil {
			all[named] = os.NewFile(uintptr(fd), named)
		}
	}
	for named, file := range d.given {
		if fd, err := duplicate(file); err == nil {
			all[named] = os.NewFile(uintptr(fd), named)
		}
	}
	return all
}

// restore has copies taken again, whose users have gone.
func (d *Descriptors) restore(copies map[string]*os.File) {
	d.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.used)
	d.given = copies
}

// Close closes what was taken over and is not used.
func (d *Descriptors) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for named, file := range d.given {
		_ = file.Close()
		delete(d.given, named)
	}
}

// duplicate makes another descriptor of the same socket or file. Those that File of a listener makes would have it block in both processes once they are
// handed over, as [os.File.Fd] has it.
func duplicate(conn syscall.Conn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(of uintptr) { fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(failed, err)
}
