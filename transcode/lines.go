package transcode

import (
	"bytes"
	"strings"
	"sync"
)

// Bounds of what is kept of ffmpeg's output.
const (
	maxLine   = 512 // bytes of one line; the rest of it is left out
	tailLines = 16  // last lines of standard error that an error carries
)

// lineWriter hands each whole line that is written to it to line, without its ending. The bytes are valid during the
// call only. It is used by one goroutine.
type lineWriter struct {
	line func([]byte)
	buf  []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			w.keep(p)
			return n, nil
		}
		w.keep(p[:i])
		w.flush()
		p = p[i+1:]
	}
}

func (w *lineWriter) keep(p []byte) {
	w.buf = append(w.buf, p[:min(len(p), maxLine-len(w.buf))]...)
}

// flush hands over what is left of a line that had no ending.
func (w *lineWriter) flush() {
	if len(w.buf) > 0 {
		w.line(w.buf)
		w.buf = w.buf[:0]
	}
}

// tail keeps the last lines of standard error.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		copy(t.lines, t.lines[1:])
		t.lines = t.lines[:tailLines-1]
	}
	t.lines = append(t.lines, string(line))
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, " | ")
}
