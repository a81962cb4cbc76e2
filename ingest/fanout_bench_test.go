package ingest

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

// A picture of 1.5 Mbit/s: 30 frames a second of 5 packets.
const (
	fanOutFrames  = 30
	fanOutPackets = 5
	fanOutPayload = 1250
)

// BenchmarkFanOut forwards 1.5 Mbit/s to viewers for a second in each iteration. The server is a process of its own, whose CPU is
// counted alone; publisher and viewers are pion clients in this one, where a packet is timed from its write at the publisher to
// its read at the viewers.
func BenchmarkFanOut(b *testing.B) {
	for _, viewers := range []int{10, 50, 100} {
		b.Run(fmt.Sprintf("viewers=%d", viewers), func(b *testing.B) { benchmarkFanOut(b, viewers) })
	}
}

func benchmarkFanOut(b *testing.B, viewers int) {
	f := newFarFixture(b)
	studio := newPeer(b, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	delays := &delays{began: time.Now()}
	s := source{peer: studio, began: delays.began}
	s.sendSecond()
	for range viewers {
		newAudience(b, f, delays)
	}
	s.sendSecond()
	delays.take()
	used, seconds := f.processTime(), time.Duration(0)
	for b.Loop() {
		start := time.Now()
		s.sendSecond()
		seconds += time.Since(start)
	}
	cpu := f.processTime() - used
	all := delays.take()
	require.NotEmpty(b, all)
	slices.Sort(all)
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(100*cpu.Seconds()/seconds.Seconds()/float64(viewers), "%core/viewer")
	b.ReportMetric(milliseconds(all[len(all)/2]), "p50-ms")
	b.ReportMetric(milliseconds(all[len(all)*99/100]), "p99-ms")
	b.ReportMetric(float64(len(all))/float64(b.N*viewers*fanOutFrames*fanOutPackets), "received")
}

// source sends the picture, each packet with the time of its writing.
type source struct {
	*peer
	began    time.Time
	sequence uint16
}

// sendSecond sends in step with the clock, a key frame first.
func (s *source) sendSecond() {
	due := time.Now()
	for frame := range fanOutFrames {
		timeStamp := uint32(time.Since(s.began).Seconds() * 90000)
		for i := range fanOutPackets {
			s.sequence++
			p := vp8Packet(s.sequence, frame == 0 && i == 0)
			p.Marker, p.Timestamp = i == fanOutPackets-1, timeStamp
			payload := make([]byte, fanOutPayload)
			copy(payload, p.Payload)
			binary.BigEndian.PutUint64(payload[16:], uint64(time.Since(s.began)))
			p.Payload = payload
			require.NoError(s, s.video.WriteRTP(p))
		}
		due = due.Add(time.Second / fanOutFrames)
		time.Sleep(time.Until(due))
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
	mux.Handle("/whip/", s.WHIP())
	mux.Handle("/whep/", s.WHEP())
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

// newAudience adds one viewer whose packets are timed.
func newAudience(b *testing.B, f *fixture, d *delays) {
	viewer := newPeer(b, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly})
	viewer.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buf := make([]byte, maxPacket)
		for {
			n, _, err := remote.Read(buf)
			if err != nil {
				return
			}
			if n >= fanOutPayload {
				d.add(binary.BigEndian.Uint64(buf[n-fanOutPayload+16:]))
			}
		}
	})
	viewer.publish(f, "/whep/cam")
	viewer.waitConnected()
}

// delays collects how long packets were under way.
type delays struct {
	began time.Time

	mu  sync.Mutex
	all []time.Duration
}

func (d *delays) add(sent uint64) {
	delay := time.Since(d.began) - time.Duration(sent)
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
