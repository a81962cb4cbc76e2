package ingest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/stretchr/testify/require"
)

// A picture of 1.5 Mbit/s: 30 frames a second of 5 packets.
const (
	fanOutFrames  = 30
	fanOutPackets = 5
	fanOutPayload = 1250
)

// BenchmarkFanOut forwards 1.5 Mbit/s to viewers for a second in each iteration. The server is a process of its own, whose CPU is
// counted alone; publisher and viewers are pion clients in this one. A packet is timed from the publisher's socket to the
// viewer's, where the kernel stamps it, and to its read by the viewer. Browsers pace a picture's packets at 2.5 times the bitrate; a
// source that does not makes the server send a picture to everybody at once.
func BenchmarkFanOut(b *testing.B) {
	f := newFarFixture(b)
	for _, viewers := range []int{10, 50, 100, 150} {
		far := func(b *testing.B) *fixture { return &fixture{TB: b, url: f.url, client: f.client} }
		b.Run(fmt.Sprintf("viewers=%d/paced", viewers), func(b *testing.B) { benchmarkFanOut(b, far(b), viewers, 2.5) })
		b.Run(fmt.Sprintf("viewers=%d/at-once", viewers), func(b *testing.B) { benchmarkFanOut(b, far(b), viewers, math.Inf(1)) })
	}
}

func benchmarkFanOut(b *testing.B, f *fixture, viewers int, pace float64) {
	stream := rand.Text()
	departures := &instants{}
	studio := newPeer(b, peerOptions{wrap: func(c transport.UDPConn) transport.UDPConn { return &departingConn{c, departures} }})
	studio.publish(f, "/whip/"+stream)
	studio.waitConnected()
	s := source{peer: studio, began: time.Now(), pace: pace}
	forwarded, read := &delays{}, &delays{}
	s.sendSecond()
	for range viewers {
		newAudience(b, f, stream, departures, forwarded, read)
	}
	s.sendSecond()
	forwarded.take()
	read.take()
	used, idle, seconds := f.processTime(), idleTime(b), time.Duration(0)
	for b.Loop() {
		start := time.Now()
		s.sendSecond()
		seconds += time.Since(start)
	}
	cpu := f.processTime() - used
	idle = idleTime(b) - idle
	b.ReportMetric(100*cpu.Seconds()/seconds.Seconds()/float64(viewers), "%core/viewer")
	b.ReportMetric(100-100*idle.Seconds()/seconds.Seconds()/float64(runtime.NumCPU()), "%machine")
	forwarded.report(b, "")
	n := read.report(b, "read-")
	b.ReportMetric(float64(n)/float64(b.N*viewers*fanOutFrames*fanOutPackets), "received")
}

// source sends the picture, each packet with its number.
type source struct {
	*peer
	began    time.Time
	pace     float64 // times the bitrate, within a picture
	sequence uint16
}

// sendSecond sends in step with the clock, a key frame first.
func (s *source) sendSecond() {
	due := time.Now()
	for frame := range fanOutFrames {
		timeStamp := uint32(time.Since(s.began).Seconds() * 90000)
		for i := range fanOutPackets {
			s.sequence++
			p := rtptest.VP8Packet(s.sequence, frame == 0 && i == 0)
			p.Marker, p.Timestamp = i == fanOutPackets-1, timeStamp
			payload := make([]byte, fanOutPayload)
			copy(payload, p.Payload)
			binary.BigEndian.PutUint16(payload[16:], s.sequence)
			p.Payload = payload
			<-time.After(time.Until(due.Add(time.Duration(float64(i) / s.pace * float64(time.Second) / fanOutFrames / fanOutPackets))))
			require.NoError(s, s.video.WriteRTP(p))
		}
		due = due.Add(time.Second / fanOutFrames)
		<-time.After(time.Until(due))
	}
}

// farServer in the environment makes this program a server that newFarFixture talks to.
const farServer = "INGEST_FAR_SERVER"

// newFarFixture starts a server in a process of its own, which ends with its standard input.
func newFarFixture(b *testing.B) *fixture {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), farServer+"=1")
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	require.NoError(b, err)
	output, err := command.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, command.Start())
	b.Cleanup(func() {
		require.NoError(b, input.Close())
		require.NoError(b, command.Wait())
	})
	url, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(b, err)
	return &fixture{TB: b, url: strings.TrimSpace(url), client: http.DefaultClient}
}

