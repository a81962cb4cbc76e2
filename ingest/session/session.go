package session

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/public/panics"
)

// Why sessions end.
var (
	ErrDeleted  = errors.New("the client ended its session")
	ErrHungUp   = errors.New("the client closed the connection")
	ErrTimedOut = errors.New("the client has not been heard of for too long")
	ErrStopping = errors.New("the server is stopping")
	// ErrStreamEnded is why viewers are ended: nobody has published their stream for too long.
	ErrStreamEnded = errors.New("the stream has ended")
	// ErrCodecChanged is why viewers are ended whose connection cannot carry what is published now: one with a new offer can.
	ErrCodecChanged = errors.New("the stream has another video codec now: connect again")
)

// Session is one peer connection and its HTTP resource, whatever it is for.
type Session struct {
	id, path string
	at       *Reservation
	started  time.Time
	log      *slog.Logger           // set when it is started
	tracks   []*media.Track         // incoming media
	pc       *webrtc.PeerConnection // nil for an upload
	link     *Link
	gathered chan struct{} // receives when all local candidates are known

	closing       chan struct{} // closed once, by close
	connected     chan struct{} // closed when media can flow for the first time
	connectedOnce sync.Once
	connectedAt   atomic.Pointer[time.Time] // nil before that
	done          chan struct{}             // closed by run
	state         atomic.Pointer[State]
	loops         sync.WaitGroup
	timer         *time.Timer // ends what never connects

	mu       sync.Mutex
	reason   error
	outbound []*media.Outbound

	negotiation negotiation

	excess atomic.Int64 // bit/s that its client has sent in the last window, if that is too much; else 0

	// Of an upload: frames that came too late, chunks that did not come, frames that could not be read.
	LateFrames, LostChunks, DamagedFrames atomic.Uint64

	// PictureBytes are those of the pictures that a stream is made of.
	PictureBytes atomic.Uint64

	ignored atomic.Pointer[[]string]

	use atomic.Pointer[any] // see SetUse
}

// New makes a session with a peer connection and its link. It ends unless media can flow within the time connect.
func New(at *Reservation, pc *webrtc.PeerConnection, link *Link, connect time.Duration) *Session {
	s := NewDetached(at, connect)
	s.pc, s.link = pc, link
	link.streams.onExcess(s.Close)
	has := s.has
	link.sent.has.Store(&has)
	s.heedFeedback()
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		defer s.Contain()
		s.connectionChanged(state)
	})
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		defer s.Contain()
		s.candidateGathered(c)
	})
	pc.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		defer s.Contain()
		s.trackStarted(remote, receiver)
	})
	return s
}

// NewDetached makes a session without a peer connection. It ends unless Connect is called within the time connect; 0: it may take forever.
func NewDetached(at *Reservation, connect time.Duration) *Session {
	id := at.prefix + rand.Text() // 130 random bits (RFC 9725 §5)
	s := &Session{
		id: id, path: at.Kind.Path(at.name, id), at: at, started: time.Now(), link: &Link{},
		gathered: make(chan struct{}, 1), connected: make(chan struct{}), closing: make(chan struct{}), done: make(chan struct{}),
	}
	if connect > 0 {
		s.timer = panics.AfterFunc(connect, nil, "the session", func() { s.Close(ErrTimedOut) })
	}
	s.setState(StateConnecting)
	return s
}

// ID is the session's random name; who knows it can end the session.
func (s *Session) ID() string { return s.id }

// Path is the address of the session's resource (RFC 9725 §4.2).
func (s *Session) Path() string { return s.path }

// Kind is what the session is for.
func (s *Session) Kind() Kind { return s.at.Kind }

// Shared reports whether the session is another server's, for all who watch there: of a relay that has asked for it, or of one that the stream is sent to.
func (s *Session) Shared() bool { return s.at.right.Shared || s.at.Kind == KindForward }

// Started is when the session was made. Its clock is monotonic.
func (s *Session) Started() time.Time { return s.started }

// PeerConnection is what media comes and goes over; nil when it does neither.
func (s *Session) PeerConnection() *webrtc.PeerConnection { return s.pc }

// Closing is closed when the end of the session has begun.
func (s *Session) Closing() <-chan struct{} { return s.closing }

// Connected is closed when media can flow for the first time.
func (s *Session) Connected() <-chan struct{} { return s.connected }

// Done is closed when nothing is left of the session.
func (s *Session) Done() <-chan struct{} { return s.done }

// Tracks are the incoming media.
func (s *Session) Tracks() []*media.Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tracks)
}

