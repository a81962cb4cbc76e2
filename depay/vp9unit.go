package depay

import "github.com/sluice-live/sluice/depay/vp9"

// vp9Unit is what a picture is made of: the frames of its spatial layers, any of which may be a superframe itself.
type vp9Unit struct {
	frames  [vp9.MaxFrames][]byte
	headers [vp9.MaxFrames]vp9.Header
	count   int
	last    int // the last frame that is shown; -1: none is

	largest, shown vp9.Size // of the largest frame and of the one that is shown, once joined
}

// read parts data into frames; false when it is not VP9.
func (u *vp9Unit) read(data []byte, layers *vp9Layers) bool {
	u.last = -1
	start := 0
	for _, end := range layers.ends[:layers.count] {
		s, err := vp9.Split(data[start:end])
		if err != nil || u.count+s.Count > len(u.frames) {
			return false
		}
		start = end
		for _, frame := range s.Frames[:s.Count] {
			if !u.add(frame) {
				return false
			}
		}
	}
	return u.count > 0
}

func (u *vp9Unit) add(frame []byte) bool {
	h, err := vp9.ParseHeader(frame)
	if err != nil {
		return false
	}
	if h.Show {
		u.last = u.count
	}
	u.frames[u.count], u.headers[u.count] = frame, h
	u.count++
	return true
}

// independent reports whether the frames decode without probabilities, vectors and segments of earlier pictures.
func (u *vp9Unit) independent() bool {
	if u.headers[0].Key {
		return true
	}
	for _, h := range u.headers[:u.count] {
		if !h.ErrorResilient {
			return false
		}
	}
	return true
}

// join lets refs follow the frames and, if hide is set, appends them to dst as a superframe that shows but the last. False: one
// cannot be decoded.
func (u *vp9Unit) join(dst []byte, hide bool, refs *vp9.References) (out []byte, ok bool) {
	var buf [vp9.MaxFrames]int
	sizes := buf[:0]
	for i, h := range u.headers[:u.count] {
		size, known := refs.Size(h)
		if !known {
			return dst, false
		}
		u.largest = vp9.Size{Width: max(u.largest.Width, size.Width), Height: max(u.largest.Height, size.Height)}
		if i == u.last {
			u.shown = size
		}
		if hide && i < u.last && h.ShowExisting {
			continue
		}
		if hide {
			before := len(dst)
			if dst, ok = u.appendFrame(dst, i, size); !ok {
				return dst, false
			}
			sizes = append(sizes, len(dst)-before)
			h.Show = h.Show && i == u.last
		}
		refs.Follow(h)
	}
	if hide {
		dst = vp9.AppendIndex(dst, sizes)
	}
	return dst, true
}

func (u *vp9Unit) appendFrame(dst []byte, i int, size vp9.Size) ([]byte, bool) {
	if i >= u.last {
		return append(dst, u.frames[i]...), true
	}
	dst, err := vp9.AppendHidden(dst, u.frames[i], size)
	return dst, err == nil
}
