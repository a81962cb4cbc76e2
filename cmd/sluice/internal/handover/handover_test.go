package handover

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/packager/disk"
)

// roleKey says in the environment what this program does as the next process, which has the data directory as its argument.
const roleKey = "HANDOVER_TEST_ROLE"

var roles = map[string]func(dir string) error{
	"serves": serveAsNext,
	"refuses": func(string) error {
		fmt.Println("it finds its configuration wrong")
		return errors.New("wrong")
	},
	"takes, and fails": func(string) error {
		_, before, err := Inherit(os.Environ(), nil)
		return errors.Join(err, before.Take(context.Background()), errors.New("failed"))
	},
	"is of another version": func(string) error {
		_, before, err := Inherit(os.Environ(), nil)
		_, _ = before.tell.Write([]byte{'?'})
		_, _ = io.Copy(io.Discard, before.told)
		return err
	},
}

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleKey)]; role != nil {
		if role(os.Args[1]) != nil {
			os.Exit(3)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const tcpAddress, udpAddress = "127.0.0.1:0", "127.0.0.1:0"

// serveAsNext answers one connection, and one packet, with its process number.
func serveAsNext(dir string) error {
	d, before, err := Inherit(os.Environ(), nil)
	if err != nil {
		return err
	}
	if err := before.Take(context.Background()); err != nil {
		return err
	}
	listener, err := d.ListenTCP("http.listen", tcpAddress)
	conn, err2 := d.ListenUDP("ice.udp", "udp", udpAddress)
	_, without, err3 := d.Lock(dir)
	if err := errors.Join(err, err2, without, err3); err != nil {
		return err
	}
	before.Serves(context.Background())
	accepted, err := listener.Accept()
	if err != nil {
		return err
	}
	fmt.Fprintln(accepted, os.Getpid())
	_, client, err := conn.ReadFrom(make([]byte, 1))
	if err != nil {
		return err
	}
	_, err2 = conn.WriteTo([]byte(strconv.Itoa(os.Getpid())), client)
	return errors.Join(err2, accepted.Close())
}

// fixture is this process, which serves.
type fixture struct {
	*Descriptors
	t    *testing.T
	dir  string
	tcp  *net.TCPListener
	udp  *net.UDPConn
	lock io.Closer
}

func newFixture(t *testing.T, d *Descriptors) *fixture {
	t.Helper()
	f := &fixture{Descriptors: d, t: t, dir: t.TempDir()}
	f.listen()
	t.Cleanup(f.Close)
	return f
}

func (f *fixture) listen() {
	f.t.Helper()
	var err error
	f.tcp, err = f.ListenTCP("http.listen", tcpAddress)
	require.NoError(f.t, err)
	f.udp, err = f.ListenUDP("ice.udp", "udp", udpAddress)
	require.NoError(f.t, err)
	var without error
	f.lock, without, err = f.Lock(f.dir)
	require.NoError(f.t, errors.Join(without, err))
}

// letGo ends what this process does with the descriptors.
func (f *fixture) letGo() {
	require.NoError(f.t, errors.Join(f.tcp.Close(), f.udp.Close(), f.lock.Close()))
}

func (f *fixture) start(role string) *Successor {
	f.t.Helper()
	p, err := Self()
	require.NoError(f.t, err)
	p.Args, p.Environ = []string{os.Args[0], f.dir}, append(os.Environ(), roleKey+"="+role, "WATCHDOG_PID=1")
	next, err := f.Start(p, slog.New(slog.DiscardHandler))
	require.NoError(f.t, err)
	return next
}

// requireServes looks whether this process has the sockets, and can give up waiting for connections: they do not block it.
func (f *fixture) requireServes() {
	f.t.Helper()
	client, err := net.Dial("tcp", f.tcp.Addr().String())
	require.NoError(f.t, err)
	defer client.Close()
	accepted, err := f.tcp.Accept()
	require.NoError(f.t, err)
	require.NoError(f.t, accepted.Close())
	require.NoError(f.t, f.tcp.SetDeadline(time.Now()))
	_, err = f.tcp.Accept()
	require.ErrorIs(f.t, err, os.ErrDeadlineExceeded)
	require.NoError(f.t, f.tcp.SetDeadline(time.Time{}))
}

// The next process answers who has come while nobody accepted, and at no moment is the data directory free, or a connection refused.
func TestNextTakesOver(t *testing.T) {
	f := newFixture(t, newDescriptors())
	tcp, udp := f.tcp.Addr().String(), f.udp.LocalAddr().String()
	next := f.start("serves")
	require.NoError(t, next.AwaitReady(t.Context()))
	f.requireServes()

	f.letGo()
	client, err := net.Dial("tcp", tcp)
	require.NoError(t, err)
	defer client.Close()
	packets, err := net.Dial("udp", udp)
	require.NoError(t, err)
	defer packets.Close()
	_, err = packets.Write([]byte("x"))
	require.NoError(t, err)
	_, _, err = disk.Lock(f.dir, nil)
	require.ErrorIs(t, err, disk.ErrLocked)
	next.Yield()
	require.NoError(t, next.AwaitServing(t.Context()))
	require.True(t, next.Serves(t.Context()))
	_, _, err = disk.Lock(f.dir, nil)
	require.ErrorContains(t, err, "(process "+strconv.Itoa(next.PID())+")")
	next.Leave()

	said, err := bufio.NewReader(client).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(next.PID())+"\n", said)
	answer := make([]byte, 20)
	n, err := packets.Read(answer)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(next.PID()), string(answer[:n]))
	<-next.exited
	require.NoError(t, next.state)
	lock, _, err := disk.Lock(f.dir, nil)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
	_, err = net.Dial("tcp", tcp)
	require.Error(t, err, "nobody has the socket any more")
}

