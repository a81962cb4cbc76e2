package egress

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// written is the far end of a track: it holds what has been written to it.
type written struct {
	webrtc.TrackLocalWriter
	packets    []rtp.Packet
	codecs     []webrtc.RTPCodecParameters
	repair     webrtc.SSRC
	correction webrtc.SSRC
	extensions []webrtc.RTPHeaderExtensionParameter
	err        error
	discards   bool
}

func (w *written) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	if !w.discards {
		w.packets = append(w.packets, rtp.Packet{Header: h.Clone(), Payload: append([]byte(nil), payload...)})
	}
	return len(payload), w.err
}

// negotiated is what pion tells a track.
type negotiated struct {
	webrtc.TrackLocalContext
	*written
}

func (n *negotiated) ID() string                                             { return "id" }
func (n *negotiated) CodecParameters() []webrtc.RTPCodecParameters           { return n.codecs }
func (n *negotiated) SSRC() webrtc.SSRC                                      { return 7 }
func (n *negotiated) HeaderExtensions() []webrtc.RTPHeaderExtensionParameter { return n.extensions }
func (n *negotiated) SSRCRetransmission() webrtc.SSRC                        { return n.repair }
func (n *negotiated) SSRCForwardErrorCorrection() webrtc.SSRC                { return n.correction }
func (n *negotiated) WriteStream() webrtc.TrackLocalWriter                   { return n.written }

// sentTo makes a picture on its way to a client, who takes retransmissions on a stream of their own if repair is not 0.
func sentTo(t testing.TB, repair webrtc.SSRC) (*downTrack, *written) {
	t.Helper()
	return sentAs(t, webrtc.MimeTypeVP8, repair)
}

// sentAs is sentTo for a codec.
func sentAs(t testing.TB, mimeType string, repair webrtc.SSRC) (*downTrack, *written) {
	t.Helper()
	f := mediatest.Format(mimeType)
	o, err := newDownTrack(media.KindVideo, f, "cam")
	require.NoError(t, err)
	o.ssrc, o.rouse = 7, func() {}
	w := &written{repair: repair, codecs: []webrtc.RTPCodecParameters{{RTPCodecCapability: f.Capability(), PayloadType: 96}}}
	if repair != 0 {
		rtx := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=95"}
		w.codecs = append(w.codecs, webrtc.RTPCodecParameters{RTPCodecCapability: rtx, PayloadType: 97})
		rtx.SDPFmtpLine = "apt=96"
		w.codecs = append(w.codecs, webrtc.RTPCodecParameters{RTPCodecCapability: rtx, PayloadType: 98})
	}
	_, err = o.local.Bind(&negotiated{written: w})
	require.NoError(t, err)
	return o, w
}

func (o *downTrack) sendAll() {
	for p, ok := o.tap.Next(); ok; p, ok = o.tap.Next() {
		o.send(p, p.Arrival)
		p.Release()
	}
}

func lose(sequences ...uint16) *rtcp.TransportLayerNack {
	return &rtcp.TransportLayerNack{MediaSSRC: 7, Nacks: rtcp.NackPairsFromSequenceNumbers(sequences)}
}

// resend lets the client lose packets.
func (o *downTrack) resend(sequences ...uint16) {
	(&Viewer{session: &session.Session{}, dropped: new(atomic.Uint64), video: o}).resend(o, lose(sequences...))
}

