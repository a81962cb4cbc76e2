package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fate decides what becomes of a packet: it arrives after each of the delays, without any never.
type fate func() (delays []time.Duration)

// relay is the network between publishers or viewers and the service: a UDP port that passes on what it gets, as its fate has it.
type relay struct {
	t       testing.TB
	conn    *net.UDPConn
	server  *net.UDPAddr
	mu      sync.Mutex
	up      map[string]*net.UDPConn // to the service, for each address of theirs
	fate    fate                    // of packets to the service; nil: all pass
	carries float64                 // bit/s from the service; 0: any number
	through time.Time               // when the last of these is
	loses   float64                 // the share of packets from the service that is lost
	late    time.Duration           // for so long packets are under way, either way
	cut     bool                    // nothing passes either way
	running sync.WaitGroup
}

func newRelay(t testing.TB) *relay {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	r := &relay{t: t, conn: conn, up: map[string]*net.UDPConn{}}
	t.Cleanup(r.close)
	return r
}

var udpCandidate = regexp.MustCompile(`(?m)^(a=candidate:\S+ 1 udp \d+ )(\S+) (\d+) (typ host.*)$`)

// answer puts the relay's address into an answer in place of the service's, and starts it.
func (r *relay) answer(sdp string) string {
	found := udpCandidate.FindStringSubmatch(sdp)
	require.NotNil(r.t, found, "%s", sdp)
	r.start(net.JoinHostPort(found[2], found[3]))
	var lines []string
	for line := range strings.Lines(sdp) {
		if !strings.HasPrefix(line, "a=candidate:") || udpCandidate.MatchString(strings.TrimRight(line, "\r\n")) {
			lines = append(lines, line)
		}
	}
	return udpCandidate.ReplaceAllString(strings.Join(lines, ""), fmt.Sprintf("${1}127.0.0.1 %d ${4}", r.port()))
}

// port is the relay's own.
func (r *relay) port() int { return r.conn.LocalAddr().(*net.UDPAddr).Port }

// start passes on to the service; those who share a relay share its service.
func (r *relay) start(server string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return
	}
	var err error
	r.server, err = net.ResolveUDPAddr("udp4", server)
	require.NoError(r.t, err)
	r.running.Go(r.upstream)
}

// offer takes the candidates out of an offer, so that the service knows no other way to the publisher.
func (r *relay) offer(sdp string) string {
	return regexp.MustCompile(`(?m)^a=candidate:.*\r?\n`).ReplaceAllString(sdp, "")
}

// suffer gives packets a fate from now on; cut lets none pass.
func (r *relay) suffer(f fate, cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fate, r.cut = f, cut
}

// upstream passes on what the publisher sends.
func (r *relay) upstream() {
	buffer := make([]byte, 2048)
	for {
		n, from, err := r.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		to := r.socket(from)
		for _, delay := range r.delays() {
			packet := append([]byte(nil), buffer[:n]...)
			if delay == 0 {
				_, _ = to.Write(packet)
			} else {
				time.AfterFunc(delay, func() { _, _ = to.Write(packet) })
			}
		}
	}
}

func (r *relay) delays() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.cut:
		return nil
	case r.fate == nil:
		return []time.Duration{0}
	}
	return r.fate()
}

// socket returns the one that stands for an address of the publisher.
func (r *relay) socket(from *net.UDPAddr) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	to, ok := r.up[from.String()]
	if !ok {
		var err error
		to, err = net.DialUDP("udp4", nil, r.server)
		if err != nil {
			r.t.Error(err)
			return r.conn
		}
		r.up[from.String()] = to
		r.running.Go(func() { r.downstream(to, from) })
	}
	return to
}

// downstream passes on what the service sends.
func (r *relay) downstream(from *net.UDPConn, to *net.UDPAddr) {
	waiting := make(chan datagram, 1024)
	defer close(waiting)
	r.running.Go(func() {
		for d := range waiting {
			lapse(time.Until(d.due))
			_, _ = r.conn.WriteToUDP(d.packet, to)
		}
	})
	buffer := make([]byte, 2048)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		due, passes := r.down(n, time.Now())
		switch {
		case !passes:
		case due.IsZero() && len(waiting) == 0:
			_, _ = r.conn.WriteToUDP(buffer[:n], to)
		default:
			waiting <- datagram{append([]byte(nil), buffer[:n]...), due}
		}
	}
}

// datagram is a packet that waits until it is due.
type datagram struct {
	packet []byte
	due    time.Time
}

// narrow has so many bits a second come from the service from now on, to all who share the relay together; 0 is any number. More waits for a
// while, and what would wait for longer is dropped.
func (r *relay) narrow(bitrate float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.carries = bitrate
}

// spoil has a share of the packets from the service be lost from now on, and all packets be under way for a while, either way.
func (r *relay) spoil(loses float64, late time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loses, r.late = loses, late
	r.fate = func() []time.Duration { return []time.Duration{late} }
}

// down returns when a packet from the service is through; the zero time is at once.
func (r *relay) down(bytes int, now time.Time) (due time.Time, passes bool) {
	const longest = 500 * time.Millisecond
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.cut || chance(r.loses):
		return time.Time{}, false
	case r.late > 0:
		return now.Add(r.late), true
	case r.carries == 0:
		return time.Time{}, true
	}
	due = r.through
	if due.Before(now) {
		due = now
	}
	if due.Sub(now) > longest {
		return due, false
	}
	r.through = due.Add(time.Duration(float64(8*bytes) / r.carries * float64(time.Second)))
	return r.through, true
}

func (r *relay) close() {
	_ = r.conn.Close()
	r.mu.Lock()
	for _, to := range r.up {
		_ = to.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
}

func chance(p float64) bool { return rand.Float64() < p }

func losing(p float64) fate {
	return func() []time.Duration {
		if chance(p) {
			return nil
		}
		return []time.Duration{0}
	}
}

// doubling sends everything twice.
func doubling() []time.Duration { return []time.Duration{0, 5 * time.Millisecond} }

// doublingAndReordering does both.
func doublingAndReordering() []time.Duration {
	first := reordering()[0]
	return []time.Duration{first, first + 5*time.Millisecond}
}

// reordering has some arrive after what was sent after them.
func reordering() []time.Duration {
	if chance(0.1) {
		return []time.Duration{20 * time.Millisecond}
	}
	return []time.Duration{0}
}

func jittering() []time.Duration {
	return []time.Duration{time.Duration(rand.Int64N(int64(100 * time.Millisecond)))}
}

// queueing holds everything back until an instant.
func queueing(until time.Time) fate {
	return func() []time.Duration { return []time.Duration{max(time.Until(until), 0)} }
}
