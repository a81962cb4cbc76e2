package origin

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/sluice-live/sluice/packager/hls"
)

// chunkSegments is how many segments a chunk of a history has.
const chunkSegments = 64

// history is the beginning of a playlist from which nothing leaves: its head and whole chunks of its segments, which never change. It is
// rendered and compressed once, when the first viewer asks for a whole playlist, and grows by a chunk at a time from then on; what is
// made for each version of the playlist is only what follows, and that does not grow.
type history struct {
	packers *sync.Pool // of *flate.Writer

	mu     sync.Mutex
	first  int64 // number of the first segment
	event  bool
	text   []byte // only appended to: answers share it
	packed []byte // the same as gzip without its end; only appended to
	chunks []prefix
}

// prefix is what precedes the rest of a document. The zero value is nothing.
type prefix struct {
	text, packed []byte
	crc          uint32 // of the text, as gzip has it
}

// gzipHead begins a gzip file without name and time (RFC 1952 §2.3).
const gzipHead = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// history is that of a rendition's playlist.
func (s *Stream) history(id string) *history {
	h, _ := s.histories.LoadOrStore(id, &history{packers: &s.origin.deflaters})
	return h.(*history)
}

// before is the playlist up to so many segments, which are whole chunks.
func (h *history) before(p *playlist, segments int) prefix {
	h.mu.Lock()
	defer h.mu.Unlock()
	if first := p.Segments[0].MSN; len(h.chunks) == 0 || h.first != first || h.event != p.Event {
		h.first, h.event = first, p.Event
		h.text, h.packed, h.chunks = nil, []byte(gzipHead), nil // what others have of the old ones stays as it is
	}
	for len(h.chunks)*chunkSegments < segments {
		h.grow(p)
	}
	return h.chunks[segments/chunkSegments-1]
}

// grow adds the next chunk.
func (h *history) grow(p *playlist) {
	n, begin := len(h.chunks), len(h.text)
	names, initURI := initNames{playlist: p}, ""
	from := n * chunkSegments
	if n == 0 {
		head := p.media(len(p.Segments))
		h.text = head.AppendHead(h.text)
	} else {
		initURI = names.of(&p.Segments[from-1])
	}
	h.text = hls.AppendSegments(h.text, p.entries(from, from+chunkSegments, len(p.Segments), &names), initURI)
	crc := uint32(0)
	if n > 0 {
		crc = h.chunks[n-1].crc
	}
	h.packed = deflate(h.packers, h.packed, h.text[begin:], (*flate.Writer).Flush)
	h.chunks = append(h.chunks, prefix{
		text: h.text[:len(h.text):len(h.text)], packed: h.packed[:len(h.packed):len(h.packed)],
		crc: crc32.Update(crc, crc32.IEEETable, h.text[begin:]),
	})
}

// deflate appends text, compressed by itself, to what was compressed before it. With Flush more may follow, with Close it is the end.
func deflate(packers *sync.Pool, to, text []byte, end func(*flate.Writer) error) []byte {
	b := bytes.NewBuffer(to)
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(b)
	w.Write(text) // a bytes.Buffer takes all
	end(w)
	return b.Bytes()
}

// pack is the rest of a gzip file that begins with the prefix.
func (p *prefix) pack(packers *sync.Pool, rest []byte) []byte {
	b := deflate(packers, nil, rest, (*flate.Writer).Close)
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(p.crc, crc32.IEEETable, rest))
	return binary.LittleEndian.AppendUint32(b, uint32(len(p.text)+len(rest)))
}