// RFC 4588 §4: a packet is sent again on the stream of retransmissions, its number before the payload; without one as it was.
func TestResend(t *testing.T) {
	for name, repair := range map[string]webrtc.SSRC{"rtx": 8, "plain": 0} {
		t.Run(name, func(t *testing.T) {
			o, w := sentTo(t, repair)
			track := mediatest.Track(media.KindVideo)
			o.attach(track, time.Now())
			for seq := range uint16(5) {
				mediatest.Push(track, 100+seq, seq == 0)
			}
			o.sendAll()
			require.Len(t, w.packets, 5)
			lost := w.packets[1:3]
			require.Equal(t, [2]any{uint32(7), uint8(96)}, [2]any{lost[0].SSRC, lost[0].PayloadType})
			o.resend(lost[0].SequenceNumber, lost[1].SequenceNumber, lost[1].SequenceNumber+100)
			again := w.packets[5:]
			require.Len(t, again, 2, "what was never sent cannot be")
			for i, p := range again {
				require.Equal(t, lost[i].Timestamp, p.Timestamp)
				require.Equal(t, lost[i].Marker, p.Marker)
				if repair == 0 {
					require.Equal(t, lost[i], p)
					continue
				}
				require.Equal(t, [2]any{uint32(8), uint8(98)}, [2]any{p.SSRC, p.PayloadType})
				require.Equal(t, again[0].SequenceNumber+uint16(i), p.SequenceNumber)
				require.Equal(t, append([]byte{byte(lost[i].SequenceNumber >> 8), byte(lost[i].SequenceNumber)}, lost[i].Payload...), p.Payload)
			}
			require.NoError(t, o.local.Unbind(&negotiated{written: w}))
			o.resend(lost[0].SequenceNumber)
			require.Len(t, w.packets, 7, "it has been taken away")
			o.detach()
			o.sent.release()
		})
	}
}

// A client asks again for what it has lost before that can have come: it is sent once in a round trip.
func TestResendOnceInARoundTrip(t *testing.T) {
	o, w := sentTo(t, 0)
	track := mediatest.Track(media.KindVideo)
	o.attach(track, time.Now())
	mediatest.Push(track, 100, true)
	o.sendAll()
	const roundTrip = 100 * time.Millisecond
	lost, asked := w.packets[0].SequenceNumber, time.Now()
	for i, after := range []time.Duration{0, roundTrip / 2, roundTrip - 1, roundTrip, roundTrip + roundTrip/2} {
		require.True(t, o.sent.resend(lost, o.local, asked.Add(after), roundTrip))
		require.Len(t, w.packets, []int{2, 2, 2, 3, 3}[i])
	}
	o.detach()
	o.sent.release()
}

// The history is as long as it says, ends where it is released, and keeps no packet from the pool longer.
func TestHistory(t *testing.T) {
	h, pool := newRetransmissionBuffer(), media.NewPacketPool()
	keep := func(sequence uint16) *media.Packet {
		p := pool.Get()
		h.keep(p, &rtp.Header{SequenceNumber: sequence}, pictureNumbers{})
		return p
	}
	first := keep(65535)
	last := keep(65534 + historyPackets + 1 - 1<<16)
	require.Equal(t, int(1), first.References(), "its place is another's")
	straggler := keep(65535)
	require.Equal(t, int(1), straggler.References(), "of the past")
	require.Equal(t, int(2), last.References())
	h.release()
	require.Equal(t, int(1), last.References())
	h.release()

	var none *retransmissionBuffer
	none.keep(first, &rtp.Header{}, pictureNumbers{})
	none.release()
	require.Equal(t, int(1), first.References())
}

// Who asks for more than there is in a second does not get it; nobody makes a server send on where it cannot.
func TestResendLimit(t *testing.T) {
	o, w := sentTo(t, 8)
	track := mediatest.Track(media.KindVideo)
	o.attach(track, time.Now())
	for seq := range uint16(100) {
		mediatest.Push(track, seq, seq == 0)
	}
	o.sendAll()
	var all []uint16
	for _, p := range w.packets {
		all = append(all, p.SequenceNumber)
	}
	require.Equal(t, rate.Limit(historyPackets), o.sent.left.Limit())
	o.sent.left.SetLimit(0) // so that no second passes
	for range 10 {
		o.resend(all...)
	}
	require.Len(t, w.packets, 100+historyPackets)

	o, w = sentTo(t, 8)
	o.attach(track, time.Now())
	for seq := range uint16(100) {
		mediatest.Push(track, 100+seq, seq == 0)
	}
	o.sendAll()
	n := len(w.packets)
	w.err = errors.New("broken")
	o.resend(w.packets[n-1].SequenceNumber, w.packets[n-100].SequenceNumber)
	require.Len(t, w.packets, n+1)
}

