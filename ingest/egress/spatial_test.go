package egress

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/depay/vp9"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// scalable is a source of VP9 in spatial layers, two packets a layer, as browsers send it (RFC 9628).
type scalable struct {
	*media.Track
	t        testing.TB
	layers   int
	sequence uint16
	pictures int
}

func newScalable(t testing.TB, layers int) *scalable {
	track := media.NewTrack(media.KindVideo, mediatest.Format(webrtc.MimeTypeVP9), media.NewPacketPool())
	return &scalable{Track: track, t: t, layers: layers}
}

// Kinds of pictures.
const (
	keyPicture   = 'k'
	deltaPicture = 'd'
	intraPicture = 'i' // needs no other one, and is no key frame
	grownPicture = 'g' // whose highest layer needs none
)

// payload of a packet: I, L and a picture id of 15 bits; the sizes of layers with key frames.
func (s *scalable) payload(kind rune, sid int, begins bool) []byte {
	const i, p, l, b, e, v = 0x80, 0x40, 0x20, 0x08, 0x04, 0x02
	first, frame := byte(i|l), byte(0x86)
	switch {
	case kind == deltaPicture, kind == grownPicture && sid < s.layers-1:
		first |= p
	case kind == keyPicture && sid == 0:
		frame = 0x82
	}
	inter := byte(0)
	if sid > 0 {
		inter = 1
	}
	structure := kind == keyPicture && sid == 0 && begins
	if structure {
		first |= v
	}
	if begins {
		first |= b
	} else {
		first |= e
	}
	payload := []byte{first, 0x80 | byte(s.pictures>>8), byte(s.pictures), byte(sid<<1) | inter, byte(s.pictures)}
	if structure {
		payload = append(payload, byte(s.layers-1)<<5|0x10)
		for n := range s.layers {
			width, height := 160<<n, 90<<n
			payload = append(payload, byte(width>>8), byte(width), byte(height>>8), byte(height))
		}
	}
	return append(append(payload, frame, 1, 2, 3), make([]byte, 100<<(2*sid))...)
}

// picture makes the packets of the next picture.
func (s *scalable) picture(kind rune) (packets []*media.Packet) {
	s.pictures++
	for sid := range s.layers {
		for _, begins := range []bool{true, false} {
			s.sequence++
			p := s.NewPacket()
			p.Fill(rtp.Header{SSRC: 5, SequenceNumber: s.sequence, Timestamp: uint32(s.pictures) * 3000, Marker: !begins && sid == s.layers-1},
				time.Unix(100, 0).Add(time.Duration(s.pictures)*time.Second/30), s.payload(kind, sid, begins))
			packets = append(packets, p)
		}
	}
	return packets
}

// film pushes pictures of these kinds.
func (s *scalable) film(kinds ...rune) {
	for _, kind := range kinds {
		s.push(s.picture(kind)...)
	}
}

func (s *scalable) push(packets ...*media.Packet) {
	for _, p := range packets {
		s.Push(p)
		p.Release()
	}
}

// requireWhole checks that what was sent is one stream of whole pictures, and returns the highest layer of each.
func (s *scalable) requireWhole(packets []rtp.Packet) (tops string) {
	next := 0
	for i, p := range packets {
		require.Equal(s.t, packets[0].SequenceNumber+uint16(i), p.SequenceNumber, "without gaps")
		var d vp9.Descriptor
		_, err := d.Unmarshal(p.Payload)
		require.NoError(s.t, err)
		require.Equal(s.t, next/2, int(d.SID), "packet %d", i)
		require.Equal(s.t, next%2 == 0, d.Begin)
		next++
		ends := i == len(packets)-1 || packets[i+1].Timestamp != p.Timestamp
		require.Equal(s.t, ends, p.Marker, "packet %d, of layer %d", i, d.SID)
		if ends {
			require.True(s.t, d.End)
			tops, next = tops+string('0'+rune(d.SID)), 0
		}
	}
	return tops
}

