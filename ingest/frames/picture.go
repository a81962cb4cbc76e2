package frames

import (
	"image"
	"image/color"
	"image/draw"
	"math"
)

// Picture is one in planes: luma, then both of chroma, 4:2:0 with 8 bits, BT.601 in the range of television.
type Picture struct {
	Width, Height int // pixels, even
	Data          []byte
}

// What is encoded is at most as large as this, whatever way it stands.
const (
	longSide  = 1920
	shortSide = 1080
)

// fit returns the size that a picture is encoded in: its own, or smaller; even.
func fit(width, height int) (w, h int) {
	long, short := longSide, shortSide
	if width < height {
		long, short = short, long
	}
	scale := min(1, float64(long)/float64(width), float64(short)/float64(height))
	even := func(side int, most int) int {
		return min(max(int(math.Round(float64(side)*scale/2))*2, 2), side/2*2, most)
	}
	return even(width, long), even(height, short)
}

// newPicture converts a picture to size.
func newPicture(m image.Image, format string) *Picture {
	width, height := fit(m.Bounds().Dx(), m.Bounds().Dy())
	p := &Picture{Width: width, Height: height, Data: make([]byte, width*height*3/2)}
	planes, full := planesOf(m, format)
	y, cb, cr := p.planes()
	planes[0].scaleTo(y, width, height, rangeOf(full, 16, 235, 219))
	for i, to := range [][]byte{cb, cr} {
		if planes[i+1].pixels == nil {
			fill(to, 128)
			continue
		}
		planes[i+1].scaleTo(to, width/2, height/2, rangeOf(full, 16, 240, 224))
	}
	return p
}

// planes returns the three of them.
func (p *Picture) planes() (y, cb, cr []byte) {
	area := p.Width * p.Height
	return p.Data[:area], p.Data[area : area*5/4], p.Data[area*5/4:]
}

// plane is one component of a picture; no pixels: it has none.
type plane struct {
	pixels        []byte
	stride        int
	width, height int
}

// planesOf returns the components of a picture, and whether they have the full range (JFIF): those of WebP have that of television
// (RFC 9649 §2.5) and are not converted by their decoder.
func planesOf(m image.Image, format string) (planes [3]plane, full bool) {
	b := m.Bounds()
	switch m := m.(type) {
	case *image.YCbCr:
		return planesOfYCbCr(m), format != "webp"
	case *image.Gray:
		return [3]plane{{m.Pix, m.Stride, b.Dx(), b.Dy()}}, true
	}
	// What is transparent stands on black.
	rgba := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(rgba, rgba.Bounds(), image.Black, image.Point{}, draw.Src)
	draw.Draw(rgba, rgba.Bounds(), m, b.Min, draw.Over)
	ycbcr := image.NewYCbCr(rgba.Bounds(), image.YCbCrSubsampleRatio444)
	for at := range ycbcr.Y {
		pixel := rgba.Pix[4*at : 4*at+3]
		ycbcr.Y[at], ycbcr.Cb[at], ycbcr.Cr[at] = color.RGBToYCbCr(pixel[0], pixel[1], pixel[2])
	}
	return planesOfYCbCr(ycbcr), true
}

func planesOfYCbCr(m *image.YCbCr) [3]plane {
	b := m.Bounds()
	across, down := 1, 1
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		across = 2
	case image.YCbCrSubsampleRatio420:
		across, down = 2, 2
	case image.YCbCrSubsampleRatio440:
		down = 2
	case image.YCbCrSubsampleRatio411:
		across = 4
	case image.YCbCrSubsampleRatio410:
		across, down = 4, 2
	}
	width, height := (b.Dx()+across-1)/across, (b.Dy()+down-1)/down
	return [3]plane{{m.Y, m.YStride, b.Dx(), b.Dy()}, {m.Cb, m.CStride, width, height}, {m.Cr, m.CStride, width, height}}
}

// scaleTo makes each sample of a plane of width by height the mean of those that it stands for, and looks it up in values.
func (p plane) scaleTo(to []byte, width, height int, values *[256]byte) {
	for y := range height {
		top := y * p.height / height
		bottom := max((y+1)*p.height/height, top+1)
		row := to[y*width : (y+1)*width]
		if bottom-top == 1 && width == p.width {
			for x, v := range p.pixels[top*p.stride : top*p.stride+width] {
				row[x] = values[v]
			}
			continue
		}
		for x := range row {
			left := x * p.width / width
			row[x] = values[p.mean(left, top, max((x+1)*p.width/width, left+1), bottom)]
		}
	}
}

func (p plane) mean(left, top, right, bottom int) byte {
	sum := 0
	for y := top; y < bottom; y++ {
		for _, v := range p.pixels[y*p.stride+left : y*p.stride+right] {
			sum += int(v)
		}
	}
	n := (right - left) * (bottom - top)
	return byte((sum + n/2) / n)
}

// rangeOf returns what the values of a component become: those of the full range have steps of the other's.
func rangeOf(full bool, low, high, steps int) *[256]byte {
	var values [256]byte
	for v := range values {
		if values[v] = byte(v); full {
			values[v] = byte(low + (v*steps+127)/255)
		} else {
			values[v] = byte(min(max(v, low), high))
		}
	}
	return &values
}

// image returns the picture in the full range, as image formats have it.
func (p *Picture) image() *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, p.Width, p.Height), image.YCbCrSubsampleRatio420)
	y, cb, cr := p.planes()
	widen(m.Y, y, 16, 219)
	widen(m.Cb, cb, 16, 224)
	widen(m.Cr, cr, 16, 224)
	return m
}

func widen(to, from []byte, low, steps int) {
	var values [256]byte
	for v := range values {
		values[v] = byte(min(max(((v-low)*255+steps/2)/steps, 0), 255))
	}
	for i, v := range from {
		to[i] = values[v]
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
