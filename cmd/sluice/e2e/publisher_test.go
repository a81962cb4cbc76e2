package e2e

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
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
)

// publisher is a WHIP client that sends a clip as a script says, with sender reports that are exactly right. It answers no
// NACK, so what the script loses is lost.
type publisher struct {
	t       testing.TB
	pc      *webrtc.PeerConnection
	session string  // URL
	answer  string  // SDP
	video   *sender // nil without
	audio   *sender // nil without
	cancel  context.CancelFunc
	running sync.WaitGroup
	sending sync.WaitGroup // the part of running that ends by itself
	rounds  int            // how often the clip is sent, one after the other
	network *relay         // nil: none between
}

// sender sends one track.
type sender struct {
	track      *webrtc.TrackLocalStaticRTP
	rtp        *webrtc.RTPSender
	ssrc       uint32
	rate       int64
	samples    []sample
	packetizer rtp.Packetizer
	base       uint32        // RTP time stamp of time 0
	delay      time.Duration // on the network
	quiet      func(at time.Duration) bool
	lose       func(at time.Duration) bool
	frames     atomic.Uint64 // sent, whole or not
}

func never(time.Duration) bool { return false }

// within makes a script that is true from one instant of the clip to another.
func within(from, to time.Duration) func(time.Duration) bool {
	return func(at time.Duration) bool { return at >= from && at < to }
}

// newPublisher negotiates; send starts the media.
func newPublisher(t testing.TB, s *service, name string) *publisher {
	t.Helper()
	clip, err := makeClip(vp8)
	require.NoError(t, err)
	return publishClip(t, s, name, clip)
}

// newPartPublisher sends only the pictures or only the sound.
func newPartPublisher(t testing.TB, s *service, name string, video bool) *publisher {
	t.Helper()
	whole, err := makeClip(vp8)
	require.NoError(t, err)
	part := &clip{audio: whole.audio}
	if video {
		part = &clip{codec: whole.codec, video: whole.video}
	}
	return publishClip(t, s, name, part)
}

// newBenchPublisher sends 720p.
func newBenchPublisher(t testing.TB, s *service, name string) *publisher {
	t.Helper()
	clip, err := makeLargeClip()
	require.NoError(t, err)
	return publishClip(t, s, name, clip)
}

func publishClip(t testing.TB, s *service, name string, clip *clip) *publisher {
	t.Helper()
	return publishThrough(t, s, name, clip, nil)
}

func publishThrough(t testing.TB, s *service, name string, clip *clip, network *relay) *publisher {
	t.Helper()
	p := newPeer(t, network, clip)
	p.add(clip, webrtc.RTPTransceiverDirectionSendonly)
	p.negotiate(s.base + "/whip/" + name)
	return p
}

// newPeer makes a connection of the clip's codecs that is ended with the test.
func newPeer(t testing.TB, network *relay, clip *clip) *publisher {
	t.Helper()
	media := &webrtc.MediaEngine{}
	require.NoError(t, clip.register(media))
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(&interceptor.Registry{}), webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	p := &publisher{t: t, pc: pc, rounds: 1, network: network}
	t.Cleanup(p.stop)
	return p
}

// add adds the tracks of the clip.
func (p *publisher) add(clip *clip, direction webrtc.RTPTransceiverDirection) {
	init := webrtc.RTPTransceiverInit{Direction: direction}
	if clip.video != nil {
		p.video = p.addTrack(clip.codec.mime, 90000, 0, clip.video, clip.codec.payloader(), init)
	}
	if clip.audio != nil {
		p.audio = p.addTrack(webrtc.MimeTypeOpus, 48000, 2, clip.audio, &codecs.OpusPayloader{}, init)
	}
}

func (p *publisher) addTrack(mime string, rate uint32, channels uint16, samples []sample, payloader rtp.Payloader, init webrtc.RTPTransceiverInit) *sender {
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime, ClockRate: rate, Channels: channels}, mime[:5], "clip")
	require.NoError(p.t, err)
	added, err := p.pc.AddTransceiverFromTrack(track, init)
	require.NoError(p.t, err)
	base := rand.Uint32()
	return &sender{
		track: track, rtp: added.Sender(), rate: int64(rate), samples: samples, base: base, quiet: never, lose: never,
		ssrc:       uint32(added.Sender().GetParameters().Encodings[0].SSRC),
		packetizer: rtp.NewPacketizer(1200, 0, 0, payloader, rtp.NewRandomSequencer(), rate),
	}
}

// negotiate exchanges offer and answer (RFC 9725 §4.2).
func (p *publisher) negotiate(endpoint string) {
	status, answer := p.tryNegotiate(endpoint, p.offer(nil))
	require.Equal(p.t, http.StatusCreated, status, "%s", answer)
}

// tryNegotiate is that, with an offer that may be refused. The status is 0 where nobody answers.
func (p *publisher) tryNegotiate(endpoint, offer string) (status int, told string) {
	client := &http.Client{Timeout: answerWithin}
	response, err := client.Post(endpoint, "application/sdp", strings.NewReader(offer))
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	if response.StatusCode != http.StatusCreated {
		return response.StatusCode, string(answer)
	}
	location, err := response.Location()
	require.NoError(p.t, err)
	p.session, p.answer = location.String(), string(answer)
	if p.network != nil {
		p.answer = p.network.answer(p.answer)
	}
	p.accept(p.answer)
	return response.StatusCode, p.answer
}

