package session

import (
	"io"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/transport/v4/packetio"
	"github.com/sluice-live/sluice/ingest/bandwidth"
)

// What the peer of one connection may make it hold. A stream is one SSRC of RTP, or one that RTCP is about; each costs about 3 KiB until the
// connection ends. Browsers need less than ten of RTP, and in a room two of RTCP for each track of each participant who has been there.
const (
	maxRTPStreams  = 256
	maxRTCPStreams = 2048
	maxUnread      = 1 << 20 // bytes that wait in streams which have hardly been read yet, together: as a rule nobody will
	fewReads       = 32      // is hardly: more than pion takes to find out that a stream is none of its own
	rtpBuffer      = 1000 * 1000
	rtcpBuffer     = 16 * 1000
)

// streams are those that the peer of one connection has opened, by naming sources.
type streams struct {
	received atomic.Uint64 // bytes of all streams

	mu        sync.Mutex
	rtp, rtcp map[uint32]io.Closer
	unread    int
	strayedAt time.Time // when the newest packet came that is of no track
	closed    bool
	exceeded  bool
	onExceed  func(reason error)
	feedback  func(packet []byte) // takes transport-wide feedback; nil: it is left to pion. Set before anything comes

	addresses map[netip.AddrPort]struct{} // where STUN messages came from
	senders   map[uint32]struct{}         // of RTCP
	dtls      int                         // bytes that have come

	declared map[uint32]bool                             // sources, which pion reads
	adopt    func(stream *rtpStream, packet []byte) bool // reads another one, whose first packet this is; nil: it is left to pion
}

