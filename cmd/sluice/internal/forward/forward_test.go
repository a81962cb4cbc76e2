package forward

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

const key = "a-secret/and=more"

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// heard counts packets of a track.
type heard struct{ packets chan struct{} }

func (h heard) Deliver(p *media.Packet) {
	if p.Report == nil {
		select {
		case h.packets <- struct{}{}:
		default:
		}
	}
}

func (heard) End() {}

// receiver is another Sluice, as far as it receives.
type receiver struct {
	*ingest.Server
	publishers   chan *session.Publisher
	video, sound heard
	stop         func()
}

// receive runs a receiver, which wants the key, until stop.
func receive(t *testing.T, o ingest.Options) *receiver {
	r := &receiver{publishers: make(chan *session.Publisher, 8), video: heard{make(chan struct{}, 1)}, sound: heard{make(chan struct{}, 1)}}
	o.Logger = slog.New(slog.DiscardHandler)
	o.MayEnter = func(_ *http.Request, _, token string) (session.Right, *refusal.Refusal) {
		if token != key {
			return session.Right{}, refusal.New(http.StatusUnauthorized, "Not with %s.", token)
		}
		return session.Right{}, nil
	}
	o.OnPublish = func(p *session.Publisher) error {
		p.Track(media.KindVideo).Subscribe(r.video)
		p.Track(media.KindAudio).Subscribe(r.sound)
		r.publishers <- p
		return nil
	}
	var err error
	r.Server, err = ingest.New(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(r.stop)
	return r
}

// requireMedia waits for a publisher of the name, with pictures and sound.
func (r *receiver) requireMedia(t *testing.T, stream string) *session.Publisher {
	t.Helper()
	p := wait(t, r.publishers, "a publisher")
	require.Equal(t, stream, p.Stream())
	wait(t, r.video.packets, "pictures")
	wait(t, r.sound.packets, "sound")
	require.Equal(t, "video/H264", p.Track(media.KindVideo).Format().Capability().MimeType)
	return p
}

func wait[T any](t *testing.T, from <-chan T, what string) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(within):
		t.Fatal("no " + what)
	}
	return got
}

// forwardTo forwards a stage, whose stream is called cam, to a URL until the test ends.
func forwardTo(t *testing.T, s *stage, url string, roots *tls.Config) (*Stream, *lines) {
	log := &lines{}
	target := Target{URL: url, Streams: "c*"}
	require.NoError(t, target.Validate())
	stream := Begin(Options{Stream: "cam", Targets: []Target{target}, Source: s.source(), TLS: roots, Logger: slog.New(slog.NewTextHandler(log, nil))})
	end := sync.OnceFunc(stream.End)
	t.Cleanup(end)
	return stream, log
}

func (s *Stream) is(state string) func() bool {
	return func() bool { return s.States()[0].State == state }
}

// fails waits until the first target is tried again for that reason. On a busy machine the tries before may have had too little time.
func (s *Stream) fails(t *testing.T, why string) {
	t.Helper()
	eventually(t, func() bool {
		now := s.States()[0]
		return now.State == StateRetrying && strings.Contains(now.Error, why)
	}, why)
}

// lonely is an address of the loopback network at which nobody else listens, so that a port that is free there stays free until a test listens on it.
const lonely = "127.77.0.1:0"

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", lonely)
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// A target that is away is tried again until it is there, gets pictures and sound, through a change of the encoder too, and hears of the end. When
// it goes away that is tried again. The key is in no log and no state.
func TestRTMP(t *testing.T) {
	s := newStage(t, "large", "audio")
	at := freeAddress(t)
	stream, log := forwardTo(t, s, "rtmp://"+at+"/live/{stream}?key=a-secret%2Fand=more", nil)
	eventually(t, stream.is(StateWaiting), "nothing to send")
	s.add(2)
	stream.fails(t, "connection refused")

	r := receive(t, ingest.Options{RTMPListen: at})
	eventually(t, stream.is(StateForwarding), "there")
	s.add(3)
	r.requireMedia(t, "cam")
	state := stream.States()[0]
	require.Positive(t, state.Bytes)
	require.Positive(t, state.Retries)
	require.Empty(t, state.Error)
	require.Equal(t, "rtmp://"+at, state.Target)
	s.encode("180p", "audio")
	s.add(2)
	wait(t, r.video.packets, "pictures of the next encoder")
	require.Equal(t, state.Since, stream.States()[0].Since, "the connection is the same")

	r.stop()
	eventually(t, stream.is(StateRetrying), "gone")
	r = receive(t, ingest.Options{RTMPListen: at})
	eventually(t, stream.is(StateForwarding), "back")
	s.add(2)
	p := r.requireMedia(t, "cam")
	s.end()
	wait(t, p.Done(), "end of the stream over there")
	eventually(t, stream.is(StateEnded), "the end")
	require.NotContains(t, log.String(), "a-secret")
}