// A next process that does not get as far as to take over changes nothing.
func TestNextDoesNotStart(t *testing.T) {
	f := newFixture(t, newDescriptors())
	defer f.letGo()
	for role, want := range map[string]string{
		"refuses":               "exit status 3",
		"is of another version": `says '?' where 'r' is expected`,
	} {
		require.ErrorContains(t, f.start(role).AwaitReady(t.Context()), want)
		f.requireServes()
	}
	ctx, cancel := context.WithCancel(t.Context())
	next := f.start("serves")
	require.NoError(t, next.AwaitReady(ctx))
	next.Discard()
	require.False(t, next.Serves(ctx))
	f.requireServes()
	cancel()
	require.ErrorIs(t, f.start("takes, and fails").AwaitReady(ctx), context.Canceled)
	_, err := f.Start(Program{Path: f.dir}, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, os.ErrPermission)
	f.requireServes()
}

// What a next process has taken and does not serve comes back, with who has come meanwhile.
func TestNextFails(t *testing.T) {
	f := newFixture(t, newDescriptors())
	address := f.tcp.Addr().String()
	next := f.start("takes, and fails")
	require.NoError(t, next.AwaitReady(t.Context()))
	f.letGo()
	client, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer client.Close()
	next.Yield()
	require.ErrorContains(t, next.AwaitServing(t.Context()), "exit status 3")
	require.False(t, next.Serves(t.Context()))
	f.listen()
	defer f.letGo()
	accepted, err := f.tcp.Accept()
	require.NoError(t, err)
	require.Equal(t, client.LocalAddr(), accepted.RemoteAddr())
	require.NoError(t, accepted.Close())
	f.requireServes()
}

// The sockets of a service manager stay what is listened on, whatever the next configuration says of their addresses.
func TestSocketsOfManager(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	d, before, err := Inherit(nil, map[string]*net.TCPListener{"http.listen": listener.(*net.TCPListener)})
	require.NoError(t, err)
	require.Nil(t, before)
	require.NoError(t, before.Take(t.Context()))
	before.Serves(t.Context())
	require.Equal(t, map[string]string{"http.listen": address}, d.Addresses())
	f := newFixture(t, d)
	require.Equal(t, address, f.tcp.Addr().String())
	require.Empty(t, d.Addresses())
	next := f.start("serves")
	require.NoError(t, next.AwaitReady(t.Context()))
	f.letGo()
	next.Yield()
	require.NoError(t, next.AwaitServing(t.Context()))
	next.Leave()
	client, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer client.Close()
	said, err := bufio.NewReader(client).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(next.PID())+"\n", said)
	require.NoError(t, next.process.Kill())
	<-next.exited
}

// Addresses that another configuration names are had before anything is given up for them, or not at all.
func TestBind(t *testing.T) {
	f := newFixture(t, newDescriptors())
	defer f.letGo()
	require.ErrorContains(t, f.Bind(map[string]string{"https.listen": f.tcp.Addr().String(), "http.metrics": ""}), "https.listen: listen tcp")
	require.NoError(t, f.Bind(map[string]string{"https.listen": "127.0.0.1:0"}))
	require.NoError(t, f.Bind(map[string]string{"https.listen": "127.0.0.1:0"}), "it is there")
	listener, err := f.ListenTCP("https.listen", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
}

func TestWrongEnvironment(t *testing.T) {
	_, _, err := Inherit([]string{variable + "=x"}, nil)
	require.ErrorContains(t, err, variable)
}

// A playlist that is held until the service hands over comes from the next process; where there is none it is refused as ever, and so is what ends otherwise.
func TestPassOn(t *testing.T) {
	next := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/next")
		fmt.Fprint(w, r.Method, " ", r.Host, r.URL, " ", r.Header.Get("X-Forwarded-For"))
	}))
	defer next.Close()
	to, err := url.Parse(next.URL)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		path   string
		to     *url.URL
		ends   bool // the request, before it is answered
		status int
		body   string
	}{
		"held":            {"/live/cam/480p.m3u8?_HLS_msn=7", to, true, 200, "GET front.example/live/cam/480p.m3u8?_HLS_msn=7 192.0.2.9"},
		"held, none next": {"/live/cam/480p.m3u8?_HLS_msn=7", nil, true, 503, "ask again"},
		"not held":        {"/live/cam/480p.m3u8?_HLS_msn=7", to, false, 503, "ask again"},
		"a part":          {"/live/cam/x/480p-7.1.m4s", to, true, 503, "ask again"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		handler := PassOn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if tc.ends {
				cancel()
			}
			r.URL.Path = "/stripped"
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "ask again")
		}), func(ctx context.Context) *url.URL {
			require.NoError(t, ctx.Err())
			return tc.to
		})
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://front.example"+tc.path, http.NoBody)
		r.Header.Set("X-Forwarded-For", "192.0.2.9")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		cancel()
		require.Equal(t, tc.status, w.Code, name)
		require.Equal(t, tc.body, w.Body.String(), name)
		require.Equal(t, tc.status == 503, w.Header().Get("Retry-After") == "1", name)
	}
}
