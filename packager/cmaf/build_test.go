package cmaf_test

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// bx makes a box of the given kind from the parts of its body.
func bx(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(append(b, kind...), body...)
}

// words makes big-endian 32-bit fields.
func words(fields ...uint32) []byte {
	var b []byte
	for _, f := range fields {
		b = binary.BigEndian.AppendUint32(b, f)
	}
	return b
}

// moof makes a movie fragment of one run with two samples of 10 and 20 bytes that last 100 ticks each, for an mdat with
// a short header; edit, when set, changes the boxes first.
func moof(edit func(*parts)) []byte {
	p := parts{
		mfhd: bx("mfhd", words(0, 7)),
		tfhd: bx("tfhd", words(0x020028, 1, 100, 0x10000)),
		tfdt: bx("tfdt", words(0x01000000, 0, 5000)),
		trun: [][]byte{run(2, 10, 20)},
	}
	if edit != nil {
		edit(&p)
	}
	return p.build()
}

type parts struct {
	mfhd, tfhd, tfdt []byte
	trun             [][]byte
	extra            []byte // after the traf
}

func (p *parts) build() []byte {
	traf := bx("traf", p.tfhd, p.tfdt, bytes.Join(p.trun, nil))
	all := bx("moof", p.mfhd, traf, p.extra)
	// Data offsets count from the moof and were left at 0.
	if len(p.trun) > 0 && len(p.trun[0]) >= 20 {
		at := bytes.Index(all, p.trun[0]) + 16
		if binary.BigEndian.Uint32(all[at:]) == 0 {
			binary.BigEndian.PutUint32(all[at:], uint32(len(all)+8))
		}
	}
	return all
}

// run makes a trun with a data offset to be filled in, flags of the first sample that make it a sync sample, and sizes.
func run(count uint32, sizes ...uint32) []byte {
	return bx("trun", words(0x000205, count, 0, 0x02000000), words(sizes...))
}

// fragment is a moof with the mdat that it asks for.
func fragment(edit func(*parts)) []byte {
	return slices.Concat(moof(edit), bx("mdat", make([]byte, 30)))
}
