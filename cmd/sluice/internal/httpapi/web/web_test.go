package web

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/certificate"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/public/panics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run serves until the test ends, or until what it returns is called, which returns what Run returned.
func run(t *testing.T, handler http.Handler, o Options) (s *Servers, stop func() error) {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Connections == nil {
		o.Connections = connections(100)
	}
	o.HTTP = "127.0.0.1:0"
	s, err := Listen(handler, o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-result
	})
	t.Cleanup(func() { require.NoError(t, stop()) })
	return s, stop
}

// Another certificate is that of new connections; those that are open go on.
func TestUseCertificate(t *testing.T) {
	first := certificate.Source{Directory: t.TempDir()}
	s, _ := run(t, http.HandlerFunc(serveOK), Options{HTTPS: "127.0.0.1:0", Certificate: first})
	address := strings.TrimPrefix(s.URLs()[1], "https://")
	ask := func(connection *tls.Conn) {
		_, err := io.WriteString(connection, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	dial := func() *tls.Conn {
		connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		t.Cleanup(func() { connection.Close() })
		return connection
	}
	before := dial()
	ask(before)
	second, err := certificate.Source{Directory: t.TempDir()}.Load()
	require.NoError(t, err)
	s.UseCertificate(second)
	ask(before)
	after := dial()
	ask(after)
	require.Equal(t, second.Leaf.SerialNumber, after.ConnectionState().PeerCertificates[0].SerialNumber)
	others, err := s.Certificate(nil)
	require.NoError(t, err)
	require.Equal(t, second.Leaf.SerialNumber, others.Leaf.SerialNumber)
	require.NotEqual(t, second.Leaf.SerialNumber, before.ConnectionState().PeerCertificates[0].SerialNumber)
}

// Without HTTPS there is a certificate for other servers that want one.
func TestCertificateOfOthers(t *testing.T) {
	s, _ := run(t, http.NotFoundHandler(), Options{OthersSecure: true, Certificate: certificate.Source{Directory: t.TempDir()}})
	pair, err := s.Certificate(nil)
	require.NoError(t, err)
	require.NotNil(t, pair)
	require.Len(t, s.URLs(), 1)
	_, err = Listen(http.NotFoundHandler(), Options{HTTP: "127.0.0.1:0", OthersSecure: true, Certificate: certificate.Source{Cert: "none.pem", Key: "none.pem"}})
	require.ErrorContains(t, err, "read tls.cert and tls.key")
}

// The server for monitors serves its own handler, and is none of the addresses to open.
func TestMetricsAddress(t *testing.T) {
	s, _ := run(t, http.NotFoundHandler(), Options{Metrics: "127.0.0.1:0", MetricsHandler: http.HandlerFunc(serveOK)})
	require.Len(t, s.URLs(), 1)
	response, err := client(t).Get(s.MetricsURL())
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	none, _ := run(t, http.NotFoundHandler(), Options{})
	require.Empty(t, none.MetricsURL())
}

func connections(most int) *quota.Connections {
	return quota.NewConnections(most, most, nil, slog.New(slog.DiscardHandler))
}

// client keeps nothing open when the test ends.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func serveOK(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

// The operator hears of a handler's panic, and not of everybody's broken handshake.
func TestErrorLog(t *testing.T) {
	var logged bytes.Buffer
	s, stop := run(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("lost") }),
		Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	before := panics.Count()
	_, err := client(t).Post(s.URLs()[0], "", nil) // which is not repeated
	require.ErrorIs(t, err, io.EOF)
	s.servers[0].ErrorLog.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	require.NoError(t, stop())
	require.Contains(t, logged.String(), "level=ERROR")
	require.Contains(t, logged.String(), "lost")
	require.Equal(t, before+1, panics.Count())
	require.NotContains(t, logged.String(), "handshake")
}

// A connection beyond the limit is not served while another takes its place, however long that is, and is once it has gone.
func TestConnectionLimit(t *testing.T) {
	s, _ := run(t, http.HandlerFunc(serveOK), Options{Connections: connections(1)})
	address := strings.TrimPrefix(s.URLs()[0], "http://")
	ask := func(conn net.Conn) {
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+address+"\r\n\r\n")
		require.NoError(t, err)
	}
	first, err := net.Dial("tcp", address)
	require.NoError(t, err)
	answers := bufio.NewReader(first)
	ask(first)
	requireOK(t, answers)

	second, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer second.Close()
	ask(second)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_, _ = second.Read(make([]byte, 1))
	}()
	for range 200 {
		ask(first)
		requireOK(t, answers)
	}
	select {
	case <-served:
		t.Error("served beyond the limit")
	default:
	}
	require.NoError(t, first.Close())
	<-served
}

