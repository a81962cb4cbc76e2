package av1

import "fmt"

// Aggregation is the aggregation header that begins the payload of every RTP packet, and the OBU elements behind it
// (RTP Payload Format For AV1 §4.4).
type Aggregation struct {
	Continues   bool  // Z: the first element goes on with an OBU of the packet before
	Continued   bool  // Y: the last element goes on in the next packet
	NewSequence bool  // N: the packet begins a coded video sequence
	count       uint8 // W: how many elements there are, of which the last has no length; 0: all have one
	read        uint8
	rest        []byte
}

// Unmarshal reads the header at the start of an RTP payload; Next returns the elements then. It overwrites every field, also
// when it fails (ErrTruncated, ErrInvalid), and allocates nothing.
func (a *Aggregation) Unmarshal(payload []byte) error {
	*a = Aggregation{}
	if len(payload) == 0 {
		return fmt.Errorf("read AV1 aggregation header: %w", ErrTruncated)
	}
	b := payload[0]
	a.Continues, a.Continued, a.count, a.NewSequence = b&0x80 != 0, b&0x40 != 0, b>>4&3, b&0x08 != 0
	a.rest = payload[1:]
	if a.Continues && a.NewSequence { // §4.4: N must not be set with Z
		return fmt.Errorf("read AV1 aggregation header: a sequence begins inside an OBU: %w", ErrInvalid)
	}
	return nil
}

// More reports whether Next has another element.
func (a *Aggregation) More() bool { return len(a.rest) > 0 && (a.count == 0 || a.read < a.count) }

// Next returns the next OBU element, which is an OBU or a part of one. The error wraps ErrTruncated or ErrInvalid. It
// allocates nothing on success.
func (a *Aggregation) Next() ([]byte, error) {
	a.read++
	if a.count != 0 && a.read == a.count {
		element := a.rest
		a.rest = nil
		return element, nil
	}
	size, n, err := parseLEB128(a.rest)
	if err != nil {
		return nil, fmt.Errorf("read AV1 OBU element: %w", err)
	}
	if size > uint64(len(a.rest)-n) {
		return nil, fmt.Errorf("read AV1 OBU element of %d bytes where %d are: %w", size, len(a.rest)-n, ErrTruncated)
	}
	element := a.rest[n : n+int(size)]
	a.rest = a.rest[n+int(size):]
	return element, nil
}

// Whole tells, right after Next, whether the packet had as many elements as it announced.
func (a *Aggregation) Whole() bool { return len(a.rest) == 0 && (a.count == 0 || a.read == a.count) }
