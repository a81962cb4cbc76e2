package webmtest

import (
	"bytes"
	"encoding/binary"
)

// Recorder makes WebM as MediaRecorder does: VP8 of 50 pictures a second, a key frame each 10, and Opus. Every picture carries its number.
type Recorder struct {
	Number int
}

// EBML is an element with an eight-byte length (RFC 8794 §4).
func EBML(id uint32, body ...[]byte) []byte {
	content := bytes.Join(body, nil)
	return bytes.Join([][]byte{bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, id), "\x00"), binary.BigEndian.AppendUint64(nil, 1<<56|uint64(len(content))), content}, nil)
}

// Head is all that comes before the first cluster.
func (r *Recorder) Head() []byte {
	track := func(number, kind byte, codec string) []byte {
		return EBML(0xAE, EBML(0xD7, []byte{number}), EBML(0x83, []byte{kind}), EBML(0x86, []byte(codec)))
	}
	endless := []byte{0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	return bytes.Join([][]byte{EBML(0x1A45DFA3, EBML(0x4282, []byte("webm"))), endless, EBML(0x1654AE6B, track(1, 1, "V_VP8"), track(2, 2, "A_OPUS"))}, nil)
}

// Cluster is the next ten pictures and their sound: 200 ms.
func (r *Recorder) Cluster() []byte {
	parts := [][]byte{EBML(0xE7, binary.BigEndian.AppendUint32(nil, uint32(r.Number*20)))}
	block := func(track byte, at int, data []byte) []byte {
		return EBML(0xA3, append([]byte{0x80 | track, byte(at >> 8), byte(at), 0}, data...))
	}
	for i := range 10 {
		picture := append([]byte{0x11, 0, 0, 0x9d, 0x01, 0x2a, 16, 0, 16, 0}, binary.BigEndian.AppendUint32(nil, uint32(r.Number))...)
		if i == 0 {
			picture[0] = 0x10
		}
		parts = append(parts, block(1, i*20, picture), block(2, i*20, []byte{0xf8, 0xff, 0xfe}))
		r.Number++
	}
	return EBML(0x1F43B675, parts...)
}

// Recording is one of so many clusters.
func Recording(clusters int) []byte {
	r := &Recorder{}
	all := r.Head()
	for range clusters {
		all = append(all, r.Cluster()...)
	}
	return all
}
