package h264

import (
	"encoding/binary"
	"fmt"
)

// Types of payloads that are no NAL unit (RFC 6184 §5.2). STAP-B, MTAP and FU-B need the interleaved mode, which nobody
// is answered with.
const (
	typeSTAPA = 24
	typeFUA   = 28
)

const (
	bitFUStart = 0x80 // S (RFC 6184 §5.8)
	bitFUEnd   = 0x40 // E
)

// Unit is a NAL unit, or a fragment of one.
type Unit struct {
	Header     byte   // of the NAL unit, its first byte
	Start, End bool   // the unit begins and ends here; both, unless it is fragmented
	Body       []byte // what follows the header, or goes on with it; part of the payload
}

// Type returns the type of the NAL unit.
func (u Unit) Type() NALType { return Type(u.Header) }

// Payload iterates over the NAL units in the payload of one RTP packet. It allocates nothing.
type Payload struct {
	rest []byte
	kind byte // of the packet: type of its first byte
	err  error
}

// NewPayload returns an iterator over a payload. An empty one has no units and no error.
func NewPayload(payload []byte) Payload {
	p := Payload{rest: payload}
	if len(payload) == 0 {
		return p
	}
	p.kind = payload[0] & maskType
	switch {
	case payload[0]&maskForbidden != 0:
		p.err = errForbidden
	case p.kind == typeSTAPA:
		p.rest = payload[1:]
		if len(p.rest) == 0 {
			p.err = errPayload
		}
	}
	return p
}

var (
	errPayload   = fmt.Errorf("read H.264 payload: %w", ErrTruncated)
	errForbidden = fmt.Errorf("read H.264 payload: forbidden bit set: %w", ErrInvalid)
	errType      = fmt.Errorf("read H.264 payload: packet type is not of packetization mode 0 or 1: %w", ErrInvalid)
	errNested    = fmt.Errorf("read H.264 payload: packet inside a packet: %w", ErrInvalid)
)

// Next returns the next unit, and false after the last one or at an error.
func (p *Payload) Next() (Unit, bool) {
	if p.err != nil || len(p.rest) == 0 {
		return Unit{}, false
	}
	var u Unit
	switch {
	case p.kind == typeSTAPA:
		u = p.aggregated()
	case p.kind == typeFUA:
		u = p.fragment()
	case p.kind == 0 || p.kind > byte(TypeMaximum):
		p.err = errType
	default:
		u = Unit{Header: p.rest[0], Start: true, End: true, Body: p.rest[1:]}
		p.rest = nil
	}
	return u, p.err == nil
}

// Err returns ErrTruncated or ErrInvalid, wrapped, if Next stopped for it.
func (p *Payload) Err() error { return p.err }

// aggregated reads the next NAL unit of a STAP-A: 16 bits of size before each (RFC 6184 §5.7.1).
func (p *Payload) aggregated() Unit {
	if len(p.rest) < 3 {
		p.err = errPayload
		return Unit{}
	}
	size := int(binary.BigEndian.Uint16(p.rest))
	body := p.rest[2:]
	if size == 0 || size > len(body) {
		p.err = errPayload
		return Unit{}
	}
	p.rest = body[size:]
	if !p.whole(body[0]) {
		return Unit{}
	}
	return Unit{Header: body[0], Start: true, End: true, Body: body[1:size]}
}

// fragment reads an FU-A, the payload of which may be empty (RFC 6184 §5.8). A unit in a single fragment should not be, and
// is harmless.
func (p *Payload) fragment() Unit {
	if len(p.rest) < 2 {
		p.err = errPayload
		return Unit{}
	}
	indicator, header := p.rest[0], p.rest[1]
	u := Unit{
		Header: indicator&maskRef | header&maskType,
		Start:  header&bitFUStart != 0, End: header&bitFUEnd != 0, Body: p.rest[2:],
	}
	p.rest = nil
	if !p.whole(u.Header) {
		return Unit{}
	}
	return u
}

// whole reports whether a header is that of a NAL unit, and keeps the error if not.
func (p *Payload) whole(header byte) bool {
	switch t := Type(header); {
	case header&maskForbidden != 0:
		p.err = errForbidden
	case t == 0 || t > TypeMaximum:
		p.err = errNested
	}
	return p.err == nil
}