// The certificate of RTMPS is looked at; why a server refuses is told, without the key that it tells.
func TestRTMPS(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	pair, trusted := web.TLS.Certificates[0], x509.NewCertPool()
	trusted.AddCert(web.Certificate())
	web.Close()
	s := newStage(t, "180p", "audio")
	s.add(2)
	r := receive(t, ingest.Options{RTMPSListen: "127.0.0.1:0", Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }})
	url := "rtmps://" + r.RTMPSAddr().String() + "/live/cam?key="
	stranger, _ := forwardTo(t, s, url+"a-secret%2Fand=more", nil)
	wrong, log := forwardTo(t, s, url+"another-secret", &tls.Config{RootCAs: trusted})
	right, _ := forwardTo(t, s, url+"a-secret%2Fand=more", &tls.Config{RootCAs: trusted})
	stranger.fails(t, "certificate")
	wrong.fails(t, "the server refuses: ")
	require.NotContains(t, wrong.States()[0].Error+log.String(), "another-secret")
	eventually(t, right.is(StateForwarding), "there")
	s.add(2)
	r.requireMedia(t, "cam")
}

// A target that takes the connection and nothing else is in nobody's way: neither in that of others, nor in that of the end.
func TestTargetThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	r := receive(t, ingest.Options{RTMPListen: "127.0.0.1:0"})
	s := newStage(t, "180p", "audio")
	log := &lines{}
	stream := Begin(Options{Stream: "cam", Logger: slog.New(slog.NewTextHandler(log, nil)), Source: s.source(), Targets: []Target{
		{URL: "rtmp://" + l.Addr().String() + "/live/cam", Title: "hangs"}, {URL: "rtmp://" + r.RTMPAddr().String() + "/live/{stream}?key=a-secret%2Fand=more"},
	}})
	require.Equal(t, StateWaiting, stream.States()[0].State)
	s.add(2)
	taken, err := l.Accept()
	require.NoError(t, err)
	defer taken.Close()
	eventually(t, func() bool { return stream.States()[1].State == StateForwarding }, "the other")
	s.add(2)
	p := r.requireMedia(t, "cam")
	require.Contains(t, []string{StateConnecting, StateRetrying}, stream.States()[0].State, "on a busy machine it may have had its time by now")
	stream.End()
	wait(t, p.Done(), "end of the stream over there")
	require.Equal(t, StateEnded, stream.States()[0].State)
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		target Target
		fault  string // "": none
		name   string
	}{
		{Target{URL: "rtmps://a.rtmps.example.com/live2/abcd-efgh"}, "", "rtmps://a.rtmps.example.com"},
		{Target{URL: "rtmp://example.com:1936/{stream}"}, "", "rtmp://example.com:1936"},
		{Target{URL: "rtmp://example.com/app/key", Title: "mine", Streams: "cam*"}, "", "mine"},
		{Target{URL: "rtmp://example.com/app/key", Streams: "*"}, "", "rtmp://example.com"},
		{Target{URL: "https://example.com/whip/abcd-efgh", Token: "abcd"}, "", "https://example.com"},
		{Target{URL: "rtmp://example.com/app/key", Token: "abcd-efgh"}, "which is for WHIP", ""},
		{Target{URL: "https://example.com/whip/cam", Token: "abcd-efgh\n"}, "blanks or control characters", ""},
		{Target{URL: "rtmp://example.com"}, "without a stream key", ""},
		{Target{URL: "rtmp://u:abcd-efgh@example.com/app/key"}, "has credentials before its host", ""},
		{Target{URL: "rtmp:///app/abcd-efgh"}, "without a host", ""},
		{Target{URL: "ftp://example.com/abcd-efgh"}, `a URL of "ftp"`, ""},
		{Target{URL: "://abcd-efgh"}, "no URL", ""},
		{Target{URL: "rtmp://example.com/app/key", Streams: "c am"}, "neither the name of a stream", ""},
		{Target{URL: "rtmp://example.com/app/key", Title: "a\nb"}, "control characters", ""},
	} {
		err := c.target.Validate()
		if c.fault == "" {
			require.NoError(t, err, c.target.URL)
			require.Equal(t, c.name, c.target.Name())
			continue
		}
		require.ErrorContains(t, err, c.fault)
		require.NotContains(t, err.Error(), "abcd-efgh")
	}
	for pattern, takes := range map[string]bool{"": true, "*": true, "cam": true, "ca*": true, "ca": false, "camera*": false} {
		require.Equal(t, takes, Target{Streams: pattern}.Takes("cam"), pattern)
	}
	require.Equal(t, []string{"user=ann&key=s%2Fe.cret", "s/e.cret"}, Target{URL: "rtmp://h/live/{stream}?user=ann&key=s%2Fe.cret"}.Secrets("mycamera"))
}

// The last step of a path is the key, with what is behind the question mark.
func TestDestination(t *testing.T) {
	for url, want := range map[string][4]string{ // address, app, key, URL that the server is told
		"rtmp://h/live/cam":         {"h:1935", "live", "cam", "rtmp://h/live"},
		"rtmps://h/live2/a-b?c=%2F": {"h:443", "live2", "a-b?c=%2F", "rtmps://h/live2"},
		"rtmp://h:1/a/b/cam":        {"h:1", "a/b", "cam", "rtmp://h:1/a/b"},
		"rtmp://[::1]/cam":          {"[::1]:1935", "", "cam", "rtmp://[::1]/"},
	} {
		u, err := Target{URL: url}.at("")
		require.NoError(t, err)
		d := destinationOf(u, nil)
		require.Equal(t, want, [4]string{d.Address, d.App, d.Key, d.URL})
		require.Equal(t, strings.HasPrefix(url, "rtmps"), d.TLS != nil)
	}
}
