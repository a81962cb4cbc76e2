package egress

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/public/panics"
)

// localTrack is the way of one medium to one client. It negotiates as pion's track does, and writes by itself: it has one client
// only, and knows the stream of retransmissions.
type localTrack struct {
	*webrtc.TrackLocalStaticRTP
	bound   atomic.Pointer[binding]
	control *bandwidth.Controller // of the connection, which numbers packets; nil: nobody does

	repeated   uint16      // sequence number of the last retransmission
	correction *correction // nil: none has been sent so far
	keyFrame   uint32      // time stamp of the newest key frame
	keyed      bool        // there has been one
	fec        rtp.Header  // kept so that sending that does not allocate
	buf        [media.MaxPacket]byte
}

// binding is what has been negotiated of a track.
type binding struct {
	writer                 webrtc.TrackLocalWriter
	ssrc, repairSSRC       uint32
	payload, repairPayload uint8 // repairPayload is 0 when the client takes no stream of retransmissions (RFC 4588)
	fecSSRC                uint32
	fecPayload             uint8 // of error correction; fecSSRC is 0 when the client takes none
	red                    uint8 // payload type of sound with redundancy (RFC 2198); 0: the client does not take it

	numbered rtp.Header // with the extension that number is in; without any when the client does not tell of packets
	number   [2]byte    // transport-wide, of the newest packet

	described described
}

// packetOverhead is how many bytes a packet has beside its payload: headers of RTP, and the tag of SRTP.
const packetOverhead = 12 + 8 + 10

// newLocalTrack begins retransmissions as newSplice does the medium.
func newLocalTrack(kind media.Kind, codec webrtc.RTPCodecCapability, stream string) (*localTrack, error) {
	local, err := webrtc.NewTrackLocalStaticRTP(codec, string(kind)+"-"+stream, stream)
	return &localTrack{TrackLocalStaticRTP: local, repeated: uint16(rand.N(1 << 15))}, err
}

// Bind implements webrtc.TrackLocal.
func (t *localTrack) Bind(c webrtc.TrackLocalContext) (codec webrtc.RTPCodecParameters, err error) {
	fault := panics.Contain(nil, "the negotiation of what is sent", func() { codec, err = t.bind(c) })
	return codec, errors.Join(fault, err)
}

func (t *localTrack) bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codec, err := t.TrackLocalStaticRTP.Bind(c)
	if err == nil {
		b := &binding{
			writer: c.WriteStream(), ssrc: uint32(c.SSRC()), payload: uint8(codec.PayloadType),
			repairSSRC: uint32(c.SSRCRetransmission()), repairPayload: repairPayload(codec, c.CodecParameters()),
			red: redPayload(codec, c.CodecParameters()), fecPayload: fecPayload(c.CodecParameters()),
		}
		if b.fecPayload != 0 {
			b.fecSSRC = uint32(c.SSRCForwardErrorCorrection())
		}
		if t.control != nil {
			b.numberIn(c.HeaderExtensions())
		}
		b.describeIn(c.HeaderExtensions())
		t.bound.Store(b)
	}
	return codec, err
}

// numberIn has packets numbered in the extension for that (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2), if it is one of those.
func (b *binding) numberIn(negotiated []webrtc.RTPHeaderExtensionParameter) {
	for _, e := range negotiated {
		if e.URI != sdp.TransportCCURI || b.numbered.Extension {
			continue
		}
		b.numbered = rtp.Header{Extension: true, ExtensionProfile: rtp.ExtensionProfileOneByte}
		if e.ID > 14 {
			b.numbered.ExtensionProfile = rtp.ExtensionProfileTwoByte
		}
		if b.numbered.SetExtension(uint8(e.ID), b.number[:]) != nil {
			b.numbered = rtp.Header{}
		}
	}
}

// emit sends a packet, under its number, and with what its publisher tells of it.
func (t *localTrack) emit(b *binding, header *rtp.Header, payload, descriptor []byte, numbers pictureNumbers) error {
	if b.numbered.Extension {
		binary.BigEndian.PutUint16(b.number[:], t.control.Sent(packetOverhead+len(payload)+len(descriptor), time.Now()))
		header.Extension, header.ExtensionProfile, header.Extensions = true, b.numbered.ExtensionProfile, b.numbered.Extensions
	}
	b.described.describe(header, descriptor, numbers.frame)
	_, err := b.writer.WriteRTP(header, payload)
	return err
}