// startAt makes this the number of the packet that is rewritten next.
func startAt(r *media.Rewriter, next uint16) {
	var in, out rtp.Header
	r.Rewrite(&out, time.Now())
	for out.SequenceNumber != next-1 {
		in.SequenceNumber += min(next-1-out.SequenceNumber, 1<<14)
		out = in
		r.Rewrite(&out, time.Now())
	}
}

// Whatever a client tells, it gets what it was sent before, and no more of it than there may be in a second.
func FuzzFeedback(f *testing.F) {
	for _, p := range []rtcp.Packet{
		lose(0, 1, 2, 17, 60000), &rtcp.PictureLossIndication{MediaSSRC: 7}, &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 7}}},
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 7, LastSenderReport: 1}}}, &rtcp.ReceiverEstimatedMaximumBitrate{SSRCs: []uint32{7}},
	} {
		f.Add(rtptest.Marshal(f, p))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, w := sentTo(t, 8)
		o.outbound = media.NewOutbound(media.KindVideo, o.format.Capability().ClockRate, o.ssrc, time.Now())
		startAt(&o.rewriter, 0)
		track := mediatest.Track(media.KindVideo)
		o.attach(track, time.Now())
		for seq := range uint16(20) {
			mediatest.Push(track, seq, seq == 0)
		}
		o.sendAll()
		o.sent.left.SetLimit(0)
		v := &Viewer{session: &session.Session{}, dropped: new(atomic.Uint64), video: o}
		v.hear(&rtptest.Script{raw}, o)
		require.LessOrEqual(t, len(w.packets), 20+historyPackets)
		for _, again := range w.packets[20:] {
			require.Equal(t, [2]any{uint32(8), uint8(98)}, [2]any{again.SSRC, again.PayloadType})
			require.Less(t, binary.BigEndian.Uint16(again.Payload), uint16(20))
		}
		v.locked(v.finish)
	})
}

// Where the client tells of packets each has the connection's next number, those that are sent again and padding too, and nothing is allocated.
func TestNumbers(t *testing.T) {
	o, w := sentTo(t, 8)
	o.local.control = bandwidth.NewController(time.Now())
	w.extensions = []webrtc.RTPHeaderExtensionParameter{{URI: "urn:other", ID: 1}, {URI: sdp.TransportCCURI, ID: 3}}
	_, err := o.local.Bind(&negotiated{written: w})
	require.NoError(t, err)
	track := mediatest.Track(media.KindVideo)
	o.attach(track, time.Now())
	number := func() uint16 {
		b := o.local.bound.Load()
		last := w.packets[len(w.packets)-1]
		require.Equal(t, b.number[:], last.GetExtension(3))
		return binary.BigEndian.Uint16(b.number[:])
	}
	for i := range uint16(3) {
		mediatest.Push(track, i, i == 0)
		o.sendAll()
		require.Equal(t, i, number())
	}
	require.True(t, o.sent.resend(w.packets[0].SequenceNumber, o.local, time.Now(), 0))
	require.Equal(t, uint16(3), number())
	o.sent.pad(1, o.local)
	require.Equal(t, uint16(4), number())
	newest := w.packets[2].SequenceNumber
	require.Equal(t, newest, binary.BigEndian.Uint16(w.packets[4].Payload), "the newest")
	o.sent.pad(1<<20, o.local)
	require.Equal(t, uint16(7), number(), "no more than there are")
	o.detach()
	o.sent.release()
}

// BenchmarkSend sends a packet to a client that tells of it.
func BenchmarkSend(b *testing.B) {
	o, w := sentTo(b, 8)
	o.local.control = bandwidth.NewController(time.Now())
	w.extensions, w.discards = []webrtc.RTPHeaderExtensionParameter{{URI: sdp.TransportCCURI, ID: 3}}, true
	_, err := o.local.Bind(&negotiated{written: w})
	require.NoError(b, err)
	track := mediatest.Track(media.KindVideo)
	o.attach(track, time.Now())
	mediatest.Push(track, 0, true)
	o.sendAll()
	p := track.NewPacket()
	p.RTP, p.Arrival = *rtptest.VP8Packet(1, false), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		p.RTP.SequenceNumber++
		o.send(p, p.Arrival)
	}
	p.Release()
	o.detach()
	o.sent.release()
}
