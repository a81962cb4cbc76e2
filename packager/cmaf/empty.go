package cmaf

import "encoding/binary"

// EmptySegment is a segment of a track with nothing in it: a segment type (ISO/IEC 23009-1 §6.3.4.2) and one fragment without samples
// (ISO/IEC 14496-12 §8.8.6 asks for none) that begins at a decode time, in ticks. Players read from the fragment that the segment is
// one of theirs, and where it belongs.
func EmptySegment(track uint32, decodeTime uint64) []byte {
	be := binary.BigEndian
	segment := []byte("\x00\x00\x00\x18stypmsdh\x00\x00\x00\x00msdhmsix" +
		"\x00\x00\x00\x44moof" +
		"\x00\x00\x00\x10mfhd\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x00\x00\x00\x2ctraf" +
		"\x00\x00\x00\x10tfhd\x00\x02\x00\x00") // default-base-is-moof, the track
	segment = be.AppendUint32(segment, track)
	segment = append(segment, "\x00\x00\x00\x14tfdt\x01\x00\x00\x00"...)
	segment = be.AppendUint64(segment, decodeTime)
	return append(segment, "\x00\x00\x00\x08mdat"...)
}
