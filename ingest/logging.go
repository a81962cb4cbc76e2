package ingest

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// slogFactory sends pion's log to slog. Pion warns of whatever a peer does wrong, so its warnings are for debugging.
type slogFactory struct{ log *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (f *slogFactory) NewLogger(scope string) logging.LeveledLogger {
	return slogLogger{f.log.With("pion", scope)}
}

type slogLogger struct{ log *slog.Logger }

func (l slogLogger) Trace(string)          {}
func (l slogLogger) Tracef(string, ...any) {}
func (l slogLogger) Debug(string)          {}
func (l slogLogger) Debugf(string, ...any) {}
func (l slogLogger) Info(string)           {}
func (l slogLogger) Infof(string, ...any)  {}

func (l slogLogger) Warn(msg string)                  { l.print(msg) }
func (l slogLogger) Warnf(format string, args ...any) { l.print(format, args...) }

func (l slogLogger) Error(msg string)                  { l.print(msg) }
func (l slogLogger) Errorf(format string, args ...any) { l.print(format, args...) }

func (l slogLogger) print(format string, args ...any) {
	if !l.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	l.log.Debug(format)
}
