package client

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// whipServer is a WHIP endpoint that counts what arrives.
type whipServer struct {
	*httptest.Server
	t       *testing.T
	busy    atomic.Int32 // POSTs to refuse with 409 first
	expects int          // pictures that are read before the session's end is confirmed: what is under way then is lost with the connection
	takes   []videoCodec // nil: what pion takes
	links   [2]string    // Link headers of OPTIONS, and of the answer
	deaf    bool         // it answers, and is not there then
	pc      *webrtc.PeerConnection
	reading sync.WaitGroup

	mu                  sync.Mutex
	requests            []string // method and path
	frames, keys, sound int
	video               []*rtp.Packet
	formats             []string // fmtp lines of the offer's video
	whole               bool     // every VP8 frame began with a start of partition
	reports             map[webrtc.RTPCodecType]*rtcp.SenderReport
	first               map[webrtc.RTPCodecType]uint32 // RTP time stamp
}

func newWHIPServer(t *testing.T, busy int32) *whipServer {
	s := &whipServer{t: t, whole: true, reports: map[webrtc.RTPCodecType]*rtcp.SenderReport{}, first: map[webrtc.RTPCodecType]uint32{}}
	s.busy.Store(busy)
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		if s.pc != nil {
			_ = s.pc.Close()
		}
		s.reading.Wait()
		s.Close()
	})
	return s
}

