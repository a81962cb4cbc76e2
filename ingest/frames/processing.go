package frames

import (
	"bytes"
	"image/jpeg"
	"image/png"
	"time"
)

// processing is the processor of a stream, which is kept for pictures of one size.
type processing struct {
	processor     Processor
	name          string
	width, height int
	begun         time.Time
	at            time.Duration
}

// process has a picture changed, by another processor if it needs one.
func (p *processing) process(start func(name, stream string, width, height int) (Processor, error), name, stream string, picture *Picture) ([]Box, error) {
	if p.processor != nil && (p.name != name || p.width != picture.Width || p.height != picture.Height) {
		p.close()
	}
	if p.processor == nil {
		processor, err := start(name, stream, picture.Width, picture.Height)
		if err != nil {
			return nil, err
		}
		*p = processing{processor: processor, name: name, width: picture.Width, height: picture.Height, begun: time.Now()}
	}
	p.at = max(time.Since(p.begun), p.at+time.Millisecond)
	faces, err := p.processor.Process(picture, p.at)
	if err != nil {
		p.close()
	}
	return faces, err
}

func (p *processing) close() {
	if p.processor != nil {
		p.processor.Close()
		p.processor = nil
	}
}

// jpegQuality of what comes back, of 100.
const jpegQuality = 85

// encode makes a file of a picture. Neither encoder has errors of its own.
func encode(p *Picture, format string) []byte {
	var b bytes.Buffer
	if format == "png" {
		encoder := png.Encoder{CompressionLevel: png.BestSpeed}
		_ = encoder.Encode(&b, p.image())
	} else {
		_ = jpeg.Encode(&b, p.image(), &jpeg.Options{Quality: jpegQuality})
	}
	return b.Bytes()
}
