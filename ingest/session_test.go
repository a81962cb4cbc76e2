package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/footprint"
	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
)

// RFC 9725 §4.2: close_notify ends the session at once, long before ICE would notice.
func TestHangUp(t *testing.T) {
	f := newFixture(t, Options{})
	client := newPeer(t, peerOptions{})
	client.publish(f, "/whip/a")
	client.waitConnected()
	p, _ := f.server.Sessions().Publisher("a")
	client.keepSending()
	takeFrom(t, p.Tracks()[0].Tap(64), 1) // so DTLS is up on both sides
	require.NoError(t, client.pc.Close())
	rtptest.Wait(t, p.Done(), "the end")
	require.ErrorIs(t, p.Err(), session.ErrHungUp)
	f.requireNothingLeft()
}

// RFC 7675 §5.1: a peer that is not heard of any more is freed.
func TestPeerGone(t *testing.T) {
	f := newFixtureWith(t, Options{}, timers{disconnected: 2 * time.Second, failed: 3 * time.Second, keepAlive: 50 * time.Millisecond, connect: time.Minute, body: time.Minute})
	client := newPeer(t, peerOptions{})
	client.publish(f, "/whip/a")
	client.waitConnected()
	p, _ := f.server.Sessions().Publisher("a")
	client.keepSending()
	takeFrom(t, p.Tracks()[0].Tap(64), 1)
	client.vanish()
	rtptest.Wait(t, p.Done(), "the end")
	require.ErrorIs(t, p.Err(), session.ErrTimedOut)
	f.requireNothingLeft()
	require.Equal(t, 201, f.post("/whip/a", offertest.Offer(t, "chromium")).StatusCode, "the name is free at once")
}

// A session that never connects does not stay.
func TestNeverConnects(t *testing.T) {
	published := make(chan *session.Publisher, 1)
	f := newFixtureWith(t, Options{OnPublish: func(p *session.Publisher) error { published <- p; return nil }},
		timers{disconnected: time.Minute, failed: time.Minute, keepAlive: time.Second, connect: 300 * time.Millisecond, body: time.Minute})
	for _, path := range []string{"/whip/a", "/echo"} {
		resp := f.post(path, offertest.Offer(t, "chromium-sendrecv"))
		require.Equal(t, 201, resp.StatusCode)
	}
	p := <-published
	rtptest.Wait(t, p.Done(), "the end")
	require.ErrorIs(t, p.Err(), session.ErrTimedOut)
}

func TestDefaultTimersKeepConsent(t *testing.T) {
	ts := defaultTimers()
	require.LessOrEqual(t, ts.disconnected+ts.failed, 30*time.Second, "RFC 7675 §5.1")
	require.LessOrEqual(t, ts.connect, 15*time.Second)
}

// The end of the server ends sessions, taps and sockets, and new offers are turned away.
func TestRunEnds(t *testing.T) {
	s, err := New(Options{Logger: slog.New(slog.DiscardHandler), TCPListen: "127.0.0.1:0"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	post := func(stream string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/whip/"+stream, strings.NewReader(offertest.Offer(t, "chromium")))
		r.SetPathValue("stream", stream)
		r.Header.Set("Content-Type", "application/sdp")
		s.WHIP().ServeHTTP(w, r)
		return w
	}
	require.Equal(t, 201, post("a").Code)
	p, _ := s.Sessions().Publisher("a")
	tap := p.Tracks()[0].Tap(4)
	cancel()
	require.NoError(t, s.Run(ctx))
	rtptest.Wait(t, p.Done(), "the end")
	require.ErrorIs(t, p.Err(), session.ErrStopping)
	<-tap.Ready()
	require.True(t, tap.Ended())
	require.Equal(t, 503, post("b").Code)

	require.Eventually(t, func() bool { // another program may be given it, and end
		again, err := net.ListenUDP("udp", s.UDPAddr().(*net.UDPAddr))
		return err == nil && again.Close() == nil
	}, rtptest.Patience, 10*time.Millisecond, "the port is free")
}

// 50 publish and stop cycles leave no goroutine behind.
func TestCyclesLeaveNothing(t *testing.T) {
	f := newFixture(t, Options{TCPListen: "127.0.0.1:0"})
	cycle := func() {
		for _, path := range []string{"/whip/a", "/echo"} {
			resp := f.post(path, offertest.Offer(t, "chromium-sendrecv"))
			require.Equal(t, 201, resp.StatusCode, text(t, resp))
			require.Equal(t, 200, f.do("DELETE", resp.Header.Get("Location"), "").StatusCode)
		}
	}
	cycle()
	before := runtime.NumGoroutine()
	for range 50 {
		cycle()
	}
	const slack = 10 // HTTP connections come and go; a leak would be a hundred; and there is the one that looks
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+slack }, rtptest.Patience, time.Millisecond)
	f.requireNothingLeft()
}

