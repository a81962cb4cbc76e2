// Package faces finds faces in pictures, and draws boxes around them: a cascade of decisions on pairs of pixels (Markuš et al., “Object
// Detection with Pixel Intensity Comparisons Organized in Decision Trees”, 2013), by pigo, in Go alone. It finds those that look at the camera,
// upright, from a sixteenth of the longer side on, and knows nothing of whose they are.
//
// It starts no goroutine. A Detector may be used by many at once.
package faces

import (
	"encoding/binary"
	"errors"
	"fmt"

	pigo "github.com/esimov/pigo/core"
)

const (
	longSide = 320  // pixels that are looked at, along the longer side
	smallest = 20   // of them that a face has at least
	certain  = 8    // a box is shown from this score on: noise has up to 3, faces have 20 to 200
	overlap  = 0.2  // of two boxes from which on they are one face
	shift    = 0.1  // of its size by which the window moves
	scale    = 1.15 // by which the window grows
)

// Box is where a face is, in pixels.
type Box struct {
	X, Y, Width, Height int
	Score               float32 // the higher, the more certain
}

// Detector finds faces.
type Detector struct{ cascade *pigo.Pigo }

// New reads the cascade, which is pigo's file facefinder.
func New(cascade []byte) (*Detector, error) {
	if !whole(cascade) { // which pigo does not look at
		return nil, errors.New("read the face detector's cascade: it is not whole")
	}
	read, err := pigo.NewPigo().Unpack(cascade)
	if err != nil {
		return nil, fmt.Errorf("read the face detector's cascade: %w", err)
	}
	return &Detector{read}, nil
}

// whole reports whether a cascade is as long as it says: after a head of 16 bytes, which ends with the depth and the number of its trees, each
// has its nodes but the first, its leaves, and a threshold, of four bytes each.
func whole(cascade []byte) bool {
	const head, deepest, most = 16, 10, 10000
	if len(cascade) < head {
		return false
	}
	depth, trees := binary.LittleEndian.Uint32(cascade[8:]), binary.LittleEndian.Uint32(cascade[12:])
	return depth <= deepest && trees <= most && len(cascade) == head+int(trees)*(4<<depth-4+4<<depth+4)
}

// Find returns the faces in a picture of which it gets the luma, row by row without gaps.
func (d *Detector) Find(luma []byte, width, height int) []Box {
	by := (max(width, height) + longSide - 1) / longSide
	small, columns, rows := shrink(luma, width, height, by)
	if min(columns, rows) < smallest {
		return nil
	}
	found := d.cascade.RunCascade(pigo.CascadeParams{
		MinSize: smallest, MaxSize: min(columns, rows), ShiftFactor: shift, ScaleFactor: scale,
		ImageParams: pigo.ImageParams{Pixels: small, Rows: rows, Cols: columns, Dim: columns},
	}, 0)
	var boxes []Box
	for _, f := range d.cascade.ClusterDetections(found, overlap) {
		if f.Q < certain {
			continue
		}
		left, top := max((f.Col-f.Scale/2)*by, 0), max((f.Row-f.Scale/2)*by, 0)
		side := f.Scale * by
		boxes = append(boxes, Box{left, top, min(side, width-left), min(side, height-top), f.Q})
	}
	return boxes
}

// shrink makes each pixel the mean of by × by of them.
func shrink(luma []byte, width, height, by int) (small []byte, columns, rows int) {
	columns, rows = width/by, height/by
	if by == 1 {
		return luma, columns, rows
	}
	small = make([]byte, columns*rows)
	sums := make([]int, columns)
	for y := range rows {
		clear(sums)
		for _, line := range [...]int{0, by / 2} { // two lines tell enough of the others
			row := luma[(y*by+line)*width:]
			for x := range sums {
				for _, v := range row[x*by : (x+1)*by] {
					sums[x] += int(v)
				}
			}
		}
		for x, sum := range sums {
			small[y*columns+x] = byte(sum / (2 * by))
		}
	}
	return small, columns, rows
}

// The colour of boxes, BT.601: a light green.
const boxY, boxU, boxV = 190, 90, 70

// Draw draws boxes into a picture of three planes, 4:2:0, with even sides.
func Draw(picture []byte, width, height int, boxes []Box) {
	thick := max(min(width, height)/240, 1) * 2
	area := width * height
	for _, b := range boxes {
		b.X, b.Y, b.Width, b.Height = b.X&^1, b.Y&^1, b.Width&^1, b.Height&^1
		frame(picture[:area], width, b, thick, boxY)
		half := Box{X: b.X / 2, Y: b.Y / 2, Width: b.Width / 2, Height: b.Height / 2}
		frame(picture[area:area*5/4], width/2, half, thick/2, boxU)
		frame(picture[area*5/4:], width/2, half, thick/2, boxV)
	}
}

// frame draws the inner edge of a box into one plane.
func frame(plane []byte, stride int, b Box, thick int, value byte) {
	for y := b.Y; y < b.Y+b.Height; y++ {
		row := plane[y*stride+b.X : y*stride+b.X+b.Width]
		inside := y >= b.Y+thick && y < b.Y+b.Height-thick
		for x := range row {
			if inside && x >= thick && x < len(row)-thick {
				continue
			}
			row[x] = value
		}
	}
}
