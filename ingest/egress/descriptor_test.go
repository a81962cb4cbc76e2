package egress

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// structureL2T1 is a dependency structure of two spatial layers, with a template each for key frames and for others (AV1 RTP payload format §A.8): one
// decode target and no chains.
func structureL2T1() []byte {
	// Flags, of which the first is for the structure; offset and targets, 0; layers 00 10 00 11; indications; no differences, chains or sizes.
	return []byte{0x80, 0x00, 0b00_10_00_11, 0b10_10_10_10, 0x00}
}

// described is a source of AV1 in two spatial layers, one packet a layer, as browsers send it.
type describedSource struct {
	*media.Track
	sequence, frame uint16
	pictures        int
}

const describedIn = 9 // the publisher's extension

func newDescribedSource(frame uint16) *describedSource {
	track := media.NewTrack(media.KindVideo, mediatest.Format(webrtc.MimeTypeAV1), media.NewPacketPool())
	track.DescribedIn(describedIn)
	return &describedSource{Track: track, frame: frame}
}

func (s *describedSource) film(t *testing.T, kinds ...bool) {
	for _, key := range kinds {
		s.pictures++
		for sid := range 2 {
			descriptor := binary.BigEndian.AppendUint16([]byte{0xc0 | byte(2*sid)}, s.frame)
			payload := []byte{0x10, 6<<3 | 4, byte(sid) << 3, 0x30, 2, 3}
			switch {
			case key && sid == 0:
				descriptor = append(descriptor, structureL2T1()...)
				payload = []byte{0x28, 0x02, 0x08, 0x00, 0x34, byte(sid) << 3, 0x10, 0}
			case !key:
				descriptor[0]++
			}
			s.frame++
			s.sequence++
			p := s.NewPacket()
			p.Fill(rtp.Header{SSRC: 5, SequenceNumber: s.sequence, Timestamp: uint32(s.pictures) * 3000, Marker: sid == 1},
				time.Unix(100, 0).Add(time.Duration(s.pictures)*time.Second/30), payload)
			require.NoError(t, p.RTP.SetExtension(describedIn, descriptor))
			s.Push(p)
			p.Release()
		}
	}
}

// requireDescribed checks that what was sent is one stream of whole pictures, each packet with its descriptor, and returns the highest layer of each.
func requireDescribed(t *testing.T, id uint8, packets []rtp.Packet) (tops string) {
	t.Helper()
	newest := uint16(0)
	for i, p := range packets {
		require.Equal(t, packets[0].SequenceNumber+uint16(i), p.SequenceNumber)
		descriptor := p.GetExtension(id)
		require.GreaterOrEqual(t, len(descriptor), 3)
		number, sid := binary.BigEndian.Uint16(descriptor[1:]), descriptor[0]&0x3f/2
		require.True(t, i == 0 || int16(number-newest) > 0 && number-newest < 4, "%d after %d", number, newest)
		newest = number
		ends := i == len(packets)-1 || packets[i+1].Timestamp != p.Timestamp
		require.Equal(t, ends, p.Marker)
		if ends {
			tops += string('0' + rune(sid))
		}
	}
	return tops
}

// Of AV1 the descriptors tell which spatial layer a packet is of: who gets them is sent the layers that are wanted, with the numbers of frames going
// on whoever publishes, also in what is sent again; who gets none is sent the lowest.
func TestSpatialLayersOfAV1(t *testing.T) {
	const key, delta = true, false
	o, w := sentAs(t, webrtc.MimeTypeAV1, 8)
	w.extensions = []webrtc.RTPHeaderExtensionParameter{{URI: "urn:other", ID: 1}, {URI: media.DescriptorURI, ID: 4}}
	_, err := o.local.Bind(&negotiated{written: w})
	require.NoError(t, err)
	source := newDescribedSource(65534)
	o.attach(source.Track, time.Now())
	film := func(s *describedSource, kinds ...bool) {
		s.film(t, kinds...)
		o.sendAll()
	}
	film(source, key, delta)
	o.thinner.want(extent{0, allTemporal})
	film(source, delta, delta)
	o.thinner.want(whole)
	film(source, delta, key, delta)
	require.Equal(t, "1100011", requireDescribed(t, 4, w.packets))

	o.detach()
	other := newDescribedSource(30000)
	o.attach(other.Track, time.Now())
	film(other, key, delta)
	require.Equal(t, "110001111", requireDescribed(t, 4, w.packets))
	last := w.packets[len(w.packets)-1]
	require.True(t, o.sent.resend(last.SequenceNumber, o.local, time.Now(), 0))
	again := w.packets[len(w.packets)-1]
	require.Equal(t, last.GetExtension(4), again.GetExtension(4))
	require.Equal(t, last.Payload, again.Payload[2:])
	o.detach()
	o.sent.release()

	o, w = sentAs(t, webrtc.MimeTypeAV1, 8)
	o.attach(newDescribedSource(1).Track, time.Now())
	require.EqualValues(t, 0, o.thinner.limit.spatial)
	source = newDescribedSource(1)
	o.detach()
	o.attach(source.Track, time.Now())
	film(source, key, delta)
	require.Len(t, w.packets, 2)
	for _, p := range w.packets {
		require.True(t, p.Marker)
		require.False(t, p.Extension)
	}
	o.detach()
	o.sent.release()
}

// What browsers send as spatial layers of AV1 are encodings of the track.
func TestSpatialEncodingsOfAV1(t *testing.T) {
	source := newDescribedSource(1)
	source.film(t, true)
	for range 60 {
		source.film(t, false)
	}
	all := source.Encodings()
	require.Len(t, all, 2)
	require.Equal(t, "s1", all[1].Name)
}

// Whatever a publisher puts into descriptors is passed on with another number, or not at all.
func FuzzDescribe(f *testing.F) {
	f.Add(append([]byte{0x80, 0, 1}, structureL2T1()...), uint16(3))
	f.Fuzz(func(t *testing.T, descriptor []byte, frame uint16) {
		b := &binding{}
		b.describeIn([]webrtc.RTPHeaderExtensionParameter{{URI: media.DescriptorURI, ID: 4}})
		var numbers frameNumbers
		numbers.sent(descriptor)
		var header rtp.Header
		if !b.described.describe(&header, descriptor, frame) {
			require.False(t, header.Extension)
			return
		}
		sent := header.GetExtension(4)
		require.Len(t, sent, len(descriptor))
		require.Equal(t, binary.BigEndian.Uint16(descriptor[1:])+frame, binary.BigEndian.Uint16(sent[1:]))
		require.Equal(t, descriptor[3:], sent[3:])
	})
}
