package rtmp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
)

// Types of messages (RTMP 1.0 §5.4, §6.2, §7.1).
const (
	typeChunkSize       = 1
	typeAbort           = 2
	typeAcknowledgement = 3
	typeUserControl     = 4
	typeWindow          = 5
	typeBandwidth       = 6
	typeAudio           = 8
	typeVideo           = 9
	typeData            = 18 // AMF0
	typeCommand3        = 17 // AMF3, which begins with a byte of its own and goes on in AMF0
	typeCommand         = 20 // AMF0
)

// Bounds of what a client may make us hold.
const (
	maxVideo      = 8 << 20  // bytes of a message with a picture, as of a fragment of MP4
	maxAudio      = 1 << 20  // of one with sound
	maxOther      = 16 << 10 // of all others, so that AMF0, which is read by recursion, is not deep
	maxHeld       = 12 << 20 // of messages of which more is to come
	maxStreams    = 32       // of chunks; encoders use less than ten
	keptBuffer    = 256 << 10
	readAtOnce    = 64 << 10 // bytes of a message before more memory is taken for it
	firstChunk    = 128      // bytes of a chunk until the client says otherwise (§5.4.1)
	extended      = 0xffffff // a time stamp that stands elsewhere (§5.3.1.3)
	extendedBytes = 4
)

// message is what one or more chunks have brought.
type message struct {
	kind byte
	time uint32 // milliseconds; it wraps
	body []byte // valid until the next is read
}

// chunkStream is what chunks of one number follow on (§5.3.1).
type chunkStream struct {
	kind     byte
	begun    bool   // a header has come
	time     uint32 // of the message at hand
	delta    uint32
	stamp    uint32 // the extended time stamp, which chunks of type 3 repeat
	extended bool
	length   int // of the message
	body     []byte
	partial  bool // more of it is to come
}

// chunkReader puts messages together.
type chunkReader struct {
	in      *bufio.Reader
	size    int           // of chunks
	told    atomic.Uint32 // bytes after which the client wants to be told that they have come; 0: never
	streams map[uint32]*chunkStream
	media   bool // messages with media are taken, which are long: the client may publish
	held    int  // bytes that buffers of messages take
	last    *chunkStream
}

func newChunkReader(in io.Reader) *chunkReader {
	return &chunkReader{in: bufio.NewReader(in), size: firstChunk, streams: map[uint32]*chunkStream{}}
}

// next returns the next message that is not about the chunks themselves.
func (r *chunkReader) next() (message, error) {
	for {
		s, err := r.readChunk()
		if err != nil {
			return message{}, err
		}
		if s.partial {
			continue
		}
		m := message{s.kind, s.time, s.body}
		handled, err := r.control(m)
		if err != nil {
			return message{}, err
		}
		if !handled {
			return m, nil
		}
	}
}

// control heeds messages about chunks (§5.4).
func (r *chunkReader) control(m message) (handled bool, err error) {
	switch m.kind {
	case typeChunkSize, typeAbort, typeWindow:
	default:
		return false, nil
	}
	if len(m.body) < 4 {
		return true, errors.New("a message of protocol control is cut short")
	}
	n := binary.BigEndian.Uint32(m.body)
	switch m.kind {
	case typeChunkSize:
		if n == 0 || n > 1<<31-1 {
			return true, fmt.Errorf("chunks of %d bytes", n)
		}
		r.size = int(min(n, maxVideo)) // no message is longer
	case typeAbort:
		if s := r.streams[n]; s != nil {
			s.body, s.partial = s.body[:0], false
		}
	case typeWindow:
		r.told.Store(n)
	}
	return true, nil
}

// readChunk reads a chunk, and returns its stream.
func (r *chunkReader) readChunk() (*chunkStream, error) {
	r.forget()
	format, number, err := r.readBasicHeader()
	if err != nil {
		return nil, err
	}
	s := r.streams[number]
	if s == nil {
		if len(r.streams) == maxStreams {
			return nil, fmt.Errorf("more than %d chunk streams", maxStreams)
		}
		s = &chunkStream{}
		r.streams[number] = s
	}
	if err := r.readHeader(s, format); err != nil {
		return nil, cutShort(err)
	}
	n := min(s.length-len(s.body), r.size)
	if err := r.readBody(s, n); err != nil {
		return nil, cutShort(err)
	}
	s.partial = len(s.body) < s.length
	r.last = s
	return s, nil
}

