package ingest

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// foreign is an ffmpeg that publishes.
type foreign struct {
	*exec.Cmd
	said  bytes.Buffer
	ended chan struct{}
}

// encode has ffmpeg publish a picture and a tone of AAC until it is ended.
func encode(t *testing.T, options string) *foreign {
	t.Helper()
	args := "-hide_banner -loglevel warning -re -f lavfi -i testsrc2=size=64x48:rate=10 -f lavfi -i sine=sample_rate=48000 " +
		"-c:v libx264 -preset ultrafast -tune zerolatency -g 10 -c:a aac " + options
	e := &foreign{Cmd: exec.Command("ffmpeg", strings.Fields(args)...), ended: make(chan struct{})}
	e.Stdout, e.Stderr = &e.said, &e.said
	require.NoError(t, e.Start(), "install ffmpeg with apt-get install ffmpeg")
	go func() {
		defer close(e.ended)
		_ = e.Wait() // what it says is looked at
	}()
	t.Cleanup(func() {
		_ = e.Process.Kill()
		<-e.ended
	})
	return e
}

// requireEnd waits for the end, of which the server has told the reason.
func (e *foreign) requireEnd(t *testing.T, reason string) {
	t.Helper()
	rtptest.Wait(t, e.ended, "the end of ffmpeg")
	require.Contains(t, e.said.String(), reason)
}

// counter counts packets.
type counter struct{ packets chan struct{} }

func (c counter) Deliver(p *media.Packet) {
	if p.Report == nil {
		select {
		case c.packets <- struct{}{}:
		default:
		}
	}
}

func (counter) End() {}

// encoderFixture is a server for encoders: each publisher that comes is told of, with what its tracks send.
type encoderFixture struct {
	*fixture
	publishers   chan *session.Publisher
	video, audio counter
}

func newEncoderFixture(t *testing.T, o Options) *encoderFixture {
	t.Helper()
	f := &encoderFixture{publishers: make(chan *session.Publisher, 8), video: counter{make(chan struct{}, 1)}, audio: counter{make(chan struct{}, 1)}}
	o.MayEnter = func(r *http.Request, name, token string) (session.Right, *refusal.Refusal) {
		if token != "a+good/key==" {
			return session.Right{}, refusal.New(http.StatusUnauthorized, "Send a key.")
		}
		return session.Right{}, nil
	}
	o.OnPublish = func(p *session.Publisher) error {
		p.Track(media.KindVideo).Subscribe(f.video)
		p.Track(media.KindAudio).Subscribe(f.audio)
		f.publishers <- p
		return nil
	}
	f.fixture = newFixture(t, o)
	return f
}

// requireStream waits for a publisher and for what it sends.
func (f *encoderFixture) requireStream(kind session.Kind) *session.Publisher {
	f.Helper()
	p := rtptest.Wait(f, f.publishers, "a publisher")
	rtptest.Wait(f, p.Begun(), "its first packet")
	rtptest.Wait(f, f.video.packets, "video")
	rtptest.Wait(f, f.audio.packets, "sound, as Opus")
	require.Equal(f, "cam", p.Stream())
	require.Equal(f, "H264", strings.TrimPrefix(p.Track(media.KindVideo).Format().Capability().MimeType, "video/"))
	infos := f.server.Sessions().Infos()
	require.Equal(f, kind, infos[len(infos)-1].Kind)
	require.Contains(f, infos[len(infos)-1].Address, "127.0.0.1:")
	return p
}

// What an encoder sends over RTMP is a stream like any other: with a key, taken over, ended by the server, which tells why.
func TestRTMP(t *testing.T) {
	f := newEncoderFixture(t, Options{RTMPListen: "127.0.0.1:0"})
	url := "-f flv rtmp://" + f.server.RTMPAddr().String() + "/live/cam"
	encode(t, url).requireEnd(t, "NAME?key=KEY")
	encode(t, strings.Replace(url, "cam", "c.am", 1)).requireEnd(t, "A stream's name is")
	require.Empty(t, f.publishers)

	first := encode(t, url+"?key=a+good%2Fkey==")
	old := f.requireStream(session.KindRTMP)
	second := encode(t, url+"?pass=a+good%2Fkey==")
	p := f.requireStream(session.KindRTMP)
	first.requireEnd(t, "taken over")
	p.Close("enough of this")
	second.requireEnd(t, "enough of this")
	rtptest.Wait(t, old.Done(), "the end of the first session")
	rtptest.Wait(t, p.Done(), "the end of the session")
	f.requireNothingLeft()
}

// The same comes in TLS at an address of its own, and is told of refusals there, too.
func TestRTMPS(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	pair := web.TLS.Certificates[0]
	web.Close()
	f := newEncoderFixture(t, Options{RTMPSListen: "127.0.0.1:0", Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }})
	require.Nil(t, f.server.RTMPAddr())
	url := "-f flv rtmps://" + f.server.RTMPSAddr().String() + "/live/cam"
	encode(t, url).requireEnd(t, "NAME?key=KEY")
	encode(t, strings.Replace(url, "rtmps", "rtmp", 1)).requireEnd(t, "handshake") // who speaks no TLS comes to nothing
	encoder := encode(t, url+"?key=a+good%2Fkey==")
	p := f.requireStream(session.KindRTMP)
	p.Close("enough of this")
	encoder.requireEnd(t, "enough of this")
	rtptest.Wait(t, p.Done(), "the end of the session")
	f.requireNothingLeft()
}

// A port that another program has is told of, with what to do.
func TestRTMPPortIsTaken(t *testing.T) {
	f := newEncoderFixture(t, Options{RTMPListen: "127.0.0.1:0"})
	_, err := New(Options{RTMPListen: f.server.RTMPAddr().String()})
	require.ErrorContains(t, err, "another program has this port")
	_, err = New(Options{RTMPListen: "127.0.0.1:0", RTMPSListen: f.server.RTMPAddr().String()})
	require.ErrorContains(t, err, f.server.RTMPAddr().String())
}

// The same over SRT, encrypted or not: SRT tells a client that it is refused, and not in words why.
func TestSRT(t *testing.T) {
	f := newEncoderFixture(t, Options{SRTListen: "127.0.0.1:0", SRTPassphrase: "a-long-secret"})
	url := "-f mpegts srt://" + f.server.SRTAddr().String() + "?passphrase=a-long-secret&pkt_size=1316&connect_timeout=60000&streamid="
	refused := "Input/output error"
	encode(t, url+"publish:cam").requireEnd(t, refused)
	encode(t, strings.Replace(url, "long", "short", 1)+"publish:cam:a%2Bgood/key==").requireEnd(t, refused)
	require.Empty(t, f.publishers)

	encode(t, url+"publish:cam:a%2Bgood/key==")
	old := f.requireStream(session.KindSRT)
	second := encode(t, url+"#!::r=cam,m=publish,s=a%2Bgood/key==")
	p := f.requireStream(session.KindSRT)
	p.Close("enough of this")
	second.requireEnd(t, "Input/output error")
	rtptest.Wait(t, old.Done(), "the end of the first session")
	rtptest.Wait(t, p.Done(), "the end of the session")
	f.requireNothingLeft()
}
