package logs

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/sluice-live/sluice/transcode"
)

// streamKey is the attribute of what is logged of one stream.
const streamKey = "stream"

// Beside is a handler that keeps in the book what next logs, and what each ffmpeg says, which next may be too terse for.
func (b *Book) Beside(next slog.Handler) slog.Handler {
	buffer := &buffer{}
	return handler{book: b, next: next, buffer: buffer, text: slog.NewTextHandler(buffer, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutHead})}
}

// withoutHead leaves out what a Line has fields for.
func withoutHead(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// buffer holds one line while it is written.
type buffer struct {
	sync.Mutex
	bytes.Buffer
}

// handler writes into a book, beside another one.
type handler struct {
	book   *Book
	next   slog.Handler
	text   slog.Handler // writes to buffer
	buffer *buffer
	stream string // that all is about; "": none
}

// Enabled implements slog.Handler. What ffmpeg says is wanted at any level.
func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.stream != "" || h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	fromFFmpeg := h.stream != "" && r.Message == transcode.Says
	wanted := h.next.Enabled(ctx, r.Level)
	if !wanted && !fromFFmpeg {
		return nil
	}
	if fromFFmpeg {
		r.Attrs(func(a slog.Attr) bool {
			h.book.add(r.Time, levelOf(a.Value.String()), h.stream, a.Value.String())
			return false
		})
	} else {
		h.book.add(r.Time, strings.ToLower(r.Level.String()), "", h.line(ctx, r))
	}
	if !wanted {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// levelOf is the level that ffmpeg itself gives a line.
func levelOf(said string) string {
	for _, tag := range []struct{ tag, level string }{{"[panic]", "error"}, {"[fatal]", "error"}, {"[error]", "error"}, {"[warning]", "warn"}, {"[info]", "info"}} {
		if strings.Contains(said, tag.tag) {
			return tag.level
		}
	}
	return "debug"
}

// line is the record as text.
func (h handler) line(ctx context.Context, r slog.Record) string {
	h.buffer.Lock()
	defer h.buffer.Unlock()
	h.buffer.Reset()
	unnamed := r.Clone()
	unnamed.Message = ""
	_ = h.text.Handle(ctx, unnamed) // a buffer takes all
	return r.Message + strings.TrimPrefix(h.buffer.String(), `msg=""`)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == streamKey {
			h.stream = a.Value.String()
		}
	}
	h.next, h.text = h.next.WithAttrs(attrs), h.text.WithAttrs(attrs)
	return h
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	h.next, h.text = h.next.WithGroup(name), h.text.WithGroup(name)
	return h
}
