package frames

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/name"
)

const (
	// Rate is how many pictures a second a stream takes, and how many may come at once.
	Rate = 60
	// queueLength is how many pictures of a stream wait for their turn.
	queueLength = 4
	// heldBytes is what all pictures together may have that are not answered yet.
	heldBytes = 128 << 20
	// requestsAtOnce are those that bring pictures, and share those of one client.
	requestsAtOnce, requestShare = 64, 16

	defaultHold = 30 * time.Second
	minHold     = time.Second
	maxHold     = 10 * time.Minute
)

// Why streams of pictures end, besides what ends all sessions.
var (
	ErrSilent = errors.New("no picture has come for too long")
	ErrEnded  = errors.New("the client has sent all its pictures")
)

// Encoder makes VP8 of pictures of one size. The frame is valid until the next call; times grow.
type Encoder interface {
	Encode(picture []byte, at time.Duration) (frame []byte, err error)
	Close()
}

// Processor changes pictures of one size in place, and tells where faces are if it looks for any; times grow.
type Processor interface {
	Process(p *Picture, at time.Duration) ([]Box, error)
	Close()
}

// Box is where a face is, in pixels.
type Box struct {
	X      int     `json:"x"`
	Y      int     `json:"y"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	Score  float32 `json:"score"` // how certain it is: the higher, the more
}

// Tools are what others do with pictures.
type Tools struct {
	// NewEncoder begins to encode pictures of a size. Without it no pictures are taken.
	NewEncoder func(width, height int) (Encoder, error)
	// Processors are the names of those that there are.
	Processors []string
	// NewProcessor begins to process pictures of a stream and a size.
	NewProcessor func(name, stream string, width, height int) (Processor, error)
}

// Config is what streams of pictures are made of.
type Config struct {
	Tools
	Sessions *session.Registry
	Packets  *media.PacketPool
	Connect  time.Duration // until the first picture is there
	Body     time.Duration // for an answer
	// OnPublish is called for each stream before its first packet. An error refuses it.
	OnPublish func(*session.Publisher) error
	Logger    *slog.Logger
}

// Frames are all streams of pictures.
type Frames struct {
	config   Config
	requests *quota.Pool
	decoders chan struct{} // a place for each picture that is being decoded
	held     atomic.Int64  // bytes

	taken, refused, processed atomic.Uint64

	mu      sync.Mutex
	streams map[string]*stream // to which pictures are posted, by name; one that has been taken over from stays until that is over
}

// New makes no stream yet. At most decoders pictures are decoded at once.
func New(c Config, decoders int) *Frames {
	return &Frames{
		config: c, requests: quota.NewPool(requestsAtOnce, requestShare), decoders: make(chan struct{}, max(decoders, 1)), streams: map[string]*stream{},
	}
}

// Stats are counters of all streams of pictures.
type Stats struct {
	Taken     uint64 // pictures that have become part of a stream
	Processed uint64 // those of them that came back
	Refused   uint64 // pictures that were refused, or for which there was no place
	Held      int64  // bytes of pictures that are not answered yet
}

// Stats returns the counters.
func (f *Frames) Stats() Stats {
	return Stats{Taken: f.taken.Load(), Processed: f.processed.Load(), Refused: f.refused.Load(), Held: f.held.Load()}
}

// query is what a client asks for in the address.
type query struct {
	process string
	hold    time.Duration
	sound   string // name of the stream whose audio it gets; "": none
}

// parseQuery reads what is asked for of a stream.
func (f *Frames) parseQuery(r *http.Request, stream string) (q query, p *refusal.Refusal) {
	values := r.URL.Query()
	q = query{process: values.Get("process"), hold: defaultHold, sound: values.Get("audio")}
	if q.sound != "" && (!name.Valid(q.sound) || q.sound == stream) {
		return q, refusal.New(http.StatusBadRequest, "audio is the name of another stream, whose sound this one gets: %s.", name.Rule)
	}
	if p := f.checkProcess(q.process); p != nil {
		return q, p
	}
	if hold := values.Get("hold"); hold != "" {
		d, err := time.ParseDuration(hold)
		if err != nil || d < minHold || d > maxHold {
			return q, refusal.New(http.StatusBadRequest, "hold is how long the last picture stands, such as 30s: from %v to %v.", minHold, maxHold)
		}
		q.hold = d
	}
	return q, nil
}

func (f *Frames) checkProcess(name string) *refusal.Refusal {
	if name == "" || slices.Contains(f.config.Processors, name) {
		return nil
	}
	return refusal.New(http.StatusBadRequest, "There is no such processor: process is one of %s, or left out.", strings.Join(f.config.Processors, ", "))
}

// newStream begins a stream, which is the client's own with its first picture.
func (f *Frames) newStream(r *http.Request, name string, q query) (*stream, *refusal.Refusal) {
	if p := f.check(name); p != nil {
		return nil, p
	}
	at := session.NewReservation(r, session.KindFrames, name)
	if p := f.config.Sessions.Reserve(at); p != nil {
		return nil, p
	}
	sess := session.NewDetached(at, f.config.Connect)
	f.config.Sessions.Start(sess)
	s := f.newStreamOf(sess, q)
	sess.Go(s.run)
	return s, nil
}

// check refuses what cannot be encoded.
func (f *Frames) check(name string) *refusal.Refusal {
	if f.config.NewEncoder == nil {
		return refusal.New(http.StatusNotImplemented, "This server takes no still pictures: publish to /whip/%s.", name)
	}
	return nil
}

// newStreamOf makes the stream of a session, which is to be run.
func (f *Frames) newStreamOf(sess *session.Session, q query) *stream {
	s := &stream{
		frames: f, session: sess, publisher: session.NewPublisher(sess), jobs: make(chan *job, queueLength), limit: rate.NewLimiter(Rate, Rate),
		soundOf: q.sound, finally: func(error) {},
	}
	s.hold.Store(int64(q.hold))
	return s
}

// posted finds the stream that pictures of this name are posted to, or begins it.
func (f *Frames) posted(r *http.Request, name string, q query) (*stream, *refusal.Refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.streams[name]; s != nil {
		switch err := s.session.Err(); {
		case err == nil:
			s.hold.Store(int64(q.hold))
			return s, nil
		case f.config.Sessions.TakenOver(name, s.session.Path()):
			return nil, refusal.New(http.StatusGone, "Somebody else has taken over this stream: stop, or wait until they have ended.").After(10)
		}
	}
	maps.DeleteFunc(f.streams, func(other string, s *stream) bool {
		return s.session.Err() != nil && !f.config.Sessions.TakenOver(other, s.session.Path())
	})
	s, p := f.newStream(r, name, q)
	if p == nil {
		f.streams[name] = s
	}
	return s, p
}

// forget lets a stream go that has ended, unless its clients are to be told that it has been taken over from.
func (f *Frames) forget(s *stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name := s.publisher.Stream(); f.streams[name] == s && !errors.Is(s.session.Err(), session.ErrTakenOver) {
		delete(f.streams, name)
	}
}

// held counts what is read of a picture among the bytes of all.
type heldReader struct {
	io.Reader
	frames *Frames
	bytes  int64
}

func (h *heldReader) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	if !h.hold(n) {
		return n, errBudget
	}
	return n, err
}

// hold counts n bytes more, and reports whether all together are no more than they may be.
func (h *heldReader) hold(n int) bool {
	h.bytes += int64(n)
	return h.frames.held.Add(int64(n)) <= heldBytes
}

// release gives back what has been read; once or more often.
func (h *heldReader) release() {
	h.frames.held.Add(-h.bytes)
	h.bytes = 0
}
