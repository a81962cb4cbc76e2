package egress

import (
	"encoding/binary"
	"slices"
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
	"github.com/stretchr/testify/require"
)

// correctedTo makes a picture on its way to a client that takes error correction, of which there is one for so many packets.
func correctedTo(t testing.TB, every int) (*downTrack, *written) {
	t.Helper()
	f := mediatest.Format(webrtc.MimeTypeVP8)
	o, err := newDownTrack(media.KindVideo, f, "cam")
	require.NoError(t, err)
	o.ssrc, o.rouse, o.local.control = 7, func() {}, bandwidth.NewController(time.Now())
	fec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeFlexFEC03, ClockRate: 90000, SDPFmtpLine: media.FECParameters}
	w := &written{
		correction: 9, extensions: []webrtc.RTPHeaderExtensionParameter{{URI: sdp.TransportCCURI, ID: 3}},
		codecs: []webrtc.RTPCodecParameters{{RTPCodecCapability: f.Capability(), PayloadType: 96}, {RTPCodecCapability: fec, PayloadType: 49}},
	}
	require.False(t, o.local.takesFEC(), "not negotiated yet")
	_, err = o.local.Bind(&negotiated{written: w})
	require.NoError(t, err)
	require.True(t, o.local.takesFEC())
	o.local.correction = newCorrection()
	o.local.correction.set(every)
	o.waiting = false
	return o, w
}

// shows sends packets of pictures: each of so many bytes, the last of a picture where that is said.
func (o *downTrack) shows(t testing.TB, pool *media.PacketPool, sequence uint16, bytes int, last, key bool) {
	t.Helper()
	payload := make([]byte, bytes)
	for i := range payload {
		payload[i] = byte(int(sequence)*i + bytes)
	}
	payload[0] = 0x10
	p := pool.Get()
	defer p.Release()
	p.Fill(rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: 3000 * uint32(sequence/4), SSRC: 1, Marker: last}, time.Unix(0, 0), payload)
	p.KeyFrame = key
	require.NoError(t, o.local.write(&p.RTP.Header, p, pictureNumbers{}))
}

// unnumbered is what a client takes a packet for: without its transport-wide number.
func unnumbered(t testing.TB, p rtp.Packet) []byte {
	t.Helper()
	p.Header = p.Header.Clone()
	require.NoError(t, p.SetExtension(3, []byte{0, 0}))
	return rtptest.Marshal(t, &p)
}

// protects tells which packets one of error correction is of (§4.2.2.1).
func protects(t testing.TB, fec rtp.Packet) (sequences []uint16) {
	t.Helper()
	b := fec.Payload
	require.Zero(t, b[0]>>6, "a mask that may be any, and no retransmission")
	require.Equal(t, []byte{1, 0, 0, 0, 0, 0, 0, 7}, b[8:16], "one source, and which")
	base, mask := binary.BigEndian.Uint16(b[16:]), binary.BigEndian.Uint16(b[18:])
	require.NotZero(t, mask>>15, "there is no more of the mask")
	for i := range uint16(15) {
		if mask>>(14-i)&1 == 1 {
			sequences = append(sequences, base+i)
		}
	}
	return sequences
}

// recovered is the packet that is missing of those that are protected (§6.3.2, §6.3.3).
func recovered(t testing.TB, fec rtp.Packet, missing uint16, others [][]byte) []byte {
	t.Helper()
	head, length := slices.Clone(fec.Payload[:8]), binary.BigEndian.Uint16(fec.Payload[2:])
	body := slices.Clone(fec.Payload[20:])
	for _, other := range others {
		length ^= uint16(len(other) - 12)
		for i := range head {
			head[i] ^= other[i]
		}
		for i, b := range other[12:] {
			body[i] ^= b
		}
	}
	head[0] = head[0]&0x3f | 0x80
	binary.BigEndian.PutUint16(head[2:], missing)
	require.LessOrEqual(t, int(length), len(body))
	return append(append(head, 0, 0, 0, 7), body[:length]...)
}

// Of the packets that one of error correction is of any one that is lost is what it was.
func TestCorrectionRecovers(t *testing.T) {
	for _, every := range fecEvery[1:] {
		o, w := correctedTo(t, every)
		pool := media.NewPacketPool()
		for n := range uint16(200) { // over the wrap of numbers
			o.shows(t, pool, 65500+n, 1+int(n)*37%1200, n%4 == 3, false)
		}
		sent, corrections := map[uint16][]byte{}, 0
		for _, p := range w.packets {
			if p.SSRC == 7 {
				sent[p.SequenceNumber] = unnumbered(t, p)
				continue
			}
			require.Equal(t, [2]any{uint32(9), uint8(49)}, [2]any{p.SSRC, p.PayloadType})
			require.NotEmpty(t, p.GetExtension(3), "it is numbered, as all packets")
			corrections++
			of := protects(t, p)
			require.Len(t, of, every)
			for _, missing := range of {
				var others [][]byte
				for _, other := range of {
					if other != missing {
						others = append(others, sent[other])
					}
				}
				require.Equal(t, sent[missing], recovered(t, p, missing, others))
			}
		}
		require.Equal(t, 200/every, corrections)
		require.EqualValues(t, corrections, o.local.correction.sent)
	}
}

