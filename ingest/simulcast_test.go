package ingest

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// RFC 8853 §5.3, RFC 9725 §4.8: a simulcast is taken with all its layers, or not at all.
func TestSimulcastOffers(t *testing.T) {
	const lines = "a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n"
	simulcast := func(edits ...string) string { return offertest.Offer(t, "chromium-simulcast", edits...) }
	tests := []struct {
		name, path, offer string
		want              string // a=simulcast, "" for none
	}{
		{"three layers", "/whip/a", simulcast(), "recv h;m;l"},
		{"Firefox declares their sources", "/whip/a", simulcast(lines, lines+"a=ssrc-group:SIM 1 2 3\r\na=ssrc-group:FID 1 4\r\n"+ssrcLines(4)), "recv h;m;l"},
		{"paused, with alternatives", "/whip/a", simulcast("send h;m;l", "send ~h,m;l"), "recv h;l"},
		{"restricted, both ways", "/whip/a", simulcast("a=rid:h send", "a=rid:h send max-width=1280", "send h;m;l", "recv x send h;m"), "recv h;m"},
		{"a layer without a=rid", "/whip/a", simulcast("send h;m;l", "send h;m;x"), "recv h;m"},
		{"more layers than are taken", "/whip/a", simulcast(lines, "a=rid:1 send\r\na=rid:2 send\r\na=rid:3 send\r\na=rid:4 send\r\na=rid:5 send\r\na=simulcast:send 1;2;3;4;5\r\n"), "recv 1;2;3;4"},
		{"one layer", "/whip/a", simulcast("send h;m;l", "send h"), ""},
		{"no name", "/whip/a", simulcast("send h;m;l", "send"), ""},
		{"names twice", "/whip/a", simulcast("send h;m;l", "send h;h"), ""},
		{"layers cannot be told", "/whip/a", simulcast("sdes:rtp-stream-id", "sdes:other"), ""},
		{"sound cannot be told", "/whip/a", simulcast("a=ssrc:2710382016 cname", "a=x:2710382016 cname", "a=ssrc:2710382016 msid", "a=x:2710382016 msid"), ""},
		{"no name of the track", "/whip/a", simulcast("a=msid:6fd1b2a4-7f0e-4c33-9d51-1f1f8f0f6d10 0c1de5a2-8a21-4b6a-9e0f-6d20cbb2e002\r\n", ""), ""},
		{"echo", "/echo", simulcast("a=sendonly", "a=sendrecv"), ""},
		{"none offered", "/whip/a", offertest.Offer(t, "chromium"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			resp := f.post(tt.path, tt.offer)
			body := text(t, resp)
			require.Equal(t, 201, resp.StatusCode, body)
			m := videoSection(t, body)
			got, _ := m.Attribute("simulcast")
			require.Equal(t, tt.want, got)
			require.Equal(t, len(strings.Split(tt.want, ";")), max(strings.Count(body, "a=rid:"), 1))
			require.Equal(t, tt.want != "", strings.Contains(body, "rtp-stream-id"))
		})
	}
}

// simulcaster is a peer that sends its picture in layers.
type simulcaster struct {
	*peer
	layers map[string]*simulcastLayer
	mid    string
	midID  uint8
	ridID  uint8
}

type simulcastLayer struct {
	*webrtc.TrackLocalStaticRTP
	name   string
	size   int // bytes of a packet
	width  int // of a picture
	ssrc   uint32
	moved  atomic.Uint32 // SSRC that it is sent from instead
	out    webrtc.TrackLocalWriter
	on     atomic.Bool
	asked  atomic.Uint64
	offset uint32 // of its time stamps
}

func newSimulcaster(t *testing.T, f *fixture, stream string) *simulcaster {
	t.Helper()
	s, sender := layered(t)
	s.publish(f, "/whip/"+stream)
	s.waitConnected()
	s.negotiated(sender)
	return s
}

