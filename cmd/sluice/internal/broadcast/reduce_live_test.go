package broadcast

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/stretchr/testify/require"

	pion "github.com/pion/webrtc/v4/pkg/media"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/transformed"
	"github.com/sluice-live/sluice/transcode"
)

// reduceFixture is a server that WHIP and WHEP of one stream reach, and that reduces video by ffmpeg.
type reduceFixture struct {
	*testing.T
	server *ingest.Server
	url    string
}

func newReduceFixture(t *testing.T) *reduceFixture {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	server, err := ingest.New(ingest.Options{
		Logger: log, MaxReduced: 1, Reduce: func(ctx context.Context, video *media.Track, to transformed.Reduction, out *transformed.Output) error {
			return ReduceLive(ctx, transcode.LiveOptions{Bitrate: to.Bitrate, Side: to.Side}, video, out, log)
		},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()
	mux := http.NewServeMux()
	mux.Handle("/whip/{stream}", server.WHIP())
	mux.Handle("/whep/{stream}", server.WHEP())
	web := httptest.NewServer(mux)
	t.Cleanup(func() {
		web.Close()
		cancel()
		require.NoError(t, <-ended)
	})
	return &reduceFixture{t, server, web.URL}
}

// connect negotiates at a path.
func (f *reduceFixture) connect(pc *webrtc.PeerConnection, path string) {
	f.Helper()
	gathered := webrtc.GatheringCompletePromise(pc)
	offered, err := pc.CreateOffer(nil)
	require.NoError(f, err)
	require.NoError(f, pc.SetLocalDescription(offered))
	<-gathered
	response, err := http.Post(f.url+path, "application/sdp", strings.NewReader(pc.LocalDescription().SDP))
	require.NoError(f, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(f, err)
	require.Equal(f, 201, response.StatusCode, "%s", answer)
	require.NoError(f, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}))
}

func videoFormat(mimeType string) media.Format {
	f := media.Format{Payload: "102", Repair: "103", Codec: offer.VideoCodecOf(mimeType)}
	if mimeType == webrtc.MimeTypeH264 {
		f.Parameters = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
	}
	return f
}

// newConnection makes one that is closed at the end of the test, over a network; nil: that of the machine.
func (f *reduceFixture) newConnection(mimeType string, over transport.Net) *webrtc.PeerConnection {
	f.Helper()
	engine, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	require.NoError(f, offer.Register(engine, videoFormat(mimeType)))
	require.NoError(f, offer.Register(engine, media.Format{Payload: "111"}))
	require.NoError(f, webrtc.RegisterDefaultInterceptors(engine, registry))
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	if over != nil {
		e.SetNet(over)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(e), webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	require.NoError(f, err)
	f.Cleanup(func() { _ = pc.Close() })
	return pc
}

// film publishes 1280x720 at 2.5 Mbit/s with a key frame each second, and sound, until the end of the test, over the connection that it returns.
func (f *reduceFixture) film(mimeType string) *webrtc.PeerConnection {
	f.Helper()
	pictures := encodedPictures(f.T, mimeType)
	pc := f.newConnection(mimeType, nil)
	video, err := webrtc.NewTrackLocalStaticSample(videoFormat(mimeType).Capability(), "video", "film")
	require.NoError(f, err)
	audio, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "film")
	require.NoError(f, err)
	for _, track := range []webrtc.TrackLocal{video, audio} {
		_, err = pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		require.NoError(f, err)
	}
	f.connect(pc, "/whip/film")
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	f.Cleanup(func() { cancel(); sending.Wait() })
	send := func(track *webrtc.TrackLocalStaticSample, every time.Duration, data func(number int) []byte) {
		sending.Go(func() {
			pace := time.NewTicker(every)
			defer pace.Stop()
			for number := 0; ; number++ {
				select {
				case <-ctx.Done():
					return
				case <-pace.C:
					_ = track.WriteSample(pion.Sample{Data: data(number), Duration: every})
				}
			}
		})
	}
	send(video, time.Second/30, func(number int) []byte { return pictures[number%len(pictures)] })
	send(audio, 20*time.Millisecond, func(int) []byte { return []byte{0xfc, 0xff, 0xfe} })
	return pc
}

// encodedPictures are four seconds of them.
func encodedPictures(t *testing.T, mimeType string) (pictures [][]byte) {
	t.Helper()
	args := []string{
		"-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30,noise=alls=12:allf=t", "-t", "4", "-g", "30", "-pix_fmt", "yuv420p",
		"-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "1250k",
	}
	if mimeType == webrtc.MimeTypeVP8 {
		args = append(args, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0", "-f", "ivf", "pipe:1")
	} else {
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-x264-params", "sliced-threads=0",
			"-f", "h264", "pipe:1")
	}
	var file bytes.Buffer
	ffmpeg := exec.Command("ffmpeg", args...)
	ffmpeg.Stdout = &file
	require.NoError(t, ffmpeg.Run())
	if mimeType == webrtc.MimeTypeVP8 {
		r, _, err := ivfreader.NewWith(&file)
		require.NoError(t, err)
		for {
			picture, _, err := r.ParseNextFrame()
			if err != nil {
				require.Len(t, pictures, 120)
				return pictures
			}
			pictures = append(pictures, picture)
		}
	}
	r, err := h264reader.NewReader(&file)
	require.NoError(t, err)
	var unit []byte
	for {
		nal, err := r.NextNAL()
		if err != nil {
			require.Len(t, pictures, 120)
			return pictures
		}
		unit = append(h264.AppendStartCode(unit), nal.Data...)
		if h264.Type(nal.Data[0]).IsSlice() {
			pictures, unit = append(pictures, unit), nil
		}
	}
}

// narrowNet is a network that carries so many bits a second to who reads from it; 0: all. What waits for longer than half a second is lost.
type narrowNet struct {
	transport.Net
	bitrate atomic.Int64
}

func (n *narrowNet) ListenUDP(network string, addr *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.ListenUDP(network, addr)
	return &narrowConn{UDPConn: conn, net: n}, err
}

type narrowConn struct {
	transport.UDPConn
	net *narrowNet
	due time.Time
}

// ReadFrom reads what comes late enough; the socket holds the rest.
func (c *narrowConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.UDPConn.ReadFrom(b)
	if rate := c.net.bitrate.Load(); rate > 0 && err == nil {
		c.due = later(c.due, time.Now()).Add(time.Duration(n*8) * time.Second / time.Duration(rate))
		<-time.After(time.Until(c.due))
	}
	return n, from, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// heightOf is that of the picture that a payload begins, if it is a key frame; else 0.
func heightOf(mimeType string, payload []byte) int {
	if mimeType == webrtc.MimeTypeVP8 {
		if !vp8.KeyFrameStarts(payload) {
			return 0
		}
		_, height := vp8.KeyFrameSize(payload)
		return height
	}
	units := h264.NewPayload(payload)
	for unit, ok := units.Next(); ok; unit, ok = units.Next() {
		if unit.Type() == h264.TypeSPS {
			if sps, err := h264.ParseSPS(append([]byte{unit.Header}, unit.Body...)); err == nil {
				return int(sps.Height)
			}
		}
	}
	return 0
}

// A viewer whose network does not carry what is published gets smaller pictures from one ffmpeg, and goes back when the network does. Sound goes on
// all the time. The ffmpeg ends with the publisher.
func TestReduceLive(t *testing.T) {
	for _, mimeType := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeH264} {
		t.Run(mimeType, func(t *testing.T) {
			f := newReduceFixture(t)
			publisher := f.film(mimeType)
			base, err := stdnet.NewNet()
			require.NoError(t, err)
			slow := &narrowNet{Net: base}
			pc := f.newConnection(mimeType, slow)
			heights, sounds := make(chan int, 1024), atomic.Int64{}
			pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				for {
					p, _, err := track.ReadRTP()
					if err != nil {
						return
					}
					if track.Kind() == webrtc.RTPCodecTypeAudio {
						sounds.Add(1)
					} else if height := heightOf(mimeType, p.Payload); height > 0 {
						heights <- height
					}
				}
			})
			for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
				_, err = pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
				require.NoError(t, err)
			}
			f.connect(pc, "/whep/film")
			until := func(height int) {
				t.Helper()
				for waitLive(t, heights) != height {
				}
			}
			until(720)
			slow.bitrate.Store(600_000)
			until(360)
			require.Len(t, ffmpegs(t), 1)
			heard := sounds.Load()
			require.Eventually(t, func() bool { return sounds.Load() > heard+50 }, 2*time.Minute, 20*time.Millisecond)
			until(360)
			slow.bitrate.Store(0)
			until(720)
			require.EqualValues(t, 1, f.server.Reductions().Stats().Begun)
			require.NoError(t, publisher.Close())
			require.Eventually(t, func() bool { return len(ffmpegs(t)) == 0 }, 2*time.Minute, 20*time.Millisecond)
		})
	}
}