// Higher spatial layers are left out from the next picture on, and come again with one that the viewer can decode: each picture that is sent ends
// with a marker, and numbers have no gaps.
func TestSpatialLayers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps string // kinds of pictures; 0 to 2 and *: the layer that is wanted from then on; a to c: so many are published
		sent  string // the highest layer of each
	}{
		{"all", "kddkd", "22222"},
		{"down at once, up at a key frame", "kd0dd2dkd", "2200022"},
		{"up by one", "kd0d1ddkd", "2200011"},
		{"down in steps", "k1d0d", "210"},
		{"down at a key frame", "kd0kd", "2200"},
		{"all that there are", "k0d*dkd", "20022"},
		{"back before a key frame came", "k0d2d0dkd", "200000"},
		{"up at a picture that needs none", "k0d2id", "2022"},
		{"up by one at a picture that needs none", "k0d1id", "2011"},
		{"all at a picture that needs none", "k0d*id", "2022"},
		{"the layers between need others", "k0d2gdkd", "200022"},
		{"one more layer comes without a key frame", "bkdcgd", "1122"},
		{"one layer less is published", "k1dbddcdkd", "2111111"},
		{"no layer that is wanted is published", "k1dadckd", "21011"},
		{"there are no layers", "ak0dd*dkd", "000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, w := sentAs(t, webrtc.MimeTypeVP9, 8)
			source := newScalable(t, 3)
			o.attach(source.Track, time.Now())
			for _, step := range tt.steps {
				switch {
				case step >= 'a' && step <= 'c':
					source.layers = int(step-'a') + 1
				case step == '*':
					o.thinner.want(whole)
				case step >= '0' && step <= '2':
					o.thinner.want(extent{uint8(step - '0'), allTemporal})
				default:
					source.film(step)
					o.sendAll()
				}
			}
			require.Equal(t, tt.sent, source.requireWhole(w.packets))
			o.detach()
			o.sent.release()
		})
	}
}

// A viewer whose layers change in the middle of a picture gets that one as it began; what comes late is sent in its place, the last packet as such,
// and so it is when it is sent again.
func TestSpatialLayersOfLatePackets(t *testing.T) {
	o, w := sentAs(t, webrtc.MimeTypeVP9, 8)
	source := newScalable(t, 3)
	o.attach(source.Track, time.Now())
	packets := source.picture(keyPicture)
	source.push(packets[:2]...)
	o.sendAll()
	o.thinner.want(extent{1, allTemporal})
	source.push(packets[2:]...)
	o.sendAll()
	first, second := source.picture(deltaPicture), source.picture(deltaPicture)
	late := first[3] // of the middle layer, its last
	source.push(first[:3]...)
	source.push(first[4:]...)
	o.sendAll()
	o.thinner.want(extent{0, allTemporal})
	source.push(second...)
	o.sendAll()
	require.Len(t, w.packets, 6+3+2)
	source.push(late)
	o.sendAll()
	held := w.packets[11]
	require.True(t, held.Marker)
	w.packets = append(w.packets[:9], append([]rtp.Packet{held}, w.packets[9:11]...)...)
	require.Equal(t, "210", source.requireWhole(w.packets))

	require.True(t, o.sent.resend(held.SequenceNumber, o.local, time.Now(), 0))
	again := w.packets[len(w.packets)-1]
	require.True(t, again.Marker)
	require.Equal(t, held.Payload, again.Payload[2:])

	third := source.picture(deltaPicture)
	source.push(third[1], third[0]) // packets of one layer are not in order
	source.push(third[2:]...)
	o.sendAll()
	sent := w.packets[len(w.packets)-2:]
	require.True(t, sent[0].Marker)
	require.Equal(t, sent[1].SequenceNumber+1, sent[0].SequenceNumber)
	o.detach()
	o.sent.release()
}

// A key frame whose first packet is overtaken is one to rise at all the same.
func TestSpatialLayersOfUnorderedKeyFrame(t *testing.T) {
	o, w := sentAs(t, webrtc.MimeTypeVP9, 8)
	source := newScalable(t, 3)
	o.attach(source.Track, time.Now())
	source.film(keyPicture)
	o.sendAll()
	o.thinner.want(extent{0, allTemporal})
	source.film(deltaPicture)
	o.sendAll()
	o.thinner.want(extent{2, allTemporal})
	sent := len(w.packets)
	packets := source.picture(keyPicture)
	source.push(packets[1], packets[0])
	source.push(packets[2:]...)
	source.film(deltaPicture)
	o.sendAll()
	w.packets[sent], w.packets[sent+1] = w.packets[sent+1], w.packets[sent]
	require.Equal(t, "2022", source.requireWhole(w.packets))
	o.detach()
	o.sent.release()
}

