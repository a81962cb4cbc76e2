// Package reload puts another configuration in force while the service runs: when SIGHUP comes, and when the configuration file or a file that it names
// has changed. What is wrong keeps what is in force; what cannot be changed is told of, and needs a restart.
//
// Goroutines: none; [Reloader.Run] is for one of the caller's.
package reload

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// settled is how long files have to be left alone before they are read: an editor or a tool writes several, or one in pieces.
const settled = 200 * time.Millisecond

// Options says what is reloaded, and what takes it.
type Options struct {
	// Load reads the configuration anew. Running is that which the service was started with.
	Load    func() (*config.Loaded, error)
	Running *config.Loaded
	// File is the configuration file; empty: there is none.
	File string
	// Certificate reads that of HTTPS; nil: there is none. UseCertificate takes it.
	Certificate    func(config.TLS) (tls.Certificate, error)
	UseCertificate func(tls.Certificate)
	// Service takes rights and what else is its own, and says how many sessions and the like it has ended for it. With an error it has taken nothing.
	Service func(context.Context, config.Config) (ended int, err error)
	// Rest takes what cannot be refused: the level of the log, and which keys it masks.
	Rest   func(config.Config)
	Begin  func()           // is called before each attempt
	Count  func(taken bool) // is called after each attempt
	Logger *slog.Logger
}

// Reloader reloads.
type Reloader struct {
	options Options
	names   map[string]bool // of files that are watched
}

// New makes a Reloader.
func New(o Options) *Reloader { return &Reloader{o, map[string]bool{}} }

// reloadable reports whether a key can be changed while the service runs.
func reloadable(key string) bool {
	return strings.HasPrefix(key, "auth.") || slices.Contains([]string{"unlisted", "log.level", "tls.cert", "tls.key", "tls.self-signed"}, key)
}

// Run reloads for each signal, and for each change of the files, until ctx ends.
func (r *Reloader) Run(ctx context.Context, signals <-chan os.Signal) {
	var events <-chan fsnotify.Event
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		r.options.Logger.Warn("the configuration's files are not watched: reload them with SIGHUP", "error", err)
	} else {
		defer watcher.Close()
		events = watcher.Events
		r.watch(watcher, r.options.Running.Config)
	}
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-events:
			if r.names[event.Name] && event.Op != fsnotify.Chmod || strings.HasSuffix(event.Name, "/..data") { // by which Kubernetes replaces all files of a volume
				due = time.After(settled)
			}
			continue
		case <-signals:
		case <-due:
		}
		due = nil
		if cfg := r.Reload(ctx); cfg != nil && watcher != nil {
			r.watch(watcher, *cfg)
		}
	}
}

// watch watches the directories of the files, as files are replaced rather than written.
func (r *Reloader) watch(watcher *fsnotify.Watcher, cfg config.Config) {
	clear(r.names)
	for _, name := range append(cfg.Files(), r.options.File) {
		if name == "" {
			continue
		}
		directory, file := split(name)
		if err := watcher.Add(directory); err != nil {
			r.options.Logger.Warn("a file is not watched: reload it with SIGHUP", "file", name, "error", err)
			continue
		}
		r.names[file] = true
	}
}

// split is the directory of a file, and the file as events name it.
func split(name string) (directory, file string) {
	if i := strings.LastIndexByte(name, '/'); i > 0 {
		return name[:i], name
	} else if i == 0 {
		return "/", name
	}
	return ".", "./" + name
}

// Reload reads the configuration and puts it in force, which is then returned; nil: what was in force stays.
func (r *Reloader) Reload(ctx context.Context) *config.Config {
	r.options.Begin()
	loaded, err := r.options.Load()
	if err == nil {
		var ended int
		if ended, err = r.apply(ctx, loaded.Config); err == nil {
			r.options.Count(true)
			r.tell(loaded, ended)
			return &loaded.Config
		}
	}
	r.options.Count(false)
	for line := range strings.SplitSeq(err.Error(), "\n") {
		r.options.Logger.Error("the configuration is not reloaded, and what is in force stays", "because", line)
	}
	return nil
}

// apply puts all in force that can be changed, or nothing.
func (r *Reloader) apply(ctx context.Context, cfg config.Config) (ended int, err error) {
	var pair tls.Certificate
	if r.options.Certificate != nil {
		if pair, err = r.options.Certificate(cfg.TLS); err != nil {
			return 0, err
		}
	}
	if ended, err = r.options.Service(ctx, cfg); err != nil {
		return 0, err
	}
	if r.options.Certificate != nil {
		r.options.UseCertificate(pair)
	}
	r.options.Rest(cfg)
	return ended, nil
}

func (r *Reloader) tell(loaded *config.Loaded, ended int) {
	var now []string
	for _, key := range r.options.Running.Changed(loaded) {
		if reloadable(key) {
			now = append(now, key)
			continue
		}
		r.options.Logger.Warn("needs a restart: "+key, "in force", "what the service was started with")
	}
	r.options.Logger.Info("the configuration is reloaded", "other than at the start", strings.Join(now, ", "), "ended for lack of a right", ended)
}
