package cmaf

import (
	"encoding/binary"
	"fmt"
)

const (
	// SchemeID3 is the scheme of events that carry ID3 (AOM, Carriage of ID3 Timed Metadata in CMAF, §2.2).
	SchemeID3 = "https://aomedia.org/emsg/ID3"
	brandID3  = "aid3" // of files with such events: §2.3 there

	unknownDuration = 0xffffffff // until the next event
)

// Event is a message in front of a fragment: an event message box of version 1 (ISO/IEC 23009-1 §5.10.3.3).
type Event struct {
	Timescale uint32 // ticks a second, those of the track (ISO/IEC 23000-19 §7.4.5)
	Time      uint64 // ticks, on the timeline of decode times
	ID        uint32 // no other event of its value has it
	Value     string // what the ID belongs to
	Message   []byte
}

// AppendID3Event appends the event's box to dst. Its message is ID3, which lasts until the next one comes.
func AppendID3Event(dst []byte, e Event) []byte {
	be, at := binary.BigEndian, len(dst)
	dst = append(dst, "\x00\x00\x00\x00emsg\x01\x00\x00\x00"...)
	dst = be.AppendUint32(dst, e.Timescale)
	dst = be.AppendUint64(dst, e.Time)
	dst = be.AppendUint32(dst, unknownDuration)
	dst = be.AppendUint32(dst, e.ID)
	dst = append(append(dst, SchemeID3...), 0)
	dst = append(append(dst, e.Value...), 0)
	dst = append(dst, e.Message...)
	be.PutUint32(dst[at:], uint32(len(dst)-at))
	return dst
}

// AppendID3Text appends ID3 2.4 of one frame to dst: TXXX, a text in UTF-8 with a description of what it is (ID3v2.4.0 frames §4.2.6). Neither
// may have a NUL.
func AppendID3Text(dst []byte, description, text string) []byte {
	content := 1 + len(description) + 1 + len(text)
	dst = append(dst, "ID3\x04\x00\x00"...)
	dst = appendSyncSafe(dst, 10+content)
	dst = append(dst, "TXXX"...)
	dst = appendSyncSafe(dst, content)
	dst = append(dst, 0, 0, 3) // no flags; UTF-8
	dst = append(append(dst, description...), 0)
	return append(dst, text...)
}

// appendSyncSafe appends a number below 2^28 as seven bits in each byte (ID3v2.4.0 structure §6.2).
func appendSyncSafe(dst []byte, n int) []byte {
	return append(dst, byte(n>>21&0x7f), byte(n>>14&0x7f), byte(n>>7&0x7f), byte(n&0x7f))
}

// BrandID3 returns an init segment with the brand of those whose segments carry ID3 in events. Nothing in an init segment counts bytes from the
// beginning of the file.
func BrandID3(b []byte) ([]byte, error) {
	top, _, err := nextBox(b, 0)
	if err != nil {
		return nil, err
	}
	if top.kind != (kind{'f', 't', 'y', 'p'}) || top.bodyAt != 8 {
		return nil, fmt.Errorf("init segment begins with %v", top.kind)
	}
	end := int(top.bodyAt) + len(top.body)
	branded := append(append(append(make([]byte, 0, len(b)+len(brandID3)), b[:end]...), brandID3...), b[end:]...)
	binary.BigEndian.PutUint32(branded, uint32(end+len(brandID3)))
	return branded, nil
}
