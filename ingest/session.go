package ingest

import (
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/media"
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

// session is one peer connection and its HTTP resource, whatever it is for.
type session struct {
	id, path string
	client   client
	address  string // that the offer came from
	started  time.Time
	tracks   []*media.Track         // incoming media
	pc       *webrtc.PeerConnection // nil for an upload
	feedback *feedback
	gathered chan struct{} // receives when all local candidates are known

	closing       chan struct{} // closed once, by close
	connected     chan struct{} // closed when media can flow for the first time
	connectedOnce sync.Once
	done          chan struct{} // closed by run
	state         atomic.Pointer[State]
	loops         sync.WaitGroup
	timer         *time.Timer // ends what never connects

	mu       sync.Mutex
	reason   error
	outbound []*media.Outbound

	negotiation negotiation

	late, lost atomic.Uint64 // of an upload: frames that came too late, chunks that did not come
}

func newSession(prefix string, c client, address string, pc *webrtc.PeerConnection, fb *feedback, connect time.Duration) *session {
	s := newDetached(prefix, c, address, connect)
	s.pc, s.feedback = pc, fb
	pc.OnConnectionStateChange(s.connectionChanged)
	pc.OnICECandidate(s.candidateGathered)
	pc.OnTrack(s.trackStarted)
	return s
}

// newDetached makes a session without a peer connection.
func newDetached(prefix string, c client, address string, connect time.Duration) *session {
	id := rand.Text() // 130 random bits (RFC 9725 §5)
	s := &session{
		id: id, path: prefix + id, client: c, address: address, started: time.Now(), feedback: &feedback{},
		gathered: make(chan struct{}, 1), connected: make(chan struct{}), closing: make(chan struct{}), done: make(chan struct{}),
	}
	s.timer = time.AfterFunc(connect, func() { s.close(ErrTimedOut) })
	s.setState(StateConnecting)
	return s
}

// run waits for the end and takes everything down.
func (s *session) run() {
	<-s.closing
	s.timer.Stop()
	// Sends close_notify and withdraws consent; its errors say that parts were down already.
	if s.pc != nil {
		_ = s.pc.GracefulClose()
	}
	s.loops.Wait()
	s.mu.Lock()
	tracks := s.tracks
	s.mu.Unlock()
	for _, t := range tracks {
		t.End()
	}
	s.setState(StateClosed)
}

// close begins the end. The first reason counts.
func (s *session) close(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		s.reason = reason
		close(s.closing)
	}
}

func (s *session) endReason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// loop runs f in a goroutine that run waits for, unless the session is ending.
func (s *session) loop(f func()) (runs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		s.loops.Go(f)
	}
	return s.reason == nil
}

// adopt adds a track that ends with the session, unless that is ending.
func (s *session) adopt(t *media.Track) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		s.tracks = append(s.tracks, t)
	}
	return s.reason == nil
}

// exchange puts a track in the place of another one, unless the session is ending.
func (s *session) exchange(old, next *media.Track) bool {
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

func (s *session) setState(state State)   { s.state.Store(&state) }
func (s *session) connectionState() State { return *s.state.Load() }

// connectionChanged follows pion. A dead peer has failed 30 s after its last packet (RFC 7675 §5.1).
func (s *session) connectionChanged(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		s.timer.Stop()
		s.setState(StateConnected)
		s.connectedOnce.Do(func() { close(s.connected) })
	case webrtc.PeerConnectionStateDisconnected:
		s.setState(StateDisconnected)
	case webrtc.PeerConnectionStateFailed:
		s.close(ErrTimedOut)
	case webrtc.PeerConnectionStateClosed:
		s.close(ErrHungUp)
	}
}

func (s *session) candidateGathered(c *webrtc.ICECandidate) {
	if c != nil {
		return
	}
	select {
	case s.gathered <- struct{}{}:
	default:
	}
}

// trackStarted reads a medium from its first packet on. There is one track of each kind at most, and pion may not know the
// section of one whose source was not declared. A source of retransmissions that was not declared is left alone. What comes with
// redundancy may come without, too, packet by packet.
func (s *session) trackStarted(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	t := s.track(media.Kind(remote.Kind().String()))
	ssrc := uint32(remote.SSRC())
	switch {
	case t == nil || !t.Format().ComesAs(remote.Codec().MimeType):
	case t.IsSimulcast():
		s.layerStarted(t, remote, receiver)
	case t.Bind(ssrc, func() { s.requestKeyFrame(ssrc) }):
		s.loop(func() { t.ReadRTP(remote, unwrapped(t)) })
		s.loop(func() { t.ReadReports(receiver, ssrc, t.PushReport) })
	}
}

// layerStarted reads a layer of a simulcast from its first packet on.
func (s *session) layerStarted(t *media.Track, remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	name, ssrc := remote.RID(), uint32(remote.SSRC())
	push, report, added := t.AddLayer(name, ssrc)
	if !added {
		return
	}
	s.loop(func() { t.ReadRTP(remote, push) })
	s.loop(func() { t.ReadReports(layerReports{receiver, name}, ssrc, report) })
}

// layerReports reads the RTCP of one layer.
type layerReports struct {
	receiver *webrtc.RTPReceiver
	name     string
}

func (l layerReports) Read(b []byte) (int, interceptor.Attributes, error) {
	return l.receiver.ReadSimulcast(b, l.name)
}

func (s *session) track(kind media.Kind) *media.Track { return media.TrackOf(s.tracks, kind) }

// requestKeyFrame fails only when the connection is down, and then it is of no use.
func (s *session) requestKeyFrame(sources ...uint32) {
	var requests []rtcp.Packet
	for _, ssrc := range sources {
		requests = append(requests, &rtcp.PictureLossIndication{MediaSSRC: ssrc})
	}
	_ = s.pc.WriteRTCP(requests)
}

func (s *session) iceTransport() *webrtc.ICETransport {
	return s.pc.SCTP().Transport().ICETransport()
}

func (s *session) remoteAddr() string {
	if s.pc == nil {
		return s.address
	}
	pair, err := s.iceTransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return s.address
	}
	return net.JoinHostPort(pair.Remote.Address, strconv.Itoa(int(pair.Remote.Port)))
}

func (s *session) rtt() time.Duration {
	if s.pc == nil {
		return 0
	}
	st, ok := s.iceTransport().GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(st.CurrentRoundTripTime * float64(time.Second))
}

// sends adds to what the session sends.
func (s *session) sends(medium *media.Outbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbound = append(s.outbound, medium)
}

// sendsNoMore takes it away.
func (s *session) sendsNoMore(medium *media.Outbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbound = slices.DeleteFunc(s.outbound, func(other *media.Outbound) bool { return other == medium })
}
