package egress

import (
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/ingest/media"
)

// pictureNumbers are what is added to the numbers of a VP8 picture (RFC 7741 §4.2), so that those which are sent are without gaps; and to those of
// frames in their descriptors, so that they go on where another source does.
type pictureNumbers struct {
	id    uint16
	tl0   uint8
	frame uint16
}

// rememberedPictures is of how many pictures the packets may come late.
const rememberedPictures = 16

// thinner leaves out pictures of higher temporal layers, and of others their higher spatial layers, and numbers those that are sent.
type thinner struct {
	wanted extent // that is to be sent
	limit  extent // that is sent
	most   uint8  // highest spatial layer that the client can be sent
	vp8    bool

	begun    bool // pictures of the present piece have come
	now      thinned
	ended    bool   // the newest picture has been ended below its highest layer
	lastID   uint16 // that was sent
	lastTL0  uint8
	numbered bool // these are known
	frame    frameNumbers
	past     [rememberedPictures]thinned
	pictures int
}

// thinned is what is done with a picture.
type thinned struct {
	timestamp uint32
	drops     bool  // nothing of it is sent
	top       uint8 // spatial layer that is sent
	numbers   pictureNumbers
}

// changes are what a packet is sent with.
type changes struct {
	numbers pictureNumbers
	ends    bool // it is the last of its picture
}

func newThinner(mimeType string) thinner {
	return thinner{wanted: whole, limit: whole, most: allSpatial, vp8: mimeType == webrtc.MimeTypeVP8}
}

// cut says that the next packet begins a piece: it is of a key frame.
func (t *thinner) cut() { t.begun, t.limit, t.pictures = false, t.wanted, 0 }

// want sets the highest layers that are to be sent. Those above are left out from the next picture on, and come again where the stream allows.
func (t *thinner) want(e extent) {
	e.spatial = min(e.spatial, t.most)
	t.wanted = e
	t.limit = extent{min(t.limit.spatial, e.spatial), min(t.limit.temporal, e.temporal)}
}

// take reports whether a packet is to be sent, and with which changes.
func (t *thinner) take(p *media.Packet) (c changes, sent bool) {
	at := p.RTP.Timestamp
	switch {
	case t.begun && at == t.now.timestamp:
	case t.begun && int32(at-t.now.timestamp) < 0:
		past := t.earlier(p)
		return past.take(p.Layer.Spatial)
	default:
		t.next(p)
	}
	layer := p.Layer.Spatial
	if t.rises() && layer.Begins && layer.Anew && layer.ID == t.limit.spatial+1 && !t.ended {
		t.limit.spatial, t.now.top = layer.ID, layer.ID
		t.remember(t.pictures - 1)
	}
	c, sent = t.now.take(layer)
	c.ends = c.ends && !(t.rises() && layer.Anew) // the next layer of this picture may be one to rise to
	t.ended = t.ended || c.ends
	if sent {
		t.frame.sent(p.Descriptor)
	}
	return c, sent
}

// rises reports whether higher spatial layers are to be sent than are.
func (t *thinner) rises() bool { return t.limit.spatial < t.wanted.spatial }

// take is what is done with a packet of the picture that is of a spatial layer.
func (t *thinned) take(layer media.SpatialLayer) (c changes, sent bool) {
	sent = !t.drops && layer.ID <= t.top
	return changes{t.numbers, sent && layer.Ends && layer.ID == t.top}, sent
}

// earlier is what was done with a picture that is not the newest; of one that is not remembered it is what is done now.
func (t *thinner) earlier(p *media.Packet) thinned {
	for i := range min(t.pictures, rememberedPictures) {
		if past := &t.past[i]; past.timestamp == p.RTP.Timestamp {
			return *past
		}
	}
	return thinned{drops: p.Layer.Temporal.ID > t.limit.temporal, top: t.limit.spatial, numbers: t.now.numbers}
}

// next begins a picture.
func (t *thinner) next(p *media.Packet) {
	layer := p.Layer.Temporal
	if layer.Sync && t.limit.temporal < t.wanted.temporal && layer.ID == t.limit.temporal+1 {
		t.limit.temporal = layer.ID
	}
	if p.KeyFrame {
		t.limit.spatial = t.wanted.spatial
	}
	dropped := t.begun && t.now.drops
	t.now.timestamp, t.now.drops, t.now.top = p.RTP.Timestamp, layer.ID > t.limit.temporal && !p.KeyFrame, t.limit.spatial
	if layer.Up && !t.now.drops {
		t.limit.temporal = t.wanted.temporal
	}
	if t.vp8 {
		t.number(p, dropped)
	} else {
		t.now.numbers.frame = t.frame.shift(p.Descriptor, !t.begun)
	}
	t.begun, t.ended = true, false
	t.remember(t.pictures)
	t.pictures++
}

func (t *thinner) remember(picture int) { t.past[picture%rememberedPictures] = t.now }

// number makes the numbers of a picture go on from those of the last that was sent.
func (t *thinner) number(p *media.Packet, dropped bool) {
	var d vp8.Descriptor
	if _, err := d.Unmarshal(p.RTP.Payload); err != nil || d.PictureIDBits == 0 {
		t.now.numbers, t.numbered = pictureNumbers{}, false
		return
	}
	switch {
	case !t.begun && t.numbered:
		t.now.numbers = pictureNumbers{id: t.lastID + 1 - uint16(d.PictureID), tl0: t.lastTL0 + 1 - uint8(d.TL0PicIdx)}
	case dropped:
		t.now.numbers.id--
	}
	if !t.now.drops {
		t.lastID, t.lastTL0, t.numbered = uint16(d.PictureID)+t.now.numbers.id, uint8(d.TL0PicIdx)+t.now.numbers.tl0, true
	}
}

// renumber adds to the numbers in a payload of VP8, which begins with a descriptor that has them.
func (n pictureNumbers) renumber(payload []byte) {
	const extended, hasID, hasTL0, long = 0x80, 0x80, 0x40, 0x80
	if n.id == 0 && n.tl0 == 0 || len(payload) < 4 || payload[0]&extended == 0 || payload[1]&hasID == 0 {
		return
	}
	at := 3
	if payload[2]&long != 0 {
		id := (uint16(payload[2])<<8|uint16(payload[3]))&0x7fff + n.id
		payload[2], payload[3] = byte(id>>8)|long, byte(id)
		at = 4
	} else {
		payload[2] = (payload[2] + byte(n.id)) & 0x7f
	}
	if payload[1]&hasTL0 != 0 && len(payload) > at {
		payload[at] += n.tl0
	}
}