func (s *whipServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		w.Header().Set("Link", s.links[0])
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer key-of-cam":
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"title":"Unauthorized","detail":"Send the stream's key."}`)
	case r.Method == http.MethodDelete:
		for s.pictures() < s.expects && r.Context().Err() == nil {
			<-time.After(10 * time.Millisecond)
		}
		w.WriteHeader(http.StatusOK)
	case s.busy.Add(-1) >= 0:
		w.Header().Set("Retry-After", "0")
		http.Error(w, "cam has a publisher", http.StatusConflict)
	default:
		answer := s.answer(r)
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "/whip/cam/session")
		w.Header().Set("Link", s.links[1])
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, answer)
	}
}

// answer takes the offer in r.
func (s *whipServer) answer(r *http.Request) string {
	offer, err := io.ReadAll(r.Body)
	require.NoError(s.t, err)
	media, interceptors, settings := &webrtc.MediaEngine{}, &interceptor.Registry{}, webrtc.SettingEngine{}
	if s.takes == nil {
		require.NoError(s.t, media.RegisterDefaultCodecs())
	} else {
		opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: audioClock, Channels: 2}
		require.NoError(s.t, media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: opusPayload}, webrtc.RTPCodecTypeAudio))
		require.NoError(s.t, registerVideo(media, s.takes))
	}
	require.NoError(s.t, webrtc.RegisterDefaultInterceptors(media, interceptors))
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(interceptors), webrtc.WithSettingEngine(settings))
	s.formats = regexp.MustCompile(`(?m)^a=(?:rtpmap|fmtp):(?:9\d|10\d) (.*?)\r?$`).FindAllString(string(offer), -1)
	s.pc, err = api.NewPeerConnection(webrtc.Configuration{})
	require.NoError(s.t, err)
	s.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		s.reading.Go(func() { s.readRTP(track) })
		s.reading.Go(func() { s.readRTCP(track.Kind(), receiver) })
	})
	require.NoError(s.t, s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}))
	answer, err := s.pc.CreateAnswer(nil)
	require.NoError(s.t, err)
	gathered := webrtc.GatheringCompletePromise(s.pc)
	require.NoError(s.t, s.pc.SetLocalDescription(answer))
	<-gathered
	if s.deaf {
		defer s.pc.Close()
	}
	return s.pc.LocalDescription().SDP
}

func (s *whipServer) readRTP(track *webrtc.TrackRemote) {
	fresh := true
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		s.mu.Lock()
		if _, ok := s.first[track.Kind()]; !ok {
			s.first[track.Kind()] = packet.Timestamp
		}
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			s.sound++
		} else {
			fresh = s.countPicture(packet, fresh)
			s.video = append(s.video, packet)
		}
		s.mu.Unlock()
	}
}

// countPicture counts frames by the marker; fresh tells that packet begins one.
func (s *whipServer) countPicture(packet *rtp.Packet, fresh bool) bool {
	var vp8 codecs.VP8Packet
	payload, err := vp8.Unmarshal(packet.Payload)
	if fresh && (err != nil || vp8.S != 1 || vp8.PID != 0) {
		s.whole = false
	}
	if fresh && len(payload) > 0 && payload[0]&1 == 0 {
		s.keys++
	}
	if packet.Marker {
		s.frames++
	}
	return packet.Marker
}

func (s *whipServer) readRTCP(kind webrtc.RTPCodecType, receiver *webrtc.RTPReceiver) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if report, ok := packet.(*rtcp.SenderReport); ok {
				s.mu.Lock()
				s.reports[kind] = report
				s.mu.Unlock()
			}
		}
	}
}

// patience is how long a command may take to get connected on a busy machine.
const patience = "--timeout=2m"

// publish runs the command and returns what it prints and its status.
func publish(t *testing.T, ctx context.Context, args ...string) (out, errs string, status int) {
	t.Helper()
	return runCommand(t, ctx, append([]string{"publish", patience}, args...)...)
}

// requireFails runs a command until it fails as it should, with ever more time to get connected: the little that is enough as a rule is not on a busy
// machine.
func requireFails(t *testing.T, why string, args ...string) {
	t.Helper()
	for within := 100 * time.Millisecond; ; within *= 2 {
		_, errs, status := runCommand(t, t.Context(), append(args, "--timeout="+within.String())...)
		require.Equal(t, exit.Failed, status)
		if strings.Contains(errs, why) {
			return
		}
		require.Less(t, within, time.Minute, errs)
	}
}

// requireNoLeak checks at the test's end that no goroutine of it is left.
func requireNoLeak(t *testing.T) {
	option := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, option) })
}

func TestPublishTestPicture(t *testing.T) {
	requireNoLeak(t)
	s := newWHIPServer(t, 1)
	s.expects = 30
	out, errs, status := publish(t, t.Context(), "--token=key-of-cam", "--size=320x240", "--fps=15", "--duration=2s", "test", s.URL+"/whip/cam")
	require.Equal(t, exit.Done, status, errs)
	require.Regexp(t, `(?s)connecting to .*waiting: .*409 Conflict: cam has a publisher.*live\nended: 30 pictures, 10\d sound packets sent\n$`, out)

	s.waitPictures(30)
	enough := func() bool { return s.sound >= 90 && len(s.reports) == 2 }
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return enough() }, 2*time.Minute, 10*time.Millisecond,
		"sound packets, but for the last that are under way, and sender reports of both tracks")
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Equal(t, []string{"POST /whip/cam", "POST /whip/cam", "DELETE /whip/cam/session"}, s.requests)
	require.GreaterOrEqual(t, s.keys, 2, "key frames: one a second")
	require.True(t, s.whole)
	const preSkip = 312 * time.Second / audioClock // libopus puts that much before the sound
	require.InDelta(t, s.start(webrtc.RTPCodecTypeVideo, videoClock), s.start(webrtc.RTPCodecTypeAudio, audioClock)+preSkip, float64(time.Millisecond),
		"by the reports sound and picture begin at one time")
}

// start returns when the first packet of a track was due, by its sender report.
func (s *whipServer) start(kind webrtc.RTPCodecType, clock int64) time.Duration {
	report := s.reports[kind]
	sent := time.Duration(report.NTPTime>>32)*time.Second + time.Duration((report.NTPTime&0xffffffff)*1e9>>32)
	return sent - time.Duration(int64(int32(report.RTPTime-s.first[kind]))*1e9/clock)
}

func TestPublishFile(t *testing.T) {
	requireNoLeak(t)
	file := filepath.Join(t.TempDir(), "a film.mkv")
	made, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=0.5", "-c:v", "libvpx", file).CombinedOutput()
	require.NoError(t, err, string(made))
	s := newWHIPServer(t, 0)
	s.expects = 5
	out, errs, status := publish(t, t.Context(), "--token=key-of-cam", "--fps=10", "--size=128x128", file, s.URL+"/whip/cam")
	require.Equal(t, exit.Done, status, errs)
	require.Contains(t, out, "ended: 5 pictures, 0 sound packets sent", "a file without sound")
	s.waitPictures(5)
}

func TestPublishEndsWithItsContext(t *testing.T) {
	requireNoLeak(t)
	s := newWHIPServer(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.sound > 0 }, 2*time.Minute, 10*time.Millisecond)
		cancel()
	}()
	_, errs, status := publish(t, ctx, "--token=key-of-cam", "--no-video", "test", s.URL+"/whip/cam")
	require.Equal(t, exit.Done, status, errs)
	require.Equal(t, "DELETE /whip/cam/session", s.requests[len(s.requests)-1])
	require.Zero(t, s.frames)
}

func TestPublishFailures(t *testing.T) {
	requireNoLeak(t)
	s := newWHIPServer(t, 1<<20)
	bad := filepath.Join(t.TempDir(), "bad.mp4")
	require.NoError(t, os.WriteFile(bad, []byte("not a film"), 0o600))
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"refused":        {[]string{"test", s.URL + "/whip/cam"}, "the server refuses: 401 Unauthorized: Send the stream's key."},
		"always busy":    {[]string{"--token=key-of-cam", "test", s.URL + "/whip/cam"}, "the server refuses: 409 Conflict: cam has a publisher"},
		"nobody there":   {[]string{"test", "http://127.0.0.1:1/whip/cam"}, "connection refused"},
		"not a film":     {[]string{bad, s.URL + "/whip/cam"}, "ffprobe cannot read"},
		"no such file":   {[]string{bad + "x", s.URL + "/whip/cam"}, "No such file or directory"},
		"nothing wanted": {[]string{"--no-video", bad, s.URL + "/whip/cam"}, "ffprobe cannot read"},
	} {
		t.Run(name, func(t *testing.T) {
			requireFails(t, tc.want, append([]string{"publish"}, tc.args...)...)
		})
	}
}
