package srt

import (
	"fmt"
	"io"
)

// Of MPEG-TS (ISO/IEC 13818-1 §2.4.3.2).
const (
	packetBytes = 188
	syncByte    = 0x47
	maxUnits    = 12 << 20 // bytes of units that have not ended, of all PIDs
	maxProgram  = 64       // PIDs; encoders use less than ten
)

// packets passes on what it reads, and counts of each PID what its demultiplexer holds: all since a unit has begun.
type packets struct {
	in    io.Reader
	begun [4]byte // the head of a packet
	at    int     // bytes of the packet that have come
	units map[uint16]int
	held  int
}

// Read implements io.Reader.
func (p *packets) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	for rest := b[:n]; len(rest) > 0; {
		if p.at == 0 && rest[0] != syncByte { // until one begins
			rest = rest[1:]
			continue
		}
		head := 0
		if p.at < len(p.begun) {
			head = copy(p.begun[p.at:], rest)
			if p.at+head == len(p.begun) {
				if err := p.count(); err != nil {
					return 0, err
				}
			}
		}
		took := max(head, min(len(rest), packetBytes-p.at))
		p.at, rest = (p.at+took)%packetBytes, rest[took:]
	}
	return n, err
}

// count counts the packet whose head is known.
func (p *packets) count() error {
	pid := uint16(p.begun[1]&0x1f)<<8 | uint16(p.begun[2])
	if p.units == nil {
		p.units = map[uint16]int{}
	}
	if p.begun[1]&0x40 != 0 { // payload_unit_start_indicator
		p.held -= p.units[pid]
		p.units[pid] = 0
	}
	p.units[pid] += packetBytes
	p.held += packetBytes
	switch {
	case len(p.units) > maxProgram:
		return fmt.Errorf("its MPEG-TS has more than %d PIDs", maxProgram)
	case p.held > maxUnits:
		return fmt.Errorf("its MPEG-TS has units that do not end within %d MiB", maxUnits>>20)
	}
	return nil
}