// layered is a peer that has offered nothing yet.
func layered(t *testing.T) (*simulcaster, *webrtc.RTPSender) {
	t.Helper()
	s := &simulcaster{peer: newPeer(t, peerOptions{audioOnly: true, simulcast: true}), layers: map[string]*simulcastLayer{}}
	var sender *webrtc.RTPSender
	for i, name := range []string{"l", "m", "h"} {
		local, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "stream", webrtc.WithRTPStreamID(name))
		require.NoError(t, err)
		l := &simulcastLayer{TrackLocalStaticRTP: local, name: name, size: 60 << (2 * i), width: 160 << i, offset: uint32(i+1) << 30}
		s.layers[name] = l
		s.layers[name].on.Store(true)
		if sender == nil {
			tr, err := s.pc.AddTransceiverFromTrack(l, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			require.NoError(t, err)
			sender = tr.Sender()
		} else {
			require.NoError(t, sender.AddEncoding(l))
		}
	}
	return s, sender
}

// negotiated reads what has been agreed upon.
func (s *simulcaster) negotiated(sender *webrtc.RTPSender) {
	s.Helper()
	for _, tr := range s.pc.GetTransceivers() {
		if tr.Sender() == sender {
			s.mid = tr.Mid()
		}
	}
	for _, e := range sender.GetParameters().HeaderExtensions {
		switch e.URI {
		case sdp.SDESMidURI:
			s.midID = uint8(e.ID)
		case sdp.SDESRTPStreamIDURI:
			s.ridID = uint8(e.ID)
		}
	}
	require.NotZero(s, s.midID)
	require.NotZero(s, s.ridID)
	for _, e := range sender.GetParameters().Encodings {
		l := s.layers[e.RID]
		l.ssrc = uint32(e.SSRC)
		go s.listen(sender, l)
	}
}

func (l *simulcastLayer) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	l.out = c.WriteStream()
	return l.TrackLocalStaticRTP.Bind(c)
}

// write sends a packet from the source of the layer, whose sequence numbers and time stamps have a base of their own.
func (l *simulcastLayer) write(p *rtp.Packet) {
	moved := l.moved.Load()
	if moved == 0 {
		_ = l.WriteRTP(p)
		return
	}
	p.SSRC, p.PayloadType = moved, 96
	p.SequenceNumber += uint16(moved)
	p.Timestamp += moved * 7919
	_, _ = l.out.WriteRTP(&p.Header, p.Payload)
}

func (s *simulcaster) listen(sender *webrtc.RTPSender, l *simulcastLayer) {
	for {
		packets, _, err := sender.ReadSimulcastRTCP(l.name)
		if err != nil {
			return
		}
		for _, p := range packets {
			if pli, ok := p.(*rtcp.PictureLossIndication); ok && pli.MediaSSRC == l.ssrc {
				l.asked.Add(1)
			}
		}
	}
}

// film sends a picture of all layers that are on every 10 ms, a key frame of one that has been asked for it, and reports.
func (s *simulcaster) film() {
	keyed, sources := map[string]uint64{}, map[string]uint32{}
	atPace(s, func(n int) {
		number := uint16(n)
		for _, name := range []string{"l", "m", "h"} {
			l := s.layers[name]
			if !l.on.Load() {
				continue
			}
			asked := l.asked.Load()
			moved := l.moved.Load()
			l.write(s.packet(l, number, number == 0 || asked > keyed[name] || moved != sources[name]))
			keyed[name], sources[name] = asked, moved
			if number%50 == 25 {
				_ = s.pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: l.ssrc, NTPTime: uint64(number) << 32 / 100, RTPTime: uint32(number)*900 + l.offset}})
			}
		}
	})
}

// packet is a whole picture; its number is in the last two bytes.
func (s *simulcaster) packet(l *simulcastLayer, number uint16, key bool) *rtp.Packet {
	p := rtptest.VP8Packet(number+uint16(l.offset>>20), key)
	p.Timestamp = uint32(number)*900 + l.offset
	binary.LittleEndian.PutUint16(p.Payload[7:], uint16(l.width))
	binary.LittleEndian.PutUint16(p.Payload[9:], uint16(l.width*3/4))
	p.Payload = append(p.Payload, make([]byte, l.size)...)
	p.Payload = append(p.Payload, byte(number>>8), byte(number))
	require.NoError(s, p.SetExtension(s.midID, []byte(s.mid)))
	require.NoError(s, p.SetExtension(s.ridID, []byte(l.name)))
	return p
}

