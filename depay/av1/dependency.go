package av1

import (
	"fmt"

	"github.com/sluice-live/sluice/depay/internal/bitfield"
)

const (
	maxTemplates = 64 // that a template id tells apart
	maxSpatial   = 4  // that spatial_id tells apart
)

// Dependency is what the dependency descriptor of a packet (AV1 RTP payload format §A) tells of the frame that it is of, which is one spatial layer of a picture.
type Dependency struct {
	Begins, Ends bool   // the packet is the frame's first, or its last
	Template     uint8  // of the frame, to be looked up in the structure
	Number       uint16 // of the frame
	Structured   bool   // the packet brings a structure
}

// Structure is what a dependency structure tells of the layers that frames are of. It stands until the next one.
type Structure struct {
	offset    uint8
	count     int
	templates [maxTemplates]frameLayer
	spatial   int // layers

	Sized bool             // sizes of spatial layers are there:
	Sizes [maxSpatial]Size // in pixels
}

type frameLayer struct{ spatial, temporal uint8 }

var errDependency = fmt.Errorf("read dependency descriptor: %w", ErrTruncated)

// Unmarshal reads a descriptor, and with it the structure that it brings, if any; l stays as it is when there is none, or when it cannot be read.
// The error wraps ErrTruncated or ErrInvalid. It allocates nothing on success.
func (d *Dependency) Unmarshal(descriptor []byte, l *Structure) error {
	*d = Dependency{}
	r := bitfield.NewReader(descriptor)
	d.Begins, d.Ends = r.Flag(), r.Flag()
	d.Template, d.Number = uint8(r.Bits(6)), uint16(r.Bits(16))
	if r.Short() {
		*d = Dependency{}
		return errDependency
	}
	if len(descriptor) == 3 {
		return nil
	}
	structured := r.Flag()
	r.Skip(4) // active_decode_targets_present_flag, custom_dtis_flag, custom_fdiffs_flag, custom_chains_flag
	if !structured {
		return nil
	}
	var brought Structure
	if err := brought.read(&r); err != nil {
		*d = Dependency{}
		return err
	}
	*l, d.Structured = brought, true
	return nil
}

// Layer returns the layers that a frame of a template is of; false: the structure has none such.
func (l *Structure) Layer(template uint8) (spatial, temporal uint8, known bool) {
	i := int((template + maxTemplates - l.offset) % maxTemplates)
	if i >= l.count {
		return 0, 0, false
	}
	return l.templates[i].spatial, l.templates[i].temporal, true
}

// Spatial is how many spatial layers there are.
func (l *Structure) Spatial() int { return l.spatial }

// read reads template_dependency_structure (§A.8.2).
func (l *Structure) read(r *bitfield.Reader) error {
	l.offset = uint8(r.Bits(6))
	targets := int(r.Bits(5)) + 1
	if err := l.readTemplates(r); err != nil {
		return err
	}
	r.Skip(2 * l.count * targets) // template_dtis
	for range l.count {
		for r.Flag() { // fdiff_follows_flag
			if r.Skip(4); r.Short() {
				return errDependency
			}
		}
	}
	if chains := nonSymmetric(r, targets+1); chains > 0 {
		for range targets {
			nonSymmetric(r, chains)
		}
		r.Skip(4 * l.count * chains)
	}
	if l.Sized = r.Flag(); l.Sized {
		for i := range l.spatial {
			l.Sizes[i] = Size{r.Bits(16) + 1, r.Bits(16) + 1}
		}
	}
	if r.Short() {
		return errDependency
	}
	return nil
}

// readTemplates reads template_layers.
func (l *Structure) readTemplates(r *bitfield.Reader) error {
	const (
		same = iota
		nextTemporal
		nextSpatial
		last
	)
	var at frameLayer
	for {
		if l.count == maxTemplates || at.temporal > 7 || at.spatial >= maxSpatial {
			return fmt.Errorf("read dependency descriptor: too many templates or layers: %w", ErrInvalid)
		}
		l.templates[l.count] = at
		l.count++
		switch r.Bits(2) {
		case nextTemporal:
			at.temporal++
		case nextSpatial:
			at = frameLayer{spatial: at.spatial + 1}
		case last:
			l.spatial = int(at.spatial) + 1
			return nil
		}
		if r.Short() {
			return errDependency
		}
	}
}

// nonSymmetric reads ns(n) (§A.8.1).
func nonSymmetric(r *bitfield.Reader, n int) int {
	w := 0
	for x := n; x != 0; x >>= 1 {
		w++
	}
	m := 1<<w - n
	v := int(r.Bits(uint8(w - 1)))
	if v < m {
		return v
	}
	return v<<1 - m + int(r.Bits(1))
}