// Whoever opens TCP connections and says nothing, or names a session that there is not, takes few of them for a short time: who publishes
// over TCP goes on, others come, and nothing stays. 127.0.0.2 is another client than 127.0.0.1.
func TestSilentTCP(t *testing.T) {
	const share = 20
	ts := defaultTimers()
	ts.firstSTUN = time.Second
	f := newFixtureWith(t, Options{TCPListen: "127.0.0.1:0", MaxTCPConnections: 3 * share, MaxTCPConnectionsPerAddress: share}, ts)
	publish := func(stream string) *session.Publisher {
		client := newPeer(t, peerOptions{networks: []webrtc.NetworkType{webrtc.NetworkTypeTCP4}})
		client.publish(f, "/whip/"+stream)
		client.waitConnected()
		client.keepSending()
		return published(t, f, stream, client.location)
	}
	plays := publish("a").Tracks()[1].Tap(64)
	takeFrom(t, plays, 1)
	open := f.server.sockets.tcp.listener.Open()

	attacker := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
	stranger, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername("nobody:else"))
	require.NoError(t, err)
	before := footprint.Take(t)
	descriptors := before.Descriptors
	var conns []net.Conn
	for n := range 5 * share {
		conn, err := attacker.Dial("tcp", f.server.TCPAddr().String())
		if errors.Is(err, syscall.ECONNRESET) { // so soon is it refused
			continue
		}
		require.NoError(t, err)
		defer conn.Close()
		conns = append(conns, conn)
		if n%2 == 0 {
			_, _ = conn.Write(append([]byte{0, byte(len(stranger.Raw))}, stranger.Raw...)) // those beyond the share are reset
		}
	}
	require.Eventually(t, func() bool { return openFiles(t)-descriptors <= len(conns)+share }, rtptest.Patience, time.Millisecond,
		"no more is open than what the attacker has, and its share here")
	takeFrom(t, publish("b").Tracks()[1].Tap(64), 1)
	for _, conn := range conns { // the server closes each
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(rtptest.Patience)))
		_, err := conn.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, conn.Close())
	}
	const second = share / 2 // what the second publisher has opened, at most
	require.Eventually(t, func() bool { return f.server.sockets.tcp.listener.Open() <= open+second }, rtptest.Patience, 10*time.Millisecond)
	before.RequireBack(t, 2*second)
	takeFrom(t, plays, 1)
}

// openFiles is how many descriptors this process has.
func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}

// RFC 6544: where UDP is blocked, media comes over TCP, and UDP candidates stay first.
func TestTCP(t *testing.T) {
	f := newFixture(t, Options{TCPListen: "127.0.0.1:0"})
	require.NotNil(t, f.server.TCPAddr())
	client := newPeer(t, peerOptions{networks: []webrtc.NetworkType{webrtc.NetworkTypeTCP4}})
	client.publish(f, "/whip/a")
	checkFirstCandidate(t, parseSDP(t, client.answer))
	require.Contains(t, client.answer, "tcptype passive")
	client.waitConnected()
	client.keepSending()
	p, _ := f.server.Sessions().Publisher("a")
	takeFrom(t, p.Tracks()[1].Tap(64), 10)
	require.True(t, strings.HasPrefix(p.RemoteAddr(), "127.0.0.1:"))
}