// draft-ietf-payload-flexible-fec-scheme-03 §4.2: the exclusive or of two packets.
func TestCorrectionForm(t *testing.T) {
	b := &binding{ssrc: 0x01020304, fecSSRC: 9, fecPayload: 49}
	c := newCorrection()
	c.set(2)
	first := &rtp.Header{Version: 2, Marker: true, PayloadType: 96, SequenceNumber: 1000, Timestamp: 0x11223344, SSRC: b.ssrc}
	second := &rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: 1002, Timestamp: 0x11223345, SSRC: b.ssrc}
	require.False(t, c.add(first, []byte{1, 2, 3}, false))
	require.False(t, c.add(first, []byte{1, 2, 3}, false), "it comes again")
	require.False(t, c.add(&rtp.Header{Version: 2, SequenceNumber: 999}, []byte{1}, false), "it comes late")
	require.True(t, c.add(second, []byte{4, 5, 6, 7}, false))
	h, payload := c.packet(b, 5)
	require.Equal(t, rtp.Header{Version: 2, PayloadType: 49, SequenceNumber: c.sequence, Timestamp: 5, SSRC: 9}, h)
	require.Equal(t, []byte{
		0, 0x80, 0, 3 ^ 4, 0, 0, 0, 1, // flags, marker and type, length, time stamp
		1, 0, 0, 0, 1, 2, 3, 4, // sources
		0x03, 0xe8, 0xd0, 0x00, // from 1000 on: that and 1002
		1 ^ 4, 2 ^ 5, 3 ^ 6, 7,
	}, payload)
}

// There is one after two pictures at the latest, more for key frames, and none over a gap that the mask does not hold, of what is too long or padded.
func TestCorrectionIsDue(t *testing.T) {
	pool := media.NewPacketPool()
	count := func(w *written) (corrections []int) {
		for _, p := range w.packets {
			if p.SSRC == 9 {
				corrections = append(corrections, len(protects(t, p)))
			}
		}
		return corrections
	}
	o, w := correctedTo(t, 8)
	for n := range uint16(6) {
		o.shows(t, pool, n, 100, true, false)
	}
	require.Equal(t, []int{2, 2, 2}, count(w), "small pictures")

	o, w = correctedTo(t, 8)
	for n := range uint16(12) {
		o.shows(t, pool, n, 100, false, n == 0)
	}
	require.Equal(t, []int{4, 8}, count(w), "the first picture is a key frame")

	o, w = correctedTo(t, 3)
	for _, n := range []uint16{1, 2, 17, 18, 19} {
		o.shows(t, pool, n, 100, false, false)
	}
	require.Equal(t, []int{3}, count(w), "after a gap")

	o, w = correctedTo(t, 2)
	o.shows(t, pool, 1, media.MaxPacket-rtpHeader-fecHeader, false, false)
	o.shows(t, pool, 2, 100, false, false)
	require.Empty(t, count(w), "too long")
	o.local.correction.set(0)
	for n := range uint16(12) {
		o.shows(t, pool, n, 100, false, false)
	}
	require.Empty(t, count(w), "switched off")
}

// Pictures come with error correction while that repairs losses sooner than retransmission, as much as there is room for.
func TestCorrectionFollows(t *testing.T) {
	o, _ := correctedTo(t, 0)
	o.local.correction = nil
	began := time.Now()
	o.outbound = media.NewOutbound(media.KindVideo, 90000, 7, began)
	v := &Viewer{share: NewShare(nil), video: o}
	now := began
	goOn := func(trip time.Duration) int {
		sent := uint32(media.NTPTime(began) >> 16)
		now = now.Add(levelHold)
		o.outbound.Hear([]rtcp.Packet{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 7, LastSenderReport: sent}}}}, began.Add(trip))
		v.correct(o, now)
		require.Equal(t, v.corrected.at, o.outbound.Stats().CorrectionLevel)
		return v.corrected.at
	}
	require.Zero(t, goOn(100*time.Millisecond), "nothing is lost")
	require.Nil(t, o.local.correction)
	for level, from := range fecFrom {
		v.losses.share = from
		require.Equal(t, level+1, goOn(100*time.Millisecond))
		require.Equal(t, fecEvery[level+1], o.local.correction.every)
	}
	require.Zero(t, goOn(40*time.Millisecond), "a retransmission comes sooner")
	require.Equal(t, len(fecFrom), goOn(100*time.Millisecond))
	v.audio, _ = soundTo(t, 0)
	v.share = NewShare(slowControl(t))
	require.Equal(t, len(fecFrom), goOn(100*time.Millisecond), "there is room")
	for range 6 {
		v.share.join(nil)
	}
	require.Zero(t, goOn(100*time.Millisecond), "it has a sixth, which is less than sound takes")
	v.share = NewShare(nil)
	require.Equal(t, len(fecFrom), goOn(100*time.Millisecond))
	v.losses.share = 0
	for level := len(fecFrom) - 1; level >= 0; level-- {
		require.Equal(t, level, goOn(100*time.Millisecond))
	}
	require.Zero(t, o.local.correction.every)
	require.Len(t, fecEvery, len(fecFrom)+1)
}

// BenchmarkCorrection sends packets of pictures with error correction and without.
func BenchmarkCorrection(b *testing.B) {
	for name, every := range map[string]int{"off": 0, "half": 2} {
		b.Run(name, func(b *testing.B) {
			o, w := correctedTo(b, every)
			w.discards = true
			pool := media.NewPacketPool()
			payload := make([]byte, 1200)
			n := uint16(0)
			b.ReportAllocs()
			for b.Loop() {
				p := pool.Get()
				p.Fill(rtp.Header{Version: 2, SequenceNumber: n, Timestamp: uint32(n), SSRC: 1}, time.Time{}, payload)
				_ = o.local.write(&p.RTP.Header, p, pictureNumbers{})
				p.Release()
				n++
			}
		})
	}
}
