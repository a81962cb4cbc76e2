package ogg

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// Reader reads the packets of the first Opus stream in a file, and passes over the pages of other streams. It is not
// safe for concurrent use.
type Reader struct {
	Channels uint8  // 1 or 2
	PreSkip  uint16 // samples at 48 kHz to discard at the start (RFC 7845 §4.2)

	r       *bufio.Reader
	header  [pageHeaderSize + maxSegments]byte
	body    [maxPageBody]byte
	page    page
	serial  uint32
	found   bool
	packet  []byte // reused
	broken  bool   // the packet in the making lost its beginning
	nextSeq uint32
}

// page is the one being taken apart; its slices lie in the Reader's arrays.
type page struct {
	flags    byte
	granule  int64
	serial   uint32
	sequence uint32
	segments []byte // not yet consumed
	body     []byte // likewise
}

// NewReader reads up to and including the two header packets. The error wraps ErrInvalid when there is no Opus stream
// with mapping family 0.
func NewReader(r io.Reader) (*Reader, error) {
	o := &Reader{r: bufio.NewReader(r)}
	for !o.found {
		if err := o.readPage(); err != nil {
			return nil, fmt.Errorf("read Ogg header: %w", noEOF(err))
		}
		if err := o.identify(); err != nil {
			return nil, err
		}
	}
	if err := o.skipTags(); err != nil {
		return nil, fmt.Errorf("read Ogg header: %w", noEOF(err))
	}
	return o, nil
}

// identify looks at a stream's first page (RFC 7845 §3: it holds the identification header and nothing else).
func (o *Reader) identify() error {
	b := o.page.body
	if o.page.flags&flagFirst == 0 {
		return fmt.Errorf("read Ogg header: no Opus stream begins: %w", ErrInvalid)
	}
	if len(b) < 19 || string(b[:8]) != idMagic {
		return nil
	}
	if b[8]>>4 != 0 || b[18] != 0 || b[9] < 1 || b[9] > 2 {
		return fmt.Errorf("read Ogg header: version %d, %d channels, mapping family %d: %w", b[8], b[9], b[18], ErrInvalid)
	}
	o.Channels, o.PreSkip = b[9], binary.LittleEndian.Uint16(b[10:])
	o.found, o.serial, o.nextSeq = true, o.page.serial, o.page.sequence+1
	o.page.segments = nil
	return nil
}

// skipTags passes over the comment header, which may be long (pictures) and is not kept: it ends its last page
// (RFC 7845 §3).
func (o *Reader) skipTags() error {
	for first := true; ; first = false {
		if err := o.nextPage(); err != nil {
			return err
		}
		if first && (len(o.page.body) < 8 || string(o.page.body[:8]) != tagsMagic) {
			return fmt.Errorf("no comment header: %w", ErrInvalid)
		}
		n := len(o.page.segments)
		done := n > 0 && o.page.segments[n-1] < 255
		o.page.segments = nil
		if done {
			return nil
		}
	}
}

// Next returns the next packet, valid until the next call. The granule position, in 1/48000 s, is that of its page when it
// is the last to end there, which is the time at which it has been played (RFC 7845 §4), and else -1. At the end the error
// is io.EOF, also after the page that ends the stream; inside a page or packet it wraps io.ErrUnexpectedEOF.
func (o *Reader) Next() (granule int64, packet []byte, err error) {
	o.packet = o.packet[:0]
	for {
		for len(o.page.segments) == 0 {
			if err := o.advance(); err != nil {
				return 0, nil, err
			}
		}
		ended, err := o.consume()
		if err != nil {
			return 0, nil, err
		}
		if ended && !o.broken {
			return o.granule(), o.packet, nil
		}
		if ended {
			o.broken, o.packet = false, o.packet[:0]
		}
	}
}

// advance reads the next page on which a packet goes on or begins.
func (o *Reader) advance() error {
	open := len(o.packet) > 0
	if o.page.flags&flagLast != 0 {
		return endError(open)
	}
	if err := o.nextPage(); err == io.EOF {
		return endError(open)
	} else if err != nil {
		return fmt.Errorf("read Ogg page: %w", err)
	}
	continued := o.page.flags&flagContinued != 0
	if lost := o.page.sequence != o.nextSeq; lost || continued != open {
		o.packet = o.packet[:0] // what was begun cannot be ended
		o.broken = continued
	}
	o.nextSeq = o.page.sequence + 1
	return nil
}

// consume appends to the packet what the page has of it, and reports whether the packet ended.
func (o *Reader) consume() (ended bool, err error) {
	size := 0
	for !ended && len(o.page.segments) > 0 {
		n := o.page.segments[0]
		o.page.segments = o.page.segments[1:]
		size += int(n)
		ended = n < 255
	}
	if len(o.packet)+size > MaxPacketSize {
		return false, fmt.Errorf("read Ogg packet: %w", ErrTooLarge)
	}
	o.packet = append(o.packet, o.page.body[:size]...)
	o.page.body = o.page.body[size:]
	return ended, nil
}

// granule is the page's position if no later packet ends on it.
func (o *Reader) granule() int64 {
	for _, n := range o.page.segments {
		if n < 255 {
			return noGranule
		}
	}
	return o.page.granule
}

func endError(open bool) error {
	if open {
		return fmt.Errorf("read Ogg packet: %w", io.ErrUnexpectedEOF)
	}
	return io.EOF
}

// nextPage reads the next page of the stream.
func (o *Reader) nextPage() error {
	for {
		if err := o.readPage(); err != nil || o.page.serial == o.serial {
			return err
		}
	}
}

// readPage reads and checks one page. The error is io.EOF only between pages.
func (o *Reader) readPage() error {
	if _, err := io.ReadFull(o.r, o.header[:pageHeaderSize]); err != nil {
		return err
	}
	h := o.header[:]
	if string(h[:4]) != capture || h[4] != 0 {
		return fmt.Errorf("no page where one should be: %w", ErrInvalid)
	}
	segments := h[pageHeaderSize:][:h[26]]
	if _, err := io.ReadFull(o.r, segments); err != nil {
		return noEOF(err)
	}
	size := 0
	for _, n := range segments {
		size += int(n)
	}
	if _, err := io.ReadFull(o.r, o.body[:size]); err != nil {
		return noEOF(err)
	}
	le := binary.LittleEndian
	o.page = page{
		flags: h[5], granule: int64(le.Uint64(h[6:])), serial: le.Uint32(h[14:]), sequence: le.Uint32(h[18:]),
		segments: segments, body: o.body[:size],
	}
	return o.verify(h[:pageHeaderSize+len(segments)], o.body[:size])
}

func (o *Reader) verify(header, body []byte) error {
	field := header[offsetCRC:][:4]
	want := binary.LittleEndian.Uint32(field)
	clear(field)
	if checksum(checksum(0, header), body) != want {
		return fmt.Errorf("checksum of page %d is wrong: %w", o.page.sequence, ErrInvalid)
	}
	return nil
}

// noEOF makes of an end that comes too early the error that says so.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
