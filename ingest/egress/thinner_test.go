package egress

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// layered is a source of VP8 in three temporal layers, two packets a picture, as browsers send it.
type layered struct {
	*media.Track
	sequence uint16
	pictures int
}

// payload of a packet: I, L and T, a picture id of 15 bits, and the beginning of a key frame or of another one.
func (l *layered) payload(start bool, tid uint8, sync bool) []byte {
	id, tl0 := 0x7ffe+l.pictures, byte(254+l.pictures/4)
	b := []byte{0x80, 0xe0, 0x80 | byte(id>>8)&0x7f, byte(id), tl0, tid << 6, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	if start {
		b[0] |= 0x10
	}
	if sync {
		b[5] |= 0x20
	}
	if l.pictures == 0 {
		b[6] = 0
	}
	return b
}

func (l *layered) picture() (packets []*media.Packet) {
	tid := []uint8{0, 2, 1, 2}[l.pictures%4]
	for i := range 2 {
		l.sequence++
		p := l.NewPacket()
		p.RTP, p.Arrival = *rtptest.VP8Packet(l.sequence, false), time.Now()
		p.RTP.Timestamp, p.RTP.Marker = uint32(l.pictures)*3000, i == 1
		p.RTP.Payload = l.payload(i == 0, tid, tid > 0 && l.pictures%4 < 3)
		packets = append(packets, p)
	}
	l.pictures++
	return packets
}

// Pictures of higher temporal layers are left out from the next one on, and come again where the stream allows; sequence numbers and the numbers
// of pictures go on, in what is sent again too, and for packets that come late.
func TestThinner(t *testing.T) {
	o, w := sentTo(t, 8)
	source := &layered{Track: mediatest.Track(media.KindVideo)}
	o.attach(source.Track, time.Now())
	film := func(pictures int) {
		for range pictures {
			for _, p := range source.picture() {
				source.Push(p)
				p.Release()
			}
		}
		o.sendAll()
	}
	check := func(pictures int) {
		require.Len(t, w.packets, 2*pictures)
		for i, p := range w.packets {
			var d vp8.Descriptor
			_, err := d.Unmarshal(p.Payload)
			require.NoError(t, err)
			require.Equal(t, w.packets[0].SequenceNumber+uint16(i), p.SequenceNumber)
			require.Equal(t, int32(0x7ffe+i/2)&0x7fff, d.PictureID)
			require.Equal(t, i%2 == 1, p.Marker)
		}
	}
	film(8)
	check(8)
	require.Len(t, source.Encodings()[0].Temporal(), 3)
	o.thinner.want(extent{allSpatial, 0})
	film(8)
	check(10)
	o.thinner.want(extent{allSpatial, 1})
	film(8)
	check(14)
	late := source.picture() // of the base
	source.Push(late[0])
	o.sendAll()
	film(1) // is left out
	film(1)
	film(1)
	source.Push(late[1])
	o.sendAll()
	held := w.packets[len(w.packets)-1]
	w.packets = append(w.packets[:29], append([]rtp.Packet{held}, w.packets[29:31]...)...)
	check(16)
	o.thinner.want(whole)
	film(4)
	check(20)
	require.True(t, o.sent.resend(w.packets[30].SequenceNumber, o.local, time.Now(), 0))
	require.Equal(t, w.packets[30].Payload, w.packets[len(w.packets)-1].Payload[2:])
	o.detach()
	o.sent.release()
}

// Pictures of another source go on with the next numbers.
func TestNumbersGoOnAtACut(t *testing.T) {
	thin := newThinner("video/VP8")
	first, second := &layered{Track: mediatest.Track(media.KindVideo)}, &layered{Track: mediatest.Track(media.KindVideo)}
	take := func(l *layered) (id int32, tl0 int16) {
		for _, p := range l.picture() {
			p.KeyFrame = l.pictures == 1
			c, sent := thin.take(p)
			require.True(t, sent)
			c.numbers.renumber(p.RTP.Payload)
			var d vp8.Descriptor
			_, err := d.Unmarshal(p.RTP.Payload)
			require.NoError(t, err)
			id, tl0 = d.PictureID, d.TL0PicIdx
			p.Release()
		}
		return id, tl0
	}
	for range 6 {
		take(first)
	}
	thin.cut()
	id, tl0 := take(second)
	require.Equal(t, int32(0x7ffe+6)&0x7fff, id)
	require.Equal(t, int16(0), tl0)
	id, _ = take(second)
	require.Equal(t, int32(0x7ffe+7)&0x7fff, id)
}

// What is not VP8 with numbers is left as it is.
func FuzzRenumber(f *testing.F) {
	f.Add((&layered{}).payload(true, 1, true))
	f.Add([]byte{0x90, 0x80, 0x7f, 1, 2})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var before, after vp8.Descriptor
		_, err := before.Unmarshal(payload)
		numbers := pictureNumbers{id: 5, tl0: 3}
		numbers.renumber(payload)
		if _, again := after.Unmarshal(payload); err != nil || again != nil {
			return
		}
		if before.PictureIDBits > 0 && len(payload) >= 4 {
			mask := int32(1)<<before.PictureIDBits - 1
			if after.PictureID != (before.PictureID+5)&mask {
				t.Fatal(before, after)
			}
			if before.TL0PicIdx >= 0 && after.TL0PicIdx != (before.TL0PicIdx+3)&0xff {
				t.Fatal(before, after)
			}
		}
		before.PictureID, before.TL0PicIdx = after.PictureID, after.TL0PicIdx
		if before != after {
			t.Fatal(before, after)
		}
	})
}
