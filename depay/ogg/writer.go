package ogg

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var errEmpty = errors.New("write Ogg packet: it is empty")

// Header describes the stream.
type Header struct {
	Channels     uint8  // 1 or 2; zero: 2
	SerialNumber uint32 // of the logical stream; any value does
}

// Validate reports what a Writer would refuse.
func (h Header) Validate() error {
	if h.Channels > 2 {
		return fmt.Errorf("ogg: %d channels: mapping family 0 has 1 or 2 (RFC 7845 §5.1.1.1)", h.Channels)
	}
	return nil
}

// Writer writes packets, each as one page in one Write of the underlying writer (the first together with the two header
// pages). It is not safe for concurrent use.
type Writer struct {
	w      io.Writer
	serial uint32
	page   uint32 // next page sequence number
	buf    []byte // reused; begins with the header pages until they are written
	err    error  // the first failed write: what follows an incomplete page could not be read
}

// NewWriter returns a Writer of which nothing reaches w before the first packet. The pre-skip is 0: PTS 0 is heard.
func NewWriter(w io.Writer, h Header) *Writer {
	o := &Writer{w: w, serial: h.SerialNumber, err: h.Validate()}
	o.appendPage(flagFirst, 0, appendOpusHead(nil, cmp.Or(h.Channels, 2)))
	o.appendPage(0, 0, appendOpusTags(nil))
	return o
}

// WritePacket writes one packet that begins at pts and plays for duration, both in 1/48000 s: the page's granule
// position is their sum (RFC 7845 §4). A packet longer than MaxPacketSize is refused (ErrTooLarge), an empty one too
// (RFC 6716 §3.4), and the Writer goes on; after a failed write every call returns that error.
func (o *Writer) WritePacket(pts, duration int64, data []byte) error {
	if o.err != nil {
		return o.err
	}
	if len(data) > MaxPacketSize {
		return fmt.Errorf("write Ogg packet of %d bytes: %w", len(data), ErrTooLarge)
	}
	if len(data) == 0 {
		return errEmpty
	}
	o.appendPage(0, pts+duration, data)
	return o.flush()
}

// Close ends the stream with a page that holds no packet. It does not close the underlying writer.
func (o *Writer) Close() error {
	if o.err != nil {
		return o.err
	}
	o.appendPage(flagLast, noGranule, nil)
	return o.flush()
}

func (o *Writer) flush() error {
	if _, err := o.w.Write(o.buf); err != nil {
		o.err = fmt.Errorf("write Ogg page: %w", err)
	}
	o.buf = o.buf[:0]
	return o.err
}

// appendPage appends a page with one packet, or with none when packet is nil (RFC 3533 §6).
func (o *Writer) appendPage(flags byte, granule int64, packet []byte) {
	start := len(o.buf)
	le := binary.LittleEndian
	b := append(o.buf, capture...)
	b = append(b, 0, flags) // version
	b = le.AppendUint64(b, uint64(granule))
	b = le.AppendUint32(b, o.serial)
	b = le.AppendUint32(b, o.page)
	b = le.AppendUint32(b, 0) // checksum
	b = appendSegments(b, packet)
	b = append(b, packet...)
	le.PutUint32(b[start+offsetCRC:], checksum(0, b[start:]))
	o.buf = b
	o.page++
}

// appendSegments appends the number of segments and their lengths: full ones, and a shorter one that ends the packet.
func appendSegments(b, packet []byte) []byte {
	if packet == nil {
		return append(b, 0)
	}
	full := len(packet) / 255
	b = append(b, byte(full+1))
	for range full {
		b = append(b, 255)
	}
	return append(b, byte(len(packet)%255))
}

// appendOpusHead appends the identification header (RFC 7845 §5.1): pre-skip, gain and mapping family are 0.
func appendOpusHead(b []byte, channels uint8) []byte {
	b = append(b, idMagic...)
	b = append(b, 1, channels, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, SampleRate)
	return append(b, 0, 0, 0)
}

// appendOpusTags appends the comment header (RFC 7845 §5.2) without comments.
func appendOpusTags(b []byte) []byte {
	b = append(b, tagsMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(vendor)))
	b = append(b, vendor...)
	return binary.LittleEndian.AppendUint32(b, 0)
}
