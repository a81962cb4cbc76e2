package ingest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// roamer is a local track whose packets may come from any source.
type roamer struct {
	*webrtc.TrackLocalStaticRTP
	ssrc    atomic.Uint32 // as negotiated, until it is changed
	payload uint8
	out     webrtc.TrackLocalWriter
}

// roam puts a roamer in the place of what a sender of the peer sends.
func roam(p *peer, local *webrtc.TrackLocalStaticRTP) *roamer {
	p.Helper()
	r := &roamer{TrackLocalStaticRTP: local}
	for _, sender := range p.pc.GetSenders() {
		if sender.Track() == local {
			require.NoError(p, sender.ReplaceTrack(r))
		}
	}
	return r
}

func (r *roamer) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codec, err := r.TrackLocalStaticRTP.Bind(c)
	r.payload, r.out = uint8(codec.PayloadType), c.WriteStream()
	r.ssrc.Store(uint32(c.SSRC()))
	return codec, err
}

// send sends a packet as the source that is current, whose sequence numbers and time stamps have another base than those of others.
// Its last byte tells the sources apart.
func (r *roamer) send(p *rtp.Packet) {
	ssrc := r.ssrc.Load()
	p.SSRC, p.PayloadType = ssrc, r.payload
	p.SequenceNumber += uint16(ssrc)
	p.Timestamp += ssrc * 7919
	p.Payload = append(p.Payload, byte(ssrc))
	_, _ = r.out.WriteRTP(&p.Header, p.Payload) // fails when the connection is down
}

// roaming sends pictures, of which each tenth is a key frame, and sound until the test ends. A source begins with a key frame.
func (p *peer) roaming(video, audio *roamer) {
	before := uint32(0)
	atPace(p, func(number int) {
		n := uint16(number)
		ssrc := video.ssrc.Load()
		video.send(rtptest.VP8Packet(n, n%10 == 0 || ssrc != before))
		audio.send(rtptest.OpusPacket(n))
		before = ssrc
	})
}

// publishBare publishes without declaring sources, if bare is set.
func (p *peer) publishBare(f *fixture, path string, bare bool) {
	p.Helper()
	var offered strings.Builder
	for line := range strings.Lines(p.offer()) {
		if !bare || !strings.HasPrefix(line, "a=ssrc") {
			offered.WriteString(line)
		}
	}
	created := f.post(path, offered.String())
	p.location, p.etag, p.answer = created.Header.Get("Location"), created.Header.Get("ETag"), text(p, created)
	require.Equal(p, 201, created.StatusCode, p.answer)
	require.NoError(p, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.answer}))
	p.waitConnected()
}

// onward checks that packets are one stream until one of the source comes, and some after it.
func onward(t *testing.T, packets <-chan *rtp.Packet, ssrc uint32, what string) {
	t.Helper()
	var before *rtp.Packet
	for found := 0; found < 5; {
		p := rtptest.Wait(t, packets, fmt.Sprintf("%s of source %d", what, ssrc))
		if before != nil {
			require.Equal(t, before.SSRC, p.SSRC)
			require.Equal(t, before.SequenceNumber+1, p.SequenceNumber)
			step := int32(p.Timestamp - before.Timestamp)
			require.True(t, step > 0 && step < 60*90000, step)
		}
		before = p
		if p.Payload[len(p.Payload)-1] == byte(ssrc) {
			found++
		}
	}
}

// RFC 3550 §8.2: a sender goes on under other SSRCs without a new offer. Whoever watches gets one stream.
func TestSourceChanges(t *testing.T) {
	for _, bare := range []bool{false, true} {
		for _, path := range []string{"/whip/cam", "/echo"} {
			t.Run(fmt.Sprintf("%s bare=%v", path, bare), func(t *testing.T) {
				f := newFixture(t, Options{})
				studio := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionSendrecv})
				packets := map[string]chan *rtp.Packet{"video": make(chan *rtp.Packet, 4096), "audio": make(chan *rtp.Packet, 4096)}
				studio.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
					for p, _, err := remote.ReadRTP(); err == nil; p, _, err = remote.ReadRTP() {
						packets[remote.Kind().String()] <- p
					}
				})
				video, audio := roam(studio, studio.video), roam(studio, studio.audio)
				studio.publishBare(f, path, bare)
				studio.roaming(video, audio)
				if path != "/echo" {
					takeFrom(t, tapOf(t, f, studio, media.KindVideo), 1)
					viewer := newSpectator(t, f, "cam", peerOptions{})
					viewer.waitConnected()
					packets = viewer.packets
				}
				change := func(ssrc uint32) {
					video.ssrc.Store(ssrc)
					audio.ssrc.Store(ssrc + 1)
					onward(t, packets["video"], ssrc, "video")
					onward(t, packets["audio"], ssrc+1, "audio")
				}
				change(video.ssrc.Load())
				change(1001)
				change(2003)
				resp := studio.restart(f, "*")
				require.Equal(t, 200, resp.StatusCode)
				studio.applyRestart(text(t, resp))
				studio.waitConnected()
				for _, c := range packets {
					drainPackets(c)
				}
				change(3005)
				for _, track := range f.server.sessions.Session(studio.location).Tracks() {
					require.GreaterOrEqual(t, track.Stats().Sources, uint64(4))
					require.Zero(t, track.Stats().Malformed)
				}
			})
		}
	}
}

func tapOf(t *testing.T, f *fixture, p *peer, kind media.Kind) *media.Tap {
	t.Helper()
	tap := f.server.sessions.Session(p.location).Track(kind).Tap(64)
	t.Cleanup(tap.Close)
	return tap
}

func drainPackets(c <-chan *rtp.Packet) {
	for len(c) > 0 {
		<-c
	}
}

// Retransmissions that were not declared fill the holes of the source that is read (RFC 4588), and are left alone where they are of another.
func TestUndeclaredRetransmissions(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{})
	video := roam(studio, studio.video)
	studio.publishBare(f, "/whip/cam", true)
	tap := tapOf(t, f, studio, media.KindVideo)
	video.ssrc.Store(1001)
	repairs := uint16(0)
	repair := func(seq uint16) {
		p := rtptest.VP8Packet(seq, false)
		repairs++
		p.SequenceNumber = repairs
		p.SSRC, p.PayloadType, p.Timestamp = 5005, 97, p.Timestamp+1001*7919
		original := seq + 1001
		p.Payload = append([]byte{byte(original >> 8), byte(original)}, p.Payload...)
		_, err := video.out.WriteRTP(&p.Header, p.Payload)
		require.NoError(t, err)
	}
	for _, seq := range []uint16{1, 2, 4} {
		video.send(rtptest.VP8Packet(seq, seq == 1))
	}
	takeFrom(t, tap, 3)
	repair(30000)
	repair(3)
	p, ok := tap.Next()
	for ; !ok; p, ok = tap.Next() { // it may be ready for what has been taken already
		rtptest.Wait(t, tap.Ready(), "the retransmission")
	}
	defer p.Release()
	require.Equal(t, [4]uint32{1001, 96, 1004, 9000 + 1001*7919}, [4]uint32{p.RTP.SSRC, uint32(p.RTP.PayloadType), uint32(p.RTP.SequenceNumber), p.RTP.Timestamp})
	require.Equal(t, rtptest.VP8Packet(3, false).Payload, p.RTP.Payload)
	require.Zero(t, f.server.sessions.Session(studio.location).Track(media.KindVideo).Stats().Lost)
}
