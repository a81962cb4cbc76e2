package depay

import (
	"time"

	"github.com/sluice-live/sluice/depay/vp8"
)

const (
	maxFrameSize   = 4 << 20     // bytes of one coded picture
	maxFramePixels = 4096 * 4096 // what a decoder would allocate for
)

// picture is one whole coded picture. Its data is valid until the next packet is pushed.
type picture struct {
	vp8.Header
	instant time.Duration
	data    []byte
}

// vp8Assembler makes pictures of packets in order (RFC 7741 §4). What was torn is never glued: a picture is passed on only
// if every one of its packets was there and all that it decodes from was passed on, too.
type vp8Assembler struct {
	emit  func(picture)
	stats *TrackStats

	waiting bool // for a key frame: what comes before it cannot be decoded
	wanted  bool // a picture was dropped for that: somebody has to ask for a key frame

	open      bool // a picture is being assembled
	bad       bool // and will be dropped, for this reason:
	reason    DropReason
	begun     vp8.Descriptor // of its first packet
	timestamp uint32
	instant   time.Duration
	buf       []byte // reused

	before vp8.Descriptor // of the newest picture seen; PictureIDBits 0: none
	lost   int            // packets lost since the last one with media
	torn   bool           // something is missing since then
}

// push takes the next packet.
func (a *vp8Assembler) push(p packet) {
	a.lost += p.lost
	a.torn = a.torn || p.torn || p.lost > 0
	var desc vp8.Descriptor
	n, err := desc.Unmarshal(p.payload)
	switch {
	case n == len(p.payload): // padding, or a descriptor without media: harmless wherever it stands
		a.stats.Padding++
		return
	case err != nil:
		a.stats.Malformed++
		a.lost, a.torn = a.lost+1, true
		return
	}
	a.place(desc, p)
	a.append(p.payload[n:])
	if p.marker {
		a.close()
	}
}

// place goes on with the open picture, or closes it and opens the one that the packet belongs to.
func (a *vp8Assembler) place(desc vp8.Descriptor, p packet) {
	begins := desc.Start && desc.PartitionID == 0
	if a.open && a.torn {
		a.spoil(DropIncomplete)
	}
	if begins || !a.open || p.timestamp != a.timestamp || a.otherPicture(desc) {
		if a.open {
			a.close() // its marker was lost, or never set: whole if nothing is missing up to here
		}
		a.follow(desc)
		a.open, a.bad, a.buf = true, false, a.buf[:0]
		a.begun, a.timestamp, a.instant = desc, p.timestamp, p.instant
		if !begins {
			a.spoil(DropIncomplete)
		}
	}
	a.lost, a.torn = 0, false
}

func (a *vp8Assembler) otherPicture(desc vp8.Descriptor) bool {
	return desc.PictureID != a.begun.PictureID && desc.PictureID >= 0 && a.begun.PictureID >= 0
}

// follow accounts for pictures of which nothing came, between the newest and the one that desc begins.
func (a *vp8Assembler) follow(desc vp8.Descriptor) {
	if a.torn {
		step := a.pictureStep(desc)
		if step > 1 {
			a.stats.drop(DropMissing, uint64(min(step-1, a.lost)))
		}
		a.waiting = a.waiting || step != 1
	}
	a.before = desc
}

// pictureStep returns by how much PictureID has grown since the newest picture, 0 when that is not known.
func (a *vp8Assembler) pictureStep(desc vp8.Descriptor) int {
	if desc.PictureIDBits == 0 || desc.PictureIDBits != a.before.PictureIDBits {
		return 0
	}
	return int((desc.PictureID - a.before.PictureID) & (1<<desc.PictureIDBits - 1))
}

func (a *vp8Assembler) append(data []byte) {
	if !a.bad && len(a.buf)+len(data) > maxFrameSize {
		a.spoil(DropTooLarge)
	}
	if !a.bad {
		a.buf = append(a.buf, data...)
	}
}

func (a *vp8Assembler) spoil(r DropReason) {
	if !a.bad {
		a.bad, a.reason = true, r
	}
}

// close ends the open picture: it is passed on or dropped.
func (a *vp8Assembler) close() {
	a.open = false
	h := a.judge()
	if !a.bad {
		a.waiting, a.wanted = false, false
		a.emit(picture{Header: h, instant: a.instant, data: a.buf})
		return
	}
	a.stats.drop(a.reason, 1)
	a.waiting = a.waiting || !a.begun.NonReference // nothing decodes from a picture with N set (RFC 7741 §4.2)
	a.wanted = a.waiting
}

func (a *vp8Assembler) judge() vp8.Header {
	if a.bad {
		return vp8.Header{}
	}
	h, err := vp8.ParseHeader(a.buf)
	switch {
	case err != nil:
		a.spoil(DropMalformed)
	case int(h.Width)*int(h.Height) > maxFramePixels:
		a.spoil(DropTooLarge)
	case !h.Key && a.waiting:
		a.spoil(DropAwaitingKey)
	}
	return h
}

// restart forgets the source. An open picture is dropped: its end will not come.
func (a *vp8Assembler) restart() {
	if a.open {
		a.spoil(DropIncomplete)
		a.close()
	}
	a.waiting, a.wanted = true, false
	a.before, a.lost, a.torn = vp8.Descriptor{}, 0, false
}