// Spatial layers are encodings of one track, each with those below it: they are measured, and gone when they have not come for a while.
func TestSpatialEncodings(t *testing.T) {
	source := newScalable(t, 3)
	film := func(seconds int) {
		for n := range 30 * seconds {
			source.film(map[bool]rune{true: keyPicture, false: deltaPicture}[n == 0])
		}
	}
	film(2)
	all := source.Encodings()
	require.Len(t, all, 3)
	for i, e := range all {
		require.Equal(t, []any{[]string{"s0", "s1", "s2"}[i], i + 1, 160 << i, 90 << i}, []any{e.Name, e.Spatial, e.Width, e.Height})
		require.Same(t, source.Track, e.Track)
		require.True(t, i == 0 || e.Rate > 3*all[i-1].Rate, "%v", all)
		require.Equal(t, []float64{1}, e.Temporal())
	}
	bytes := len(source.payload(deltaPicture, 0, true)) + len(source.payload(deltaPicture, 1, true)) + len(source.payload(deltaPicture, 2, true))
	require.InEpsilon(t, 2*8*30*bytes, all[2].Rate, 0.1)
	require.Equal(t, []string{"s0", "s1", "s2"}, source.LayerNames())

	source.layers = 2
	film(4)
	all = source.Encodings()
	require.Len(t, all, 2)
	require.Equal(t, 320, all[1].Width)
	require.Len(t, source.LayerNames(), 3, "it has come")
	source.layers = 1
	film(4)
	all = source.Encodings()
	require.Len(t, all, 1)
	require.Equal(t, []any{"", 0, 160}, []any{all[0].Name, all[0].Spatial, all[0].Width})
}

// What is asked for of spatial layers bounds them, and is what is sent from the beginning on; a higher one takes a key frame, which is not asked for
// without end.
func TestAskForSpatialLayers(t *testing.T) {
	encodings := []media.Encoding{{Name: "s0", Spatial: 1, Width: 320, Height: 180}, {Name: "s1", Spatial: 2, Width: 640, Height: 360}, {Name: "s2", Spatial: 3, Width: 1280, Height: 720}}
	for _, tt := range []struct {
		ask  Ask
		want []media.Encoding
	}{
		{Ask{}, encodings}, {Ask{Spatial: 1}, encodings[:1]}, {Ask{Spatial: 2}, encodings[:2]}, {Ask{Spatial: 9}, encodings},
		{Ask{Encoding: "s1"}, encodings[1:2]}, {Ask{Height: 400}, encodings[:2]}, {Ask{Spatial: 2, Height: 200}, encodings[:1]}, {Shown(640, 360), encodings[:2]},
	} {
		require.Equal(t, tt.want, tt.ask.within(encodings), tt.ask)
	}
	require.Len(t, Ask{Spatial: 1}.within([]media.Encoding{{Name: "l"}, {Name: "h"}}), 2, "those of a simulcast have all layers")
	require.Equal(t, extent{0, allTemporal}, extentOf(encodings[0], allTemporal, true))
	require.Equal(t, extent{allSpatial, 1}, extentOf(encodings[2], 1, false))

	source, asked := newScalable(t, 3), 0
	require.True(t, source.Bind(func() { asked++ }))
	o, w := sentAs(t, webrtc.MimeTypeVP9, 8)
	now := time.Now()
	o.attach(source.Track, now)
	for range 60 {
		source.film(keyPicture)
		o.sendAll()
	}
	before := len(w.packets)
	all := source.Encodings()
	sent := func() int {
		e, sends := o.sends(all)
		require.True(t, sends)
		return e.Spatial
	}
	require.Equal(t, 3, sent())
	o.goOn(source.Track, extentOf(all[0], allTemporal, true), sendsAll)
	o.rise(3, now)
	require.Equal(t, 1, sent())
	require.Zero(t, asked)
	o.goOn(source.Track, extentOf(all[2], allTemporal, true), sendsAll)
	for range 10 {
		o.rise(1, now)
		require.Zero(t, asked, "nothing higher flows")
	}
	for range 10 {
		o.rise(3, now)
	}
	require.Equal(t, 1, asked)
	require.Equal(t, 1, sent(), "until it comes")
	o.rise(3, now.Add(riseWithin+1))
	source.film(keyPicture)
	o.sendAll()
	require.Equal(t, 3, sent())
	o.rise(3, now.Add(time.Hour))
	require.Equal(t, now.Add(riseWithin+1), o.askedToRise)
	require.Len(t, w.packets, before+6)
	o.detach()
	o.sent.release()
}

// BenchmarkSpatialLayers sends pictures of three spatial layers to a client that gets two of them, six packets each.
func BenchmarkSpatialLayers(b *testing.B) {
	o, w := sentAs(b, webrtc.MimeTypeVP9, 8)
	w.discards = true
	source := newScalable(b, 3)
	o.attach(source.Track, time.Now())
	source.film(keyPicture)
	o.sendAll()
	o.thinner.want(extent{1, allTemporal})
	packets := source.picture(deltaPicture)
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range packets {
			p.RTP.SequenceNumber += uint16(len(packets))
			p.RTP.Timestamp += 3000
			source.Push(p)
		}
		o.sendAll()
	}
	for _, p := range packets {
		p.Release()
	}
	o.detach()
	o.sent.release()
}