// onExcess has f called, once, when the peer has opened too many. It must not wait.
func (l *streams) onExcess(f func(reason error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onExceed = f
}

// onFeedback has f called for each packet of transport-wide feedback, whichever source it is about: it is about all. It must not wait.
func (l *streams) onFeedback(f func(packet []byte)) { l.feedback = f }

// readUndeclared has adopt called for each stream that the description does not declare. It must not wait.
func (l *streams) readUndeclared(adopt func(*rtpStream, []byte) bool, desc *sdp.SessionDescription) {
	declared := map[uint32]bool{}
	for _, m := range desc.MediaDescriptions {
		for _, a := range m.Attributes {
			if id, _, _ := strings.Cut(a.Value, " "); a.Key == "ssrc" {
				ssrc, _ := strconv.ParseUint(id, 10, 32)
				declared[uint32(ssrc)] = true
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.adopt, l.declared = adopt, declared
}

// open is a BufferFactory (see webrtc.SettingEngine): pion calls it for each new stream.
func (l *streams) open(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if kind == packetio.RTCPBufferPacket {
		return l.rtcpOf(ssrc)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuses(len(l.rtp), maxRTPStreams, ErrTooManySources) {
		return refused{}
	}
	s := &rtpStream{Buffer: newBuffer(rtpBuffer), streams: l, ssrc: ssrc, begun: make(chan struct{})}
	l.rtp = with(l.rtp, ssrc, s)
	return s
}

// rtcpOf returns the stream of RTCP about a source, which is opened if it is not yet.
func (l *streams) rtcpOf(ssrc uint32) io.ReadWriteCloser {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.rtcp[ssrc].(*rtcpStream); ok {
		return s
	}
	if l.refuses(len(l.rtcp), maxRTCPStreams, ErrTooManySources) {
		return refused{}
	}
	s := &rtcpStream{newBuffer(rtcpBuffer), l, ssrc}
	l.rtcp = with(l.rtcp, ssrc, s)
	return s
}

// refuses reports whether there may be no more of a kind. The caller holds mu.
func (l *streams) refuses(there, most int, excess error) bool {
	if there >= most && !l.exceeded {
		l.exceeded = true
		if l.onExceed != nil {
			l.onExceed(excess)
		}
	}
	return l.exceeded || l.closed
}

func with(m map[uint32]io.Closer, ssrc uint32, s io.Closer) map[uint32]io.Closer {
	if m == nil {
		m = map[uint32]io.Closer{}
	}
	m[ssrc] = s
	return m
}

func newBuffer(limit int) *packetio.Buffer {
	b := packetio.NewBuffer()
	b.SetLimitSize(limit)
	return b
}

// close ends the reading of all streams.
func (l *streams) close() {
	l.mu.Lock()
	l.closed = true
	var all []io.Closer
	for _, m := range []map[uint32]io.Closer{l.rtp, l.rtcp} {
		for _, s := range m {
			all = append(all, s)
		}
	}
	l.mu.Unlock()
	for _, s := range all {
		_ = s.Close() // it has no errors
	}
}

// rtpStream holds the packets of one source until they are read.
type rtpStream struct {
	*packetio.Buffer
	streams *streams
	ssrc    uint32

	begun   chan struct{} // closed when the first packet has come, or none will
	once    sync.Once
	adopted bool // is read by take; set before begun

	mu     sync.Mutex
	reads  int // up to fewReads
	unread int // bytes, as long as there have been fewer
}

// Write takes a packet. Pion calls it, for one packet after the other.
func (s *rtpStream) Write(packet []byte) (int, error) {
	s.streams.received.Add(uint64(len(packet)))
	s.once.Do(func() {
		s.adopted = s.streams.adopts(s, packet)
		close(s.begun)
	})
	if !s.wait(len(packet)) {
		return len(packet), nil
	}
	return s.Buffer.Write(packet)
}

// adopts reports whether the stream is read beside pion.
func (l *streams) adopts(s *rtpStream, packet []byte) bool {
	l.mu.Lock()
	adopt, declared := l.adopt, l.declared[s.ssrc]
	l.mu.Unlock()
	return adopt != nil && !declared && len(packet) > 1 && adopt(s, packet)
}

// strayed is when the newest packet came that is of no track; the zero time if none has.
func (l *streams) strayed() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.strayedAt
}

// wait counts a packet that is to wait for a reader, and reports whether it may.
func (s *rtpStream) wait(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads == fewReads {
		return true
	}
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	if !s.adopted && !s.streams.declared[s.ssrc] {
		s.streams.strayedAt = time.Now()
	}
	if s.streams.unread+n > maxUnread {
		return false
	}
	s.streams.unread += n
	s.unread += n
	return true
}

// Read is for pion. What is adopted has nothing for it.
func (s *rtpStream) Read(b []byte) (int, error) {
	<-s.begun
	if s.adopted {
		return 0, io.EOF
	}
	return s.take(b)
}

// take reads the next packet.
func (s *rtpStream) take(b []byte) (int, error) {
	n, err := s.Buffer.Read(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads < fewReads {
		s.reads++
		gone := min(n, s.unread)
		if s.reads == fewReads {
			gone = s.unread
		}
		s.forget(gone)
	}
	return n, err
}

// forget takes bytes out of those that wait. The caller holds mu.
func (s *rtpStream) forget(n int) {
	s.unread -= n
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	s.streams.unread -= n
}

// Close ends the reading, and makes room for another stream.
func (s *rtpStream) Close() error {
	s.once.Do(func() { close(s.begun) })
	s.mu.Lock()
	s.forget(s.unread)
	s.mu.Unlock()
	s.streams.mu.Lock()
	delete(s.streams.rtp, s.ssrc)
	s.streams.mu.Unlock()
	return s.Buffer.Close()
}

// rtcpStream holds the RTCP about one source until it is read.
type rtcpStream struct {
	*packetio.Buffer
	streams *streams
	ssrc    uint32
}

// Write takes a packet. Pion calls it.
func (s *rtcpStream) Write(packet []byte) (int, error) {
	s.streams.received.Add(uint64(len(packet)))
	if s.streams.feedback != nil && bandwidth.IsFeedback(packet) {
		s.streams.feedback(packet)
		return len(packet), nil
	}
	return s.Buffer.Write(packet)
}

// Close ends the reading, and makes room for another stream.
func (s *rtcpStream) Close() error {
	s.streams.mu.Lock()
	if s.streams.rtcp[s.ssrc] == s {
		delete(s.streams.rtcp, s.ssrc)
	}
	s.streams.mu.Unlock()
	return s.Buffer.Close()
}

// refused stands for a stream too many.
type refused struct{}

func (refused) Write(b []byte) (int, error) { return len(b), nil }
func (refused) Read([]byte) (int, error)    { return 0, io.EOF }
func (refused) Close() error                { return nil }