// taken reads packets until one of that layer comes, and checks that they are one stream.
type taken struct {
	*testing.T
	tap      *media.Tap
	previous rtp.Header
	begun    bool
	name     string
}

func (g *taken) until(l *simulcastLayer) {
	g.Helper()
	for deadline := time.Now().Add(rtptest.Patience); time.Now().Before(deadline); {
		p, ok := g.tap.Next()
		if !ok {
			rtptest.Wait(g.T, g.tap.Ready(), "packets")
			continue
		}
		done := g.check(p) == l.name
		p.Release()
		if done {
			return
		}
	}
	require.FailNow(g, "waited in vain for layer "+l.name)
}

func (g *taken) check(p *media.Packet) string {
	if p.Report != nil {
		return ""
	}
	name := map[int]string{73: "l", 253: "m", 973: "h"}[len(p.RTP.Payload)]
	require.NotEmpty(g, name)
	if g.begun {
		require.Equal(g, g.previous.SequenceNumber+1, p.RTP.SequenceNumber)
		require.Equal(g, g.previous.SSRC, p.RTP.SSRC)
		step := int32(p.RTP.Timestamp - g.previous.Timestamp)
		require.True(g, step > 0 && step < 5*90000, step)
	}
	require.True(g, name == g.name || p.KeyFrame, "another layer begins with a key frame")
	g.name, g.begun, g.previous = name, true, p.RTP.Header
	return name
}

// RFC 8853: of a real sender's layers the best one that flows is taken, and the track is one stream all the time.
func TestSimulcast(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newSimulcaster(t, f, "cam")
	p, _ := f.server.Sessions().Publisher("cam")
	track := p.Track(media.KindVideo)
	tap := track.Tap(1 << 14)
	defer tap.Close()
	studio.film()
	got := &taken{T: t, tap: tap}
	got.until(studio.layers["h"])
	viewer := newSpectator(t, f, "cam", peerOptions{})
	require.Len(t, rtptest.Wait(t, viewer.packets["video"], "video").Payload, 973)
	require.Equal(t, "h", track.Stats().Layer)
	require.Equal(t, 3, track.Stats().Layers)

	studio.layers["h"].on.Store(false)
	got.until(studio.layers["m"])
	studio.layers["m"].on.Store(false)
	got.until(studio.layers["l"])
	studio.layers["h"].on.Store(true)
	got.until(studio.layers["h"])
	resp := f.patch(studio.location, offertest.Credentials(offertest.NewUfrag, offertest.NewPwd), "*")
	require.Equal(t, 200, resp.StatusCode, text(t, resp))
	require.Zero(t, track.Stats().Malformed)
	require.GreaterOrEqual(t, track.Stats().LayerSwitches, uint64(3))
	require.Equal(t, 200, f.do("DELETE", studio.location, "").StatusCode)
	require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
	f.requireNothingLeft()
}

// A layer goes on under another SSRC without a new offer, and is taken from there at once, though the others flow on.
func TestSimulcastSourceChanges(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newSimulcaster(t, f, "cam")
	track := f.server.sessions.Session(studio.location).Track(media.KindVideo)
	tap := track.Tap(1 << 14)
	defer tap.Close()
	studio.film()
	got := &taken{T: t, tap: tap}
	got.until(studio.layers["h"])
	for _, ssrc := range []uint32{1001, 2003} {
		switches := track.Stats().LayerSwitches
		studio.layers["h"].moved.Store(ssrc)
		for track.Stats().LayerSwitches == switches {
			got.until(studio.layers["h"])
		}
		require.Equal(t, switches+1, track.Stats().LayerSwitches, "no other layer was taken in between")
		for range 10 {
			got.until(studio.layers["h"])
		}
	}
	require.Zero(t, track.Stats().Malformed)
}
