package egress

import (
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/ingest/media"
)

// allTemporal forwards all temporal layers.
const allTemporal = 255

// pictureNumbers are what is added to the numbers of a VP8 picture (RFC 7741 §4.2), so that those which are sent are without gaps.
type pictureNumbers struct {
	id  uint16
	tl0 uint8
}

// rememberedPictures is of how many pictures the packets may come late.
const rememberedPictures = 16

// thinner leaves out pictures of higher temporal layers, and numbers those that are sent.
type thinner struct {
	wanted uint8 // highest layer that is to be sent
	limit  uint8 // that is sent
	vp8    bool

	begun     bool // pictures of the present piece have come
	timestamp uint32
	drops     bool // the newest picture is not sent
	now       pictureNumbers
	lastID    uint16 // that was sent
	lastTL0   uint8
	numbered  bool // these are known
	past      [rememberedPictures]struct {
		timestamp uint32
		drops     bool
		numbers   pictureNumbers
	}
	pictures int
}

func newThinner(mimeType string) thinner {
	return thinner{wanted: allTemporal, limit: allTemporal, vp8: mimeType == webrtc.MimeTypeVP8}
}

// cut says that the next packet begins a piece: it is of a key frame.
func (t *thinner) cut() { t.begun, t.limit, t.pictures = false, t.wanted, 0 }

// want sets the highest layer that is to be sent. It is left at the next picture, and risen to where the stream allows.
func (t *thinner) want(layer uint8) {
	t.wanted = layer
	t.limit = min(t.limit, layer)
}

// take reports whether a packet is to be sent, and what is added to its numbers.
func (t *thinner) take(p *media.Packet) (numbers pictureNumbers, sent bool) {
	at := p.RTP.Timestamp
	switch {
	case t.begun && at == t.timestamp:
		return t.now, !t.drops
	case t.begun && int32(at-t.timestamp) < 0:
		for i := range min(t.pictures, rememberedPictures) {
			if past := &t.past[i]; past.timestamp == at {
				return past.numbers, !past.drops
			}
		}
		return t.now, p.Temporal.ID <= t.limit
	}
	t.next(p)
	return t.now, !t.drops
}

// next begins a picture.
func (t *thinner) next(p *media.Packet) {
	if layer := p.Temporal; layer.Sync && t.limit < t.wanted && layer.ID == t.limit+1 {
		t.limit = layer.ID
	}
	dropped := t.begun && t.drops
	t.drops = p.Temporal.ID > t.limit && !p.KeyFrame
	if p.Temporal.Up && !t.drops {
		t.limit = t.wanted
	}
	if t.vp8 {
		t.number(p, dropped)
	}
	t.begun, t.timestamp = true, p.RTP.Timestamp
	past := &t.past[t.pictures%rememberedPictures]
	past.timestamp, past.drops, past.numbers = t.timestamp, t.drops, t.now
	t.pictures++
}

// number makes the numbers of a picture go on from those of the last that was sent.
func (t *thinner) number(p *media.Packet, dropped bool) {
	var d vp8.Descriptor
	if _, err := d.Unmarshal(p.RTP.Payload); err != nil || d.PictureIDBits == 0 {
		t.now, t.numbered = pictureNumbers{}, false
		return
	}
	switch {
	case !t.begun && t.numbered:
		t.now = pictureNumbers{t.lastID + 1 - uint16(d.PictureID), t.lastTL0 + 1 - uint8(d.TL0PicIdx)}
	case dropped:
		t.now.id--
	}
	if !t.drops {
		t.lastID, t.lastTL0, t.numbered = uint16(d.PictureID)+t.now.id, uint8(d.TL0PicIdx)+t.now.tl0, true
	}
}

// renumber adds to the numbers in a payload of VP8, which begins with a descriptor that has them.
func (n pictureNumbers) renumber(payload []byte) {
	const extended, hasID, hasTL0, long = 0x80, 0x80, 0x40, 0x80
	if n == (pictureNumbers{}) || len(payload) < 4 || payload[0]&extended == 0 || payload[1]&hasID == 0 {
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