func requireOK(t *testing.T, answers *bufio.Reader) {
	t.Helper()
	answer, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, "ok", string(body))
}

// HTTPS serves the same, with the certificate that is kept.
func TestHTTPS(t *testing.T) {
	s, _ := run(t, http.HandlerFunc(serveOK), Options{HTTPS: "127.0.0.1:0", Certificate: certificate.Source{Directory: t.TempDir()}})
	urls := s.URLs()
	require.Len(t, urls, 2)
	require.True(t, strings.HasPrefix(urls[0], "http://127.0.0.1:"), urls[0])
	require.True(t, strings.HasPrefix(urls[1], "https://127.0.0.1:"), urls[1])
	for _, url := range urls {
		answer, err := client(t).Get(url)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.NoError(t, answer.Body.Close())
	}
}

// A running request hears that the servers stop, and what it answers then is still sent.
func TestRequestsEnd(t *testing.T) {
	entered := make(chan struct{})
	s, stop := run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		serveOK(w, r)
	}), Options{})
	answered := make(chan string, 1)
	go func() {
		answer, err := client(t).Get(s.URLs()[0])
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		answered <- string(body)
	}()
	<-entered
	require.NoError(t, stop())
	require.Equal(t, "ok", <-answered)
}

// Servers that accept no more connections answer who is being answered, keep no connection open, and leave the rest to whoever has the socket too.
func TestStopAccepting(t *testing.T) {
	entered, free := make(chan struct{}), make(chan struct{})
	var other net.Listener
	s, _ := run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-free
		}
		serveOK(w, r)
	}), Options{ListenTCP: func(_, address string) (*net.TCPListener, error) {
		listener, err := listenTCP("", address)
		require.NoError(t, err)
		file, err := listener.File()
		require.NoError(t, err)
		defer file.Close()
		other, err = net.FileListener(file)
		require.NoError(t, err)
		return listener, nil
	}})
	defer other.Close()
	idle, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	defer idle.Close()
	answers := bufio.NewReader(idle)
	_, err = io.WriteString(idle, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	requireOK(t, answers)
	slow := make(chan *http.Response, 1)
	go func() {
		defer close(slow)
		if response, err := client(t).Get(s.URLs()[0] + "/slow"); err == nil {
			_ = response.Body.Close()
			slow <- response
		}
	}()
	<-entered
	s.StopAccepting(time.Minute)
	_, err = answers.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	next, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	defer next.Close()
	accepted, err := other.Accept()
	require.NoError(t, err)
	require.Equal(t, next.LocalAddr(), accepted.RemoteAddr())
	require.NoError(t, accepted.Close())
	close(free)
	response := <-slow
	require.NotNil(t, response)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.True(t, response.Close)
}

// Whatever cannot be had is said before anything runs, with what to do, and nothing stays open.
func TestListenRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, tc := range map[string]struct {
		options Options
		want    string
	}{
		"http":        {Options{HTTP: taken.Addr().String()}, "choose another with --http-listen"},
		"https":       {Options{HTTP: "127.0.0.1:0", HTTPS: taken.Addr().String(), Certificate: certificate.Source{Directory: t.TempDir()}}, "choose another with --https-listen"},
		"certificate": {Options{HTTP: "127.0.0.1:0", HTTPS: "127.0.0.1:0", Certificate: certificate.Source{Cert: "none", Key: "none"}}, "read tls.cert and tls.key"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.options.Connections, tc.options.Logger = connections(1), slog.New(slog.DiscardHandler)
			_, err := Listen(http.HandlerFunc(serveOK), tc.options)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// A handshake of the authority gets its proof; others get the certificate, and speak HTTP/2 as before.
func TestProof(t *testing.T) {
	proof, err := certificate.SelfSigned(t.TempDir())
	require.NoError(t, err)
	s, _ := run(t, http.HandlerFunc(serveOK), Options{
		HTTPS: "127.0.0.1:0", Certificate: certificate.Source{Directory: t.TempDir()}, Protocol: "acme-tls/1",
		Proof: func(hello *tls.ClientHelloInfo) *tls.Certificate {
			if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == "acme-tls/1" {
				return &proof
			}
			return nil
		},
	})
	for protocol, proves := range map[string]bool{"acme-tls/1": true, "h2": false, "http/1.1": false} {
		connection, err := tls.Dial("tcp", strings.TrimPrefix(s.URLs()[1], "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
		require.NoError(t, err)
		state := connection.ConnectionState()
		require.NoError(t, connection.Close())
		require.Equal(t, protocol, state.NegotiatedProtocol)
		require.Equal(t, proves, state.PeerCertificates[0].Equal(proof.Leaf), protocol)
	}
}
