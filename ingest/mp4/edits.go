package mp4

import (
	"encoding/binary"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// maxEdit bounds in seconds how far an edit list may move a track. One that says more is ignored.
const maxEdit = 10

// movieScale returns how many ticks of an mvhd a second has (ISO/IEC 14496-12 §8.2.2), 0 when it does not say.
func movieScale(data []byte) uint32 {
	at := 12
	if len(data) > 0 && data[0] == 1 {
		at = 20
	}
	if len(data) < at+4 {
		return 0
	}
	return binary.BigEndian.Uint32(data[at:])
}

// readEdits reads an edit list. One that cannot be read is ignored: the media is there all the same.
func (t *entry) readEdits(kind string, data []byte) error {
	if kind == "elst" {
		if box, err := decode[*mp4.ElstBox](kind, data, mp4.DecodeElstSR); err == nil {
			t.edits = box.Entries
		}
	}
	return nil
}

// applyEdits takes from the edit list where the media begins (ISO/IEC 14496-12 §8.6.6), which encoders of sound say that begin with a
// delay, and those of pictures that are sent in another order: empty edits come first, and the next one begins later in the media. What
// comes after that is not for what is still being recorded.
func (t *entry) applyEdits(scale uint32) {
	delay := uint64(0)
	for _, e := range t.edits {
		switch limit := maxEdit * uint64(scale); {
		case e.MediaTime == -1 && e.SegmentDuration <= limit && delay <= limit:
			delay += e.SegmentDuration
		case e.MediaTime < 0, delay > limit, uint64(e.MediaTime) > maxEdit*uint64(t.scale), e.MediaRateInteger != 1 || e.MediaRateFraction != 0:
			return
		default:
			if t.skipped = e.MediaTime; delay > 0 {
				t.delay = time.Duration(delay) * time.Second / time.Duration(scale)
			}
			return
		}
	}
}
