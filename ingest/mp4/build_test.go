package mp4

import (
	"bytes"
	"encoding/binary"
)

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func box(kind string, parts ...[]byte) []byte {
	data := join(parts...)
	return join(u32(uint32(len(data)+8)), []byte(kind), data)
}

func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
func zeros(n int) []byte  { return make([]byte, n) }

// trak is a track of a kind (vide or soun) whose sample entry is given.
func trak(id uint32, handler string, scale uint32, entry []byte) []byte {
	return box("trak",
		box("tkhd", u32(7), zeros(8), u32(id), zeros(4+4+8+2+2+2+2+36+4+4)),
		box("mdia",
			box("mdhd", u32(0), zeros(8), u32(scale), zeros(4+4)),
			box("hdlr", u32(0), zeros(4), []byte(handler), zeros(13)),
			box("minf", box("stbl", box("stsd", u32(0), u32(1), entry), box("stts", zeros(8))))))
}

// edit is an entry of an edit list: ticks of the movie, and of the media.
type edit struct {
	duration uint32
	begin    int32 // -1: nothing is shown
	rate     uint16
}

// edited is a trak with an edit list.
func edited(trak []byte, edits ...edit) []byte {
	list := join(u32(0), u32(uint32(len(edits))))
	for _, e := range edits {
		list = join(list, u32(e.duration), u32(uint32(e.begin)), u16(e.rate), u16(0))
	}
	return box("trak", trak[8:], box("edts", box("elst", list)))
}

// editedSound is a recording of one piece of sound with an edit list; the movie has 1000 ticks in a second, the sound 48000.
func editedSound(edits ...edit) []byte {
	return join(box("moov", box("mvhd", zeros(12), u32(1000), zeros(84)), edited(trak(2, "soun", 48000, mp4a([]byte{0x11, 0x88})), edits...),
		box("mvex", trex(2, 1024, 0))), fragment(run{2, 0, []string{"s0", "s1"}}))
}

func avc1(more ...[]byte) []byte {
	return box("avc1", zeros(24), u16(640), u16(360), zeros(50), box("avcC", []byte("avcC's data")), join(more...))
}

func opusEntry() []byte {
	return box("Opus", zeros(16), u16(2), u16(16), zeros(8), box("dOps", zeros(11)))
}

// mp4a is AAC with an ES descriptor (ISO/IEC 14496-1 §7.2.6.5).
func mp4a(config []byte) []byte {
	descriptor := func(tag byte, parts ...[]byte) []byte {
		data := join(parts...)
		return join([]byte{tag, byte(len(data))}, data)
	}
	return box("mp4a", zeros(16), u16(2), u16(16), zeros(8), box("esds", u32(0),
		descriptor(3, u16(1), []byte{0}, descriptor(4, []byte{0x40, 0x15}, zeros(11), descriptor(5, config)), descriptor(6, []byte{2}))))
}

func trex(id uint32, duration, size uint32) []byte {
	return box("trex", u32(0), u32(id), u32(1), u32(duration), u32(size), u32(0))
}

// start is all that comes before the first fragment: pictures of 1/30 s in ticks of 1/90000, sound of 20 ms in ticks of 1/48000.
func start() []byte {
	return join(box("ftyp", []byte("isom"), zeros(4)), box("moov", box("mvhd", zeros(100)),
		trak(1, "vide", 90000, avc1()), trak(2, "soun", 48000, opusEntry()), box("mvex", trex(1, 3000, 0), trex(2, 960, 0))))
}

const (
	defaultBaseIsMoof = 0x020000
	hasDataOffset     = 0x1
	hasSize           = 0x200
	hasComposition    = 0x800
)

// run is a track's part of a fragment.
type run struct {
	track  uint32
	time   uint64
	frames []string
}

// fragment is a moof and its mdat.
func fragment(runs ...run) []byte {
	offset := 0
	build := func(begin int) (moof, mdat []byte) {
		at := begin
		parts := [][]byte{box("mfhd", u32(0), u32(1))}
		for _, r := range runs {
			var sizes []byte
			data := uint32(at)
			for _, f := range r.frames {
				sizes = append(sizes, u32(uint32(len(f)))...)
				mdat = append(mdat, f...)
				at += len(f)
			}
			parts = append(parts, box("traf", box("tfhd", u32(defaultBaseIsMoof), u32(r.track)), box("tfdt", u32(1<<24), u64(r.time)),
				box("trun", u32(hasDataOffset|hasSize), u32(uint32(len(r.frames))), u32(data), sizes)))
		}
		return box("moof", parts...), mdat
	}
	moof, _ := build(offset)
	moof, mdat := build(len(moof) + 8)
	return join(moof, box("mdat", mdat))
}

// seed has two fragments.
func seed() []byte {
	return join(start(), fragment(run{1, 0, []string{"key", "picture"}}, run{2, 0, []string{"s0", "s1", "s2"}}), box("free", zeros(9)),
		fragment(run{1, 6000, []string{"more"}}, run{2, 2880, []string{"s3"}}))
}

// got is a sample with data of its own; times are in µs.
type got struct {
	track uint32
	at    int
	data  string
}

func seedSamples() []got {
	return []got{{1, 0, "key"}, {2, 0, "s0"}, {2, 20000, "s1"}, {1, 33333, "picture"}, {2, 40000, "s2"}, {2, 60000, "s3"}, {1, 66666, "more"}}
}