// repairs reports whether the client takes a stream of retransmissions.
func (t *localTrack) repairs() bool {
	b := t.bound.Load()
	return b != nil && b.repairPayload != 0 && b.repairSSRC != 0
}

// Unbind implements webrtc.TrackLocal.
func (t *localTrack) Unbind(c webrtc.TrackLocalContext) error {
	t.bound.Store(nil)
	return t.TrackLocalStaticRTP.Unbind(c)
}

// repairPayload is the payload type of a codec's retransmissions (RFC 4588 §8.1), or 0.
func repairPayload(codec webrtc.RTPCodecParameters, all []webrtc.RTPCodecParameters) uint8 {
	for _, c := range all {
		if c.MimeType == webrtc.MimeTypeRTX && media.PayloadType(offer.Parameter(c.SDPFmtpLine, "apt", "")) == codec.PayloadType {
			return uint8(c.PayloadType)
		}
	}
	return 0
}

// redPayload is the payload type of a codec with redundancy (RFC 2198 §5), or 0.
func redPayload(codec webrtc.RTPCodecParameters, all []webrtc.RTPCodecParameters) uint8 {
	f := media.Format{Payload: strconv.Itoa(int(codec.PayloadType))}
	for _, c := range all {
		if strings.EqualFold(c.MimeType, f.REDCapability().MimeType) && strings.HasPrefix(c.SDPFmtpLine, f.REDParameters()) {
			return uint8(c.PayloadType)
		}
	}
	return 0
}

// fecPayload is the payload type of error correction, or 0.
func fecPayload(all []webrtc.RTPCodecParameters) uint8 {
	for _, c := range all {
		if strings.EqualFold(c.MimeType, webrtc.MimeTypeFlexFEC03) {
			return uint8(c.PayloadType)
		}
	}
	return 0
}

// takesFEC reports whether the client takes error correction.
func (t *localTrack) takesFEC() bool {
	b := t.bound.Load()
	return b != nil && b.fecSSRC != 0
}

// takesRED reports whether the client takes sound with redundancy.
func (t *localTrack) takesRED() bool {
	b := t.bound.Load()
	return b != nil && b.red != 0
}

// payload is the payload type of what is sent; 0 while that is not negotiated.
func (t *localTrack) payload() uint8 {
	if b := t.bound.Load(); b != nil {
		return b.payload
	}
	return 0
}

// writeRED sends a payload with redundancy.
func (t *localTrack) writeRED(header *rtp.Header, payload []byte) error {
	b := t.bound.Load()
	if b == nil {
		return nil
	}
	header.SSRC, header.PayloadType = b.ssrc, b.red
	return t.emit(b, header, payload, nil, pictureNumbers{})
}

// write sends a packet of a picture with those numbers. It does nothing before the track is negotiated and after it has been taken away.
func (t *localTrack) write(header *rtp.Header, p *media.Packet, numbers pictureNumbers) error {
	b := t.bound.Load()
	if b == nil {
		return nil
	}
	payload := p.RTP.Payload
	if numbers != (pictureNumbers{}) {
		payload = t.buf[:copy(t.buf[:], payload)]
		numbers.renumber(payload)
	}
	header.SSRC, header.PayloadType = b.ssrc, b.payload
	err := t.emit(b, header, payload, p.Descriptor, numbers)
	if err == nil {
		t.correct(b, header, payload, t.ofKeyFrame(p, header.Timestamp))
	}
	return err
}

// ofKeyFrame reports whether a packet of that time stamp is of a key frame.
func (t *localTrack) ofKeyFrame(p *media.Packet, timestamp uint32) bool {
	if p.KeyFrame {
		t.keyFrame, t.keyed = timestamp, true
	}
	return t.keyed && t.keyFrame == timestamp
}

// repeat sends a packet once more: on the stream of retransmissions with its number before it (RFC 4588 §4), or as it was.
func (t *localTrack) repeat(header *rtp.Header, p *media.Packet, numbers pictureNumbers) error {
	b := t.bound.Load()
	if !t.repairs() {
		return t.write(header, p, numbers)
	}
	binary.BigEndian.PutUint16(t.buf[:], header.SequenceNumber)
	n := 2 + copy(t.buf[2:], p.RTP.Payload)
	numbers.renumber(t.buf[2:n])
	t.repeated++
	header.SSRC, header.PayloadType, header.SequenceNumber = b.repairSSRC, b.repairPayload, t.repeated
	header.Padding, header.PaddingSize = false, 0
	return t.emit(b, header, t.buf[:n], p.Descriptor, numbers)
}