func (p *publisher) accept(answer string) {
	require.NoError(p.t, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
}

// offer makes one, and returns it with all candidates.
func (p *publisher) offer(options *webrtc.OfferOptions) (sdp string) {
	offer, err := p.pc.CreateOffer(options)
	require.NoError(p.t, err)
	gathered := webrtc.GatheringCompletePromise(p.pc)
	require.NoError(p.t, p.pc.SetLocalDescription(offer))
	<-gathered
	sdp = p.pc.LocalDescription().SDP
	if p.network != nil {
		sdp = p.network.offer(sdp)
	}
	return sdp
}

var iceCredential = regexp.MustCompile(`(?m)^a=ice-(?:ufrag|pwd):.*$`)

// restartICE renews the connection's credentials, as after a change of network (RFC 9725 §4.3.3).
func (p *publisher) restartICE() {
	var fragment strings.Builder
	for line := range strings.Lines(p.offer(&webrtc.OfferOptions{ICERestart: true})) {
		if strings.HasPrefix(line, "a=ice-") || strings.HasPrefix(line, "a=candidate") || strings.HasPrefix(line, "m=") {
			fragment.WriteString(line)
		}
	}
	request, err := http.NewRequest(http.MethodPatch, p.session, strings.NewReader(fragment.String()))
	require.NoError(p.t, err)
	request.Header.Set("Content-Type", "application/trickle-ice-sdpfrag")
	request.Header.Set("If-Match", "*")
	response, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	renewed, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, response.StatusCode, "%s", renewed)
	credentials := map[string]string{}
	for _, line := range iceCredential.FindAllString(string(renewed), -1) {
		name, _, _ := strings.Cut(line, ":")
		credentials[name] = line
	}
	require.Len(p.t, credentials, 2, "%s", renewed)
	p.accept(iceCredential.ReplaceAllStringFunc(p.answer, func(line string) string {
		name, _, _ := strings.Cut(line, ":")
		return credentials[name]
	}))
}

// send starts both tracks at the same instant, once the connection stands.
func (p *publisher) send() {
	eventually(p.t, func() bool { return p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	start := time.Now().Add(50 * time.Millisecond)
	for _, s := range []*sender{p.video, p.audio} {
		if s == nil {
			continue
		}
		p.sending.Go(func() {
			for round := range p.rounds {
				s.run(ctx, start.Add(time.Duration(round)*clipLength), uint32(round)*uint32(clipLength.Seconds())*uint32(s.rate))
			}
		})
		p.running.Go(func() { s.report(ctx, p.pc, start) })
	}
}

// sendAll sends every round of the clip and waits for the end.
func (p *publisher) sendAll() {
	p.send()
	p.sending.Wait()
}

// run sends the clip; its time stamps begin so many ticks after those of the first round.
func (s *sender) run(ctx context.Context, start time.Time, ticks uint32) {
	for _, sample := range s.samples {
		at := time.Duration(sample.pts) * time.Second / time.Duration(s.rate)
		if !sleepUntil(ctx, start.Add(at+s.delay)) {
			return
		}
		if s.quiet(at) {
			continue
		}
		s.frames.Add(1)
		lose := s.lose(at)
		for _, packet := range s.packetizer.Packetize(sample.data, 0) {
			packet.Timestamp = s.base + ticks + uint32(sample.pts)
			if !lose {
				_ = s.track.WriteRTP(packet)
			}
		}
	}
}

// report sends a sender report each second: this instant of the wall clock is that instant of the media (RFC 3550 §6.4.1).
func (s *sender) report(ctx context.Context, pc *webrtc.PeerConnection, start time.Time) {
	for at := 300 * time.Millisecond; sleepUntil(ctx, start.Add(at+s.delay)); at += time.Second {
		_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{
			SSRC: s.ssrc, NTPTime: ntp(start.Add(at)),
			RTPTime: s.base + uint32(at*time.Duration(s.rate)/time.Second),
		}})
	}
}

func ntp(t time.Time) uint64 {
	const from1900To1970 = 2_208_988_800
	return uint64(t.Unix()+from1900To1970)<<32 | uint64(t.Nanosecond())<<32/1e9
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Until(t)):
		return true
	}
}

// stop ends the session as a client does: DELETE (RFC 9725 §4.2), then the peer connection.
func (p *publisher) stop() {
	if p.session == "" {
		return
	}
	request, err := http.NewRequest(http.MethodDelete, p.session, nil)
	require.NoError(p.t, err)
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
	}
	p.vanish()
}

// vanish ends the media without a word to the server.
func (p *publisher) vanish() {
	p.session = ""
	if p.cancel != nil {
		p.cancel()
	}
	p.sending.Wait()
	p.running.Wait()
	require.NoError(p.t, p.pc.Close())
}