// Connect says that media can flow now, of a session without a peer connection.
func (s *Session) Connect() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.setState(StateConnected)
	s.connectedOnce.Do(func() {
		now := time.Now()
		s.connectedAt.Store(&now)
		close(s.connected)
	})
}

// run waits for the end, which comes when the client sends more than bitrate in bit/s if that is not 0, and takes everything down.
func (s *Session) run(bitrate int64, log *slog.Logger) {
	s.contained(func() { s.watch(bitrate, log) })
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.pc != nil { // which sends close_notify and withdraws consent
		s.closeConnection(s.pc.GracefulClose, func() error { return s.iceTransport().Stop() }, log)
	}
	s.link.streams.close()
	s.loops.Wait()
	for _, t := range s.Tracks() {
		s.contained(t.End)
	}
	s.setState(StateClosed)
}

// Close begins the end. The first reason counts.
func (s *Session) Close(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		s.reason = reason
		close(s.closing)
	}
}

// Err is why the session has ended or is ending; nil before that.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// Go runs f in a goroutine that run waits for, unless the session is ending.
func (s *Session) Go(f func()) (runs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		s.loops.Go(func() { s.contained(f) })
	}
	return s.reason == nil
}

// Contain is deferred by what runs for this session alone: a panic ends the session, and nothing else.
func (s *Session) Contain() {
	if value := recover(); value != nil {
		s.Close(panics.Caught(s.log, "the session", value))
	}
}

func (s *Session) contained(f func()) {
	defer s.Contain()
	f()
}

// Adopt adds a track that ends with the session, unless that is ending.
func (s *Session) Adopt(t *media.Track) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		s.tracks = append(s.tracks, t)
	}
	return s.reason == nil
}

// Replace puts a track in the place of another one, unless the session is ending.
func (s *Session) Replace(old, next *media.Track) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.tracks, old)
	if i < 0 || s.reason != nil {
		return false
	}
	s.tracks = slices.Clone(s.tracks)
	s.tracks[i] = next
	return true
}

// Ignore notes which tracks of an upload are not passed on, and why, in sentences.
func (s *Session) Ignore(tracks []string) { s.ignored.Store(&tracks) }

// Ignored are the tracks that are not passed on.
func (s *Session) Ignored() []string {
	if tracks := s.ignored.Load(); tracks != nil {
		return *tracks
	}
	return nil
}

func (s *Session) setState(state State) { s.state.Store(&state) }

// State is how the connection stands.
func (s *Session) State() State { return *s.state.Load() }

// connectionChanged follows pion. A dead peer has failed 30 s after its last packet (RFC 7675 §5.1).
func (s *Session) connectionChanged(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		s.Connect()
	case webrtc.PeerConnectionStateDisconnected:
		s.setState(StateDisconnected)
	case webrtc.PeerConnectionStateFailed:
		s.Close(ErrTimedOut)
	case webrtc.PeerConnectionStateClosed:
		s.Close(ErrHungUp)
	}
}

func (s *Session) candidateGathered(c *webrtc.ICECandidate) {
	if c != nil {
		return
	}
	select {
	case s.gathered <- struct{}{}:
	default:
	}
}

// Track returns the incoming medium of a kind; nil when there is none.
func (s *Session) Track(kind media.Kind) *media.Track { return media.TrackOf(s.Tracks(), kind) }

// RequestKeyFrame fails only when the connection is down, and then it is of no use.
func (s *Session) RequestKeyFrame(sources ...uint32) {
	var requests []rtcp.Packet
	for _, ssrc := range sources {
		requests = append(requests, &rtcp.PictureLossIndication{MediaSSRC: ssrc})
	}
	_ = s.pc.WriteRTCP(requests)
}

func (s *Session) iceTransport() *webrtc.ICETransport {
	return s.pc.SCTP().Transport().ICETransport()
}

// RemoteAddr is where media comes from, host:port, or where the request came from while there is none.
func (s *Session) RemoteAddr() string {
	if !s.hasConnected() {
		return s.at.address
	}
	pair, err := s.iceTransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return s.at.address
	}
	return net.JoinHostPort(pair.Remote.Address, strconv.Itoa(int(pair.Remote.Port)))
}

// Sends adds to what the session is said to send.
func (s *Session) Sends(medium *media.Outbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbound = append(s.outbound, medium)
}

// SendsNoMore takes it away.
func (s *Session) SendsNoMore(medium *media.Outbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbound = slices.DeleteFunc(s.outbound, func(other *media.Outbound) bool { return other == medium })
}
