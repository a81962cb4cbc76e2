package stills

import (
	"container/list"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/rates"
)

const (
	// atOnce decodes run at the same time, and atMost more wait for them, for waitWithin.
	atOnce, atMost = 2, 16
	waitWithin     = 5 * time.Second
	// decodeWithin is what one may take on a machine that is busy with other things; a second of a core is more than any needs.
	decodeWithin = time.Minute
	// remembered bounds the pictures that are kept, in bytes.
	remembered = 32 << 20
	// fresh is how long a picture counts as the newest.
	fresh = 500 * time.Millisecond
)

// Why a picture is not made.
var (
	errOften = errors.New("asks too often")
	errBusy  = errors.New("too many pictures are made")
)

// Options of a Maker. All but Decode are required.
type Options struct {
	// Find is what is listed of a stream now; nil where there is no such stream.
	Find func(stream string) *timeline.Snapshot
	// Open opens a published file of a stream's epoch.
	Open func(stream, epoch, name string) (*os.File, error)
	// Decode makes an image file, in the format of a suffix such as "jpg", of the frame of that number, from 0, of media that begin with
	// their initialization segment. It ends with ctx. Without it nothing is made.
	Decode func(ctx context.Context, media io.Reader, number int, format string) ([]byte, error)
	// Wall is the clock of the service.
	Wall func() time.Time
	// Logger gets why a picture could not be made.
	Logger *slog.Logger
}

// Maker makes pictures, and remembers them.
type Maker struct {
	opts  Options
	slots chan struct{}

	mu      sync.Mutex // held for no I/O
	known   map[id]*list.Element
	age     *list.List // of *picture, those asked for last first
	bytes   int
	making  map[id]*making
	waiting int
	recent  map[string]recent // by stream
	clients rates.Clients[string]
}

// id names a picture in a format.
type id struct {
	key
	format string
}

type picture struct {
	id
	image []byte
}

// making is a decode under way.
type making struct {
	done  chan struct{} // closed when the rest is set
	image []byte
	err   error
}

// recent is the picture that counts as the newest of a stream.
type recent struct {
	frame
	until time.Time
}

// New makes a Maker.
func New(o Options) *Maker {
	return &Maker{
		opts: o, slots: make(chan struct{}, atOnce), known: map[id]*list.Element{}, age: list.New(), making: map[id]*making{},
		recent: map[string]recent{}, clients: rates.New[string](each, burst),
	}
}

// newestOf is the newest picture of a stream, which stays the same for a moment however many ask.
func (m *Maker) newestOf(s source) (frame, error) {
	now := m.opts.Wall()
	m.mu.Lock()
	known, ok := m.recent[s.stream]
	m.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.frame, nil
	}
	f, err := s.at(newest)
	if err != nil {
		return f, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for stream, old := range m.recent {
		if !now.Before(old.until) {
			delete(m.recent, stream)
		}
	}
	m.recent[s.stream] = recent{f, now.Add(fresh)}
	return f, nil
}

// image is the frame as a file. Who asks for what another one is already waiting for waits for that, too.
func (m *Maker) image(ctx context.Context, s source, f frame, format, client string) ([]byte, error) {
	name := id{f.key, format}
	for {
		m.mu.Lock()
		if e := m.known[name]; e != nil {
			m.age.MoveToFront(e)
			m.mu.Unlock()
			return e.Value.(*picture).image, nil
		}
		other := m.making[name]
		if other == nil {
			own := &making{done: make(chan struct{})}
			m.making[name] = own
			m.mu.Unlock()
			m.lead(ctx, own, name, s, f, client)
			return own.image, own.err
		}
		m.mu.Unlock()
		select {
		case <-other.done:
			if errors.Is(other.err, context.Canceled) || errors.Is(other.err, errOften) { // whose client has gone, or may not: we are another one
				continue
			}
			return other.image, other.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// lead makes the image that others may wait for.
func (m *Maker) lead(ctx context.Context, own *making, name id, s source, f frame, client string) {
	own.err = context.Canceled // what those who wait see if this panics
	defer m.finish(name, own)
	own.image, own.err = m.decode(ctx, s, f, name.format, client)
}

// finish tells those who wait, and remembers.
func (m *Maker) finish(name id, own *making) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.making, name)
	close(own.done)
	if own.err != nil || len(own.image) > remembered/2 {
		return
	}
	m.known[name] = m.age.PushFront(&picture{name, own.image})
	for m.bytes += len(own.image); m.bytes > remembered; {
		oldest := m.age.Remove(m.age.Back()).(*picture)
		delete(m.known, oldest.id)
		m.bytes -= len(oldest.image)
	}
}

// decode makes the file when there is room.
func (m *Maker) decode(ctx context.Context, s source, f frame, format, client string) ([]byte, error) {
	release, err := m.take(ctx, client)
	if err != nil {
		return nil, err
	}
	defer release()
	limited, cancel := context.WithTimeout(ctx, decodeWithin)
	defer cancel()
	image, err := s.decode(f, func(media io.Reader, number int) ([]byte, error) {
		return m.opts.Decode(limited, media, number, format)
	})
	switch {
	case err == nil && len(image) == 0:
		err = errors.New("the decoder made nothing")
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if err != nil {
		m.opts.Logger.Warn("snapshot could not be made", "stream", s.stream, "rendition", f.id, "error", err)
	}
	return image, err
}

// take waits for a slot.
func (m *Maker) take(ctx context.Context, client string) (release func(), err error) {
	m.mu.Lock()
	switch {
	case !m.clients.Allow(client, 1, m.opts.Wall()):
		m.mu.Unlock()
		return nil, errOften
	case m.waiting == atOnce+atMost:
		m.mu.Unlock()
		return nil, errBusy
	}
	m.waiting++
	m.mu.Unlock()
	leave := func() { m.mu.Lock(); m.waiting--; m.mu.Unlock() }
	patience := time.NewTimer(waitWithin)
	defer patience.Stop()
	select {
	case m.slots <- struct{}{}:
		return func() { <-m.slots; leave() }, nil
	case <-patience.C:
		err = errBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	leave()
	return nil, err
}
