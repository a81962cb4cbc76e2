package reload

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a Reloader of a file, and what it has put in force and said.
type fixture struct {
	t       *testing.T
	file    string
	signals chan os.Signal
	refuse  error // of the service
	pair    error // of the certificate

	mu            sync.Mutex
	log           bytes.Buffer
	newest        config.Config
	taken, failed int
}

func (f *fixture) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(line)
}

func (f *fixture) locked(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// write replaces the file as editors and tools do.
func (f *fixture) write(name, content string) {
	f.t.Helper()
	require.NoError(f.t, os.WriteFile(name+".new", []byte(content), 0o600))
	require.NoError(f.t, os.Rename(name+".new", name))
}

// eventually waits until the log, and what is in force, are as wanted.
func (f *fixture) eventually(want string, inForce func(config.Config) bool) {
	f.t.Helper()
	require.Eventually(f.t, func() (ok bool) {
		f.locked(func() { ok = strings.Contains(f.log.String(), want) && inForce(f.newest) })
		return ok
	}, 2*time.Minute, time.Millisecond, want)
}

func run(t *testing.T, content string, watched bool) *fixture {
	t.Helper()
	f := &fixture{t: t, file: filepath.Join(t.TempDir(), "sluice.yaml"), signals: make(chan os.Signal)}
	f.write(f.file, content)
	load := func() (*config.Loaded, error) {
		flags := config.NewFlags()
		flags.File = f.file
		return flags.Load(config.Surroundings{})
	}
	running, err := load()
	require.NoError(t, err)
	f.newest = running.Config
	options := Options{
		Load: load, Running: running, File: f.file,
		Certificate:    func(config.TLS) (tls.Certificate, error) { return tls.Certificate{}, f.pair },
		UseCertificate: func(tls.Certificate) {},
		Service:        func(context.Context, config.Config) (int, error) { return 3, f.refuse },
		Rest:           func(cfg config.Config) { f.locked(func() { f.newest = cfg }) },
		Begin:          func() {},
		Count: func(taken bool) {
			f.locked(func() {
				if taken {
					f.taken++
				} else {
					f.failed++
				}
			})
		},
		Logger: slog.New(slog.NewTextHandler(f, nil)),
	}
	if !watched {
		options.File = ""
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		New(options).Run(ctx, f.signals)
	}()
	t.Cleanup(func() { stop(); <-ended })
	return f
}

// A file that has changed is put in force; one that is wrong is told of, and what is in force stays.
func TestFileChanges(t *testing.T) {
	f := run(t, "log: {level: warn}", true)
	f.signals <- syscall.SIGHUP // with whose handling the files are watched
	f.eventually("the configuration is reloaded", func(config.Config) bool { return true })
	f.write(f.file, "log: {level: debug}\nunlisted: [rehearsal]")
	f.eventually("log.level", func(c config.Config) bool { return c.Log.Level == slog.LevelDebug && c.IsUnlisted("rehearsal") })
	f.write(f.file, "log: {level: loud}\nnope: 1\n")
	f.eventually("no such key", func(c config.Config) bool { return c.Log.Level == slog.LevelDebug })
	f.eventually("log.level", func(config.Config) bool { // which are told one after the other, and again if it was read twice
		return f.failed > 0 && strings.Count(f.log.String(), "the configuration is not reloaded, and what is in force stays") == 2*f.failed
	})
	f.write(f.file, "log: {level: error}\nsegment: 4s\n")
	f.eventually("needs a restart: segment", func(c config.Config) bool { return c.Log.Level == slog.LevelError })
	f.locked(func() {
		require.GreaterOrEqual(t, f.taken, 3)
		require.GreaterOrEqual(t, f.failed, 1)
		require.Contains(t, f.log.String(), `"ended for lack of a right"=3`)
	})
}

// A file that the configuration names, and which it begins to name, is watched as it is.
func TestNamedFileChanges(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.pem")
	require.NoError(t, os.WriteFile(keys, []byte("one"), 0o600))
	f := run(t, "", false)
	f.write(f.file, fmt.Sprintf("auth: {jwt: %q}", keys))
	f.signals <- syscall.SIGHUP
	f.eventually("auth.jwt", func(c config.Config) bool { return c.Auth.JWT.Keys == keys })
	var before int
	f.locked(func() { before = f.taken })
	require.Eventually(t, func() (again bool) { // it is watched from some time after the reload on
		f.locked(func() { again = f.taken > before })
		return again || os.WriteFile(keys, []byte("another"), 0o600) != nil
	}, 2*time.Minute, 3*settled)
	f.locked(func() { require.Greater(t, f.taken, before) })
}

// Who takes it may refuse: then nothing of it is in force.
func TestRefusedByOneIsTakenByNone(t *testing.T) {
	for name, refuse := range map[string]func(*fixture){
		"service":     func(f *fixture) { f.refuse = errors.New("whether a key is needed is decided at the start") },
		"certificate": func(f *fixture) { f.pair = errors.New("read tls.cert and tls.key: they do not match") },
	} {
		t.Run(name, func(t *testing.T) {
			f := run(t, "log: {level: warn}", false)
			refuse(f)
			f.write(f.file, "log: {level: debug}")
			f.signals <- syscall.SIGHUP
			f.eventually("what is in force stays", func(c config.Config) bool { return c.Log.Level == slog.LevelWarn })
			f.locked(func() { require.Equal(t, [2]int{0, 1}, [2]int{f.taken, f.failed}) })
		})
	}
}
