// Package systemd speaks with the service manager that has started this process, where there is one. It takes the sockets that the manager
// listens on already, and tells it when the service is ready, reloads, stops and lives.
//
// It follows sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3), which other managers and tests speak too, and asks for nothing but
// the environment. It starts no goroutine.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	firstSocket = 3 // SD_LISTEN_FDS_START
	mostSockets = 16
	tellWithin  = 5 * time.Second // a manager that does not read
)

// names are what FileDescriptorName= of a socket may be, and the key of the configuration that each stands for.
var names = []struct{ name, key string }{{"http", "http.listen"}, {"https", "https.listen"}, {"metrics", "http.metrics"}}

// Manager is the service manager. That of a process which has none gives no sockets and hears nothing.
type Manager struct {
	listeners map[string]*net.TCPListener // by key of the configuration
	notify    string                      // address of its socket; empty: there is none
	watchdog  time.Duration               // within which it wants to hear of us; 0: it does not
}

// New reads the environment, as os.Environ returns it, and takes the sockets, which it can do once in a process. Its errors say what to change in the units.
func New(environ []string) (*Manager, error) {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	m := &Manager{listeners: map[string]*net.TCPListener{}, notify: env["NOTIFY_SOCKET"]}
	if usec, err := strconv.ParseInt(env["WATCHDOG_USEC"], 10, 64); err == nil && usec > 0 && forUs(env["WATCHDOG_PID"], true) {
		m.watchdog = time.Duration(usec) * time.Microsecond
	}
	count, err := strconv.Atoi(env["LISTEN_FDS"])
	if err != nil || !forUs(env["LISTEN_PID"], false) {
		return m, nil
	}
	if count < 0 || count > mostSockets {
		return m, fmt.Errorf("%d sockets are handed over (LISTEN_FDS): there are at most %d to serve", count, len(names))
	}
	return m, m.take(count, strings.Split(env["LISTEN_FDNAMES"], ":"))
}

// forUs reports whether a variable means this process, and not the one that has started it.
func forUs(pid string, unset bool) bool {
	return pid == strconv.Itoa(os.Getpid()) || pid == "" && unset
}

// take makes listeners of the sockets. Those without names are in the order of the table.
func (m *Manager) take(count int, given []string) error {
	var errs []error
	for i := range count {
		name := ""
		if i < len(given) {
			name = given[i]
		}
		file := os.NewFile(uintptr(firstSocket+i), name)
		errs = append(errs, m.takeOne(i, name, file), file.Close())
	}
	return errors.Join(errs...)
}

func (m *Manager) takeOne(place int, name string, file *os.File) error {
	i := slices.IndexFunc(names, func(n struct{ name, key string }) bool { return n.name == name })
	if name == "" || name == "unknown" { // as systemd calls what has no name
		name, i = strconv.Itoa(place+1), place
	}
	if i < 0 || i >= len(names) {
		return fmt.Errorf("socket %s: nothing is served on it: set FileDescriptorName= of its unit to http, https or metrics", name)
	}
	key := names[i].key
	if m.listeners[key] != nil {
		return fmt.Errorf("socket %s: there is another one for %s: leave one ListenStream=", name, key)
	}
	listener, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("socket %s: %w: it has to be a ListenStream=", name, err)
	}
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return errors.Join(fmt.Errorf("socket %s: %s is no TCP address: set ListenStream= to one", name, listener.Addr()), listener.Close())
	}
	m.listeners[key] = tcp
	return nil
}

// Listeners are the sockets by the key of the configuration that says where else would be listened.
func (m *Manager) Listeners() map[string]*net.TCPListener { return m.listeners }

// Ready tells that the service serves, or has read its configuration again. What it does is one line for who asks the manager.
func (m *Manager) Ready(does string) error {
	return m.tell("READY=1\nSTATUS=" + strings.ReplaceAll(does, "\n", " "))
}

// Reloading tells that the configuration is being read again; Ready has to follow.
func (m *Manager) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	return m.tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000))
}

// MainPID tells that another process is the service from now on, which speaks for itself then; the manager takes that from this one only.
func (m *Manager) MainPID(pid int) error {
	return m.tell("MAINPID=" + strconv.Itoa(pid))
}

// Stopping tells that the service stops.
func (m *Manager) Stopping() error {
	return m.tell("STOPPING=1\nSTATUS=streams end, recordings are closed")
}

// Watch tells the manager twice in each of its intervals that the service lives, until ctx ends: after alive has returned, which therefore
// has to return soon, and not to when the service hangs. Where the manager does not want to hear of that it returns at once. A message that does
// not arrive is told to failed, but for those that follow another one, and the next is sent all the same: a manager that heard no more would end the service.
func (m *Manager) Watch(ctx context.Context, alive func(), failed func(error)) {
	if m.watchdog == 0 {
		return
	}
	ticker := time.NewTicker(m.watchdog / 2)
	defer ticker.Stop()
	for arrives := true; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		alive()
		err := m.tell("WATCHDOG=1")
		if err != nil && arrives {
			failed(err)
		}
		arrives = err == nil
	}
}

// tell sends one message.
func (m *Manager) tell(message string) error {
	if m.notify == "" {
		return nil
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.notify, Net: "unixgram"}) // @ begins an abstract name for Go too
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer connection.Close()
	_ = connection.SetWriteDeadline(time.Now().Add(tellWithin))
	if _, err := connection.Write([]byte(message)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}
