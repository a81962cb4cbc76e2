package vp9

import "fmt"

// MaxFrames is how many frames a superframe has at most (VP9 Annex B).
const MaxFrames = 8

// Superframe is what one picture is made of: hidden frames and one that is shown. A picture that is a single frame is one, too.
type Superframe struct {
	Frames [MaxFrames][]byte // in decoding order; they share the bytes that were split
	Count  int
}

// Split finds the frames of a superframe by the index at its end (VP9 Annex B); without an index all of data is one frame.
// The error wraps ErrInvalid. It allocates nothing on success.
func Split(data []byte) (Superframe, error) {
	count, width, indexed := parseIndex(data)
	if !indexed {
		return Superframe{Frames: [MaxFrames][]byte{data}, Count: 1}, nil
	}
	sizes := data[len(data)-1-count*width:]
	rest := data[:len(data)-2-count*width]
	s := Superframe{Count: count}
	for i := range count {
		size := 0
		for k := range width {
			size |= int(sizes[i*width+k]) << (8 * k)
		}
		if size == 0 || size > len(rest) {
			return Superframe{}, fmt.Errorf("split VP9 superframe: frame of %d bytes where %d are: %w", size, len(rest), ErrInvalid)
		}
		s.Frames[i], rest = rest[:size], rest[size:]
	}
	return s, nil
}

// parseIndex returns how many frames there are and how many bytes tell the size of each.
func parseIndex(data []byte) (count, width int, ok bool) {
	if len(data) == 0 {
		return 0, 0, false
	}
	marker := data[len(data)-1]
	count, width = int(marker&7)+1, int(marker>>3&3)+1
	size := 2 + count*width
	return count, width, marker&0xe0 == 0xc0 && len(data) >= size && data[len(data)-size] == marker
}

// AppendIndex appends to dst the index of frames of those sizes in bytes, 1 to MaxFrames of them, which lie one after
// another at its end. A decoder tells by it the frames apart.
func AppendIndex(dst []byte, sizes []int) []byte {
	const width = 4
	marker := byte(0xc0 | (width-1)<<3 | (len(sizes) - 1))
	dst = append(dst, marker)
	for _, size := range sizes {
		dst = append(dst, byte(size), byte(size>>8), byte(size>>16), byte(size>>24))
	}
	return append(dst, marker)
}
