package opus

// Frames returns the frames of a packet (RFC 6716 §3.2), which share its bytes. Each plays for the same time, and is a packet of its
// own behind SingleTOC. The error wraps ErrInvalid.
func Frames(packet []byte) ([][]byte, error) {
	if len(packet) == 0 {
		return nil, errPacket
	}
	rest := packet[1:]
	switch packet[0] & maskCode {
	case 0:
		return cut(rest, nil, 1)
	case 1:
		return cut(rest, nil, 2)
	case 2:
		length, rest, err := frameLength(rest)
		if err != nil {
			return nil, err
		}
		return cut(rest, []int{length}, 2)
	}
	return manyFrames(rest)
}

// manyFrames reads a packet of any number of frames (RFC 6716 §3.2.5).
func manyFrames(rest []byte) ([][]byte, error) {
	if len(rest) == 0 || rest[0]&maskCount == 0 {
		return nil, errPacket
	}
	head, count := rest[0], int(rest[0]&maskCount)
	rest = rest[1:]
	padding := 0
	for more := head&0x40 != 0; more; {
		if len(rest) == 0 {
			return nil, errPacket
		}
		n := int(rest[0])
		if more = n == 255; more {
			n--
		}
		padding, rest = padding+n, rest[1:]
	}
	var lengths []int
	for head&0x80 != 0 && len(lengths) < count-1 {
		length, behind, err := frameLength(rest)
		if err != nil {
			return nil, err
		}
		lengths, rest = append(lengths, length), behind
	}
	if padding > len(rest) {
		return nil, errPacket
	}
	return cut(rest[:len(rest)-padding], lengths, count)
}

// cut cuts data into frames of the given lengths and one of what is left; without lengths all have the same.
func cut(data []byte, lengths []int, count int) ([][]byte, error) {
	if lengths == nil {
		if len(data)%count != 0 {
			return nil, errPacket
		}
		for range count - 1 {
			lengths = append(lengths, len(data)/count)
		}
	}
	var frames [][]byte
	for _, length := range lengths {
		if length > len(data) || length > maxFrame {
			return nil, errPacket
		}
		frames, data = append(frames, data[:length]), data[length:]
	}
	if len(data) > maxFrame {
		return nil, errPacket
	}
	return append(frames, data), nil
}

// frameLength reads the length of a frame (RFC 6716 §3.2.1).
func frameLength(b []byte) (length int, rest []byte, err error) {
	switch {
	case len(b) > 0 && b[0] < 252:
		return int(b[0]), b[1:], nil
	case len(b) > 1:
		return int(b[1])*4 + int(b[0]), b[2:], nil
	}
	return 0, nil, errPacket
}
