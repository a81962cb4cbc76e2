// Package logs keeps the last lines of the service's log and of what each ffmpeg says, for who administers and cannot look at the terminal.
//
// A [Book] is bounded: so many lines of the service, so many of each stream's ffmpeg, and of so many streams. It is written by the handler that
// [Book.Beside] puts beside the service's own, which costs nothing where nothing is logged, and never waits. Keys are masked.
//
// It starts no goroutine.
package logs

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What is kept at most.
const (
	serviceLines = 500
	streamLines  = 100 // of each stream's ffmpeg
	maxStreams   = 64  // the one that has been silent for longest goes
	maxText      = 2048
	shortestKey  = 4 // bytes; shorter ones are in every line
)

// Line is a line of a log.
type Line struct {
	ID     uint64    `json:"id"` // grows
	At     time.Time `json:"at"`
	Level  string    `json:"level"`  // debug, info, warn or error
	Stream string    `json:"stream"` // whose ffmpeg has said it; "": the service
	Text   string    `json:"text"`
}

// Book holds the last lines.
type Book struct {
	secrets atomic.Pointer[strings.Replacer]

	mu      sync.Mutex
	next    uint64
	pages   map[string]*page // by stream
	changed chan struct{}    // closed when there is a new line
}

// page is the last lines of one source.
type page struct{ lines []Line }

// New makes an empty Book in which none of the secrets is written out.
func New(secrets []string) *Book {
	b := &Book{next: 1, pages: map[string]*page{}, changed: make(chan struct{})}
	b.Mask(secrets)
	return b
}

// Mask has lines from now on write out none of the secrets, instead of those before.
func (b *Book) Mask(secrets []string) {
	var pairs []string
	secrets = slices.Clone(secrets)
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may begin with another
	for _, s := range secrets {
		if len(s) >= shortestKey {
			pairs = append(pairs, s, masked)
		}
	}
	b.secrets.Store(strings.NewReplacer(pairs...))
}

// masked stands for a key.
const masked = "•••"

// credential is what looks like one, whoever has it.
var credential = regexp.MustCompile(`(?i)(bearer[ .]|basic |token=|password=|secret=|key=)[^\s"&,;]+`)

func (b *Book) mask(text string) string {
	return credential.ReplaceAllString(b.secrets.Load().Replace(text), "${1}"+masked)
}

// add keeps a line.
func (b *Book) add(at time.Time, level, stream, text string) {
	text = b.mask(strings.TrimRight(text, "\r\n"))
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + " …"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p, most := b.pages[stream], serviceLines
	if stream != "" {
		most = streamLines
	}
	if p == nil {
		b.forget()
		p = &page{}
		b.pages[stream] = p
	}
	if len(p.lines) >= most {
		p.lines = slices.Delete(p.lines, 0, len(p.lines)-most+1)
	}
	p.lines = append(p.lines, Line{b.next, at, level, stream, text})
	b.next++
	close(b.changed)
	b.changed = make(chan struct{})
}

// forget makes room for another stream. The caller holds mu.
func (b *Book) forget() {
	if len(b.pages) <= maxStreams { // the service's own is one of them
		return
	}
	var silent string
	var oldest uint64
	for stream, p := range b.pages {
		if last := p.lines[len(p.lines)-1].ID; stream != "" && (silent == "" || last < oldest) {
			silent, oldest = stream, last
		}
	}
	delete(b.pages, silent)
}

// Since returns the lines after the one with that id, in their order, and what is closed when there is another.
func (b *Book) Since(id uint64) (lines []Line, newer <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.pages {
		from, _ := slices.BinarySearchFunc(p.lines, id, func(l Line, id uint64) int { return cmp.Compare(l.ID, id+1) })
		lines = append(lines, p.lines[from:]...)
	}
	slices.SortFunc(lines, func(a, b Line) int { return cmp.Compare(a.ID, b.ID) })
	return lines, b.changed
}