// serveFar is the server's side of newFarFixture.
func serveFar() error {
	s, err := New(Options{MaxSessionsPerAddress: 1000, MaxViewers: 1000, RequestsPerSecond: 10000, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/whip/{stream}", s.WHIP())
	mux.Handle("/whip/{stream}/{session}", s.WHIP())
	mux.Handle("/whep/{stream}", s.WHEP())
	mux.Handle("/whep/{stream}/{session}", s.WHEP())
	for _, transport := range room.Transports {
		mux.Handle("/rooms/{room}/"+transport, s.Rooms().Signalling(transport, func(*http.Request) string { return "" }))
	}
	mux.HandleFunc("/cpu", func(w http.ResponseWriter, _ *http.Request) {
		var usage syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // it fails for no process but another one
		fmt.Fprint(w, usage.Utime.Nano()+usage.Stime.Nano())
	})
	web := httptest.NewServer(mux)
	defer web.Close()
	fmt.Println(web.URL)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return s.Run(ctx)
}

// processTime is the CPU time that the far server has used.
func (f *fixture) processTime() time.Duration {
	f.Helper()
	used, err := strconv.ParseInt(text(f, f.do("GET", "/cpu", "")), 10, 64)
	require.NoError(f, err)
	return time.Duration(used)
}

// idleTime is how long the machine's cores have been idle, all together (proc(5), /proc/stat), in hundredths of a second.
func idleTime(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/stat")
	require.NoError(b, err)
	var user, nice, system, idle, waiting time.Duration
	_, err = fmt.Sscanf(string(text), "cpu %d %d %d %d %d", &user, &nice, &system, &idle, &waiting)
	require.NoError(b, err)
	return (idle + waiting) * 10 * time.Millisecond
}

// newAudience adds one viewer whose packets are timed.
func newAudience(b *testing.B, f *fixture, stream string, departures *instants, forwarded, read *delays) {
	arrivals := &instants{}
	viewer := newPeer(b, peerOptions{
		direction: webrtc.RTPTransceiverDirectionRecvonly,
		wrap: func(c transport.UDPConn) transport.UDPConn {
			conn, err := stamped(c.(*net.UDPConn), arrivals)
			require.NoError(b, err)
			return conn
		},
	})
	viewer.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buf := make([]byte, media.MaxPacket)
		for {
			n, _, err := remote.Read(buf)
			if err != nil {
				return
			}
			if n < fanOutPayload {
				continue
			}
			sent := departures.of(binary.BigEndian.Uint16(buf[n-fanOutPayload+16:]))
			read.add(time.Now().Round(0).Sub(sent))
			forwarded.add(arrivals.of(binary.BigEndian.Uint16(buf[2:])).Sub(sent))
		}
	})
	viewer.publish(f, "/whep/"+stream)
	viewer.waitConnected()
}

// instants are those of RTP packets, by their sequence number, on the wall clock, which the kernel's stamps are of.
type instants struct {
	mu sync.Mutex
	at [1 << 16]time.Time
}

func (i *instants) of(sequence uint16) time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.at[sequence]
}

// note notes when a packet was at a socket, if it is one of RTP: that begins with its version, 2 (RFC 7983).
func (i *instants) note(packet []byte, at time.Time) {
	if len(packet) < 4 || packet[0]>>6 != 2 {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.at[binary.BigEndian.Uint16(packet[2:])] = at
}

// departingConn is a socket that notes when it is written to.
type departingConn struct {
	transport.UDPConn
	departures *instants
}

func (c *departingConn) WriteTo(b []byte, address net.Addr) (int, error) {
	if len(b) > fanOutPayload {
		c.departures.note(b, time.Now().Round(0))
	}
	return c.UDPConn.WriteTo(b, address)
}

// stampedConn is a socket that notes when the kernel got what is read.
type stampedConn struct {
	*net.UDPConn
	control  []byte
	arrivals *instants
}

func stamped(c *net.UDPConn, a *instants) (*stampedConn, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	})
	return &stampedConn{c, make([]byte, 128), a}, errors.Join(err, refused)
}

// ReadFrom is that of a PacketConn, called by one goroutine.
func (c *stampedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, controls, _, from, err := c.ReadMsgUDP(b, c.control)
	if err != nil || n < fanOutPayload {
		return n, from, err
	}
	messages, err := syscall.ParseSocketControlMessage(c.control[:controls])
	for _, m := range messages {
		if m.Header.Type == syscall.SCM_TIMESTAMPNS {
			seconds, nanoseconds := binary.NativeEndian.Uint64(m.Data), binary.NativeEndian.Uint64(m.Data[8:])
			c.arrivals.note(b[:n], time.Unix(int64(seconds), int64(nanoseconds)))
		}
	}
	return n, from, err
}

// delays collects how long packets were under way.
type delays struct {
	mu  sync.Mutex
	all []time.Duration
}

func (d *delays) add(delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, delay)
}

func (d *delays) take() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.all
	d.all = nil
	return all
}

// report prints percentiles, and returns how many packets there were.
func (d *delays) report(b *testing.B, name string) int {
	all := d.take()
	require.NotEmpty(b, all)
	slices.Sort(all)
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(milliseconds(all[len(all)/2]), name+"p50-ms")
	b.ReportMetric(milliseconds(all[len(all)*99/100]), name+"p99-ms")
	return len(all)
}