// readBasicHeader reads the first bytes of a chunk (§5.3.1.1). The error is io.EOF where there are none.
func (r *chunkReader) readBasicHeader() (format byte, number uint32, err error) {
	first, err := r.in.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	format, number = first>>6, uint32(first&0x3f)
	if number < 2 {
		var rest [2]byte
		more := rest[:number+1]
		if _, err := io.ReadFull(r.in, more); err != nil {
			return 0, 0, cutShort(err)
		}
		number = 64 + uint32(rest[0]) + uint32(rest[1])<<8
	}
	return format, number, nil
}

// readHeader reads the header of a message (§5.3.1.2), as far as there is one.
func (r *chunkReader) readHeader(s *chunkStream, format byte) error {
	if format < 3 && s.partial {
		return errors.New("a message begins in the middle of another one")
	}
	if format > 1 && !s.begun { // with format 1 some begin: it says all but when
		return errors.New("a chunk follows on none")
	}
	begins := !s.partial
	if begins {
		s.body = s.body[:0]
	}
	var header [11]byte
	fields := header[:[]int{11, 7, 3, 0}[format]]
	if _, err := io.ReadFull(r.in, fields); err != nil {
		return err
	}
	if len(fields) >= 3 {
		s.stamp = uint24(fields)
		s.extended = s.stamp == extended
	}
	if len(fields) >= 7 {
		s.length, s.kind = int(uint24(fields[3:])), fields[6]
		if most := r.longest(s.kind); s.length > most {
			return fmt.Errorf("a message of type %d has %d bytes: %d are the most", s.kind, s.length, most)
		}
	}
	if err := r.readExtended(s, format); err != nil {
		return err
	}
	switch {
	case format == 0:
		s.time, s.delta, s.begun = s.stamp, 0, true
	case format < 3:
		s.delta, s.begun = s.stamp, true
		s.time += s.delta
	case begins:
		s.time += s.delta
	}
	return nil
}

// readExtended reads the extended time stamp (§5.3.1.3). Chunks of type 3 repeat it, but not those of all encoders.
func (r *chunkReader) readExtended(s *chunkStream, format byte) error {
	if !s.extended {
		return nil
	}
	if format == 3 {
		if b, err := r.in.Peek(extendedBytes); err == nil && binary.BigEndian.Uint32(b) == s.stamp {
			_, _ = r.in.Discard(extendedBytes)
		}
		return nil
	}
	var b [extendedBytes]byte
	_, err := io.ReadFull(r.in, b[:])
	s.stamp = binary.BigEndian.Uint32(b[:])
	return err
}

// readBody reads so many bytes of the message at hand. Memory is taken as they come.
func (r *chunkReader) readBody(s *chunkStream, n int) error {
	for n > 0 {
		begin, before := len(s.body), cap(s.body)
		part := min(n, readAtOnce)
		s.body = slices.Grow(s.body, part)[:begin+part]
		if r.held += cap(s.body) - before; r.held > maxHeld {
			return fmt.Errorf("messages that are not complete have more than %d MiB", maxHeld>>20)
		}
		if _, err := io.ReadFull(r.in, s.body[begin:]); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// forget lets go of the memory of a long message, which has been read.
func (r *chunkReader) forget() {
	if s := r.last; s != nil && !s.partial && cap(s.body) > keptBuffer {
		r.held -= cap(s.body)
		s.body = nil
	}
}

// longest is how many bytes a message of a type may have.
func (r *chunkReader) longest(kind byte) int {
	switch {
	case !r.media:
	case kind == typeVideo:
		return maxVideo
	case kind == typeAudio:
		return maxAudio
	}
	return maxOther
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// cutShort is the error of what ends in its middle.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendMessage appends a message in one chunk: all that we send is shorter than sentChunk.
func appendMessage(dst []byte, kind byte, stream uint32, body []byte) []byte {
	number := byte(2) // of protocol control (§5.4)
	if kind == typeCommand {
		number = 3
	}
	dst = append(dst, number, 0, 0, 0, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)), kind)
	return append(binary.LittleEndian.AppendUint32(dst, stream), body...)
}
