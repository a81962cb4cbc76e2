package frames

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"net/http"

	"golang.org/x/image/webp"

	"github.com/sluice-live/sluice/ingest/refusal"
)

// What one picture may be.
const (
	MaxBytes  = 8 << 20
	MaxPixels = 3840 * 2160
	MaxSide   = 4096 // pixels
	MinSide   = 16
	maxScans  = 100 // of a JPEG, each of which may say something of every pixel; encoders make about ten
)

// Types are the media types of pictures.
const Types = "image/jpeg, image/png, image/webp"

// header is what the first bytes of a picture say.
type header struct {
	format        string // "jpeg", "png" or "webp"
	width, height int
}

// format is how pictures of one kind are read.
type format struct {
	name   string
	is     func(data []byte) bool
	config func(data []byte) (image.Config, error)
	decode func(data []byte) (image.Image, error)
}

// formats returns those that are known.
func formats() [3]format {
	return [...]format{
		{"jpeg", func(b []byte) bool { return bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff}) },
			func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }},
		{"png", func(b []byte) bool { return bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) },
			func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) }},
		{"webp", func(b []byte) bool { return len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP" },
			func(b []byte) (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(b)) }},
	}
}

// formatOf tells by its first bytes what a picture is.
func formatOf(data []byte) (format, bool) {
	for _, f := range formats() {
		if f.is(data) {
			return f, true
		}
	}
	return format{}, false
}

// inspect reads the header of a picture and refuses what is not to be decoded: the size of what comes out stands there, however few bytes
// there are.
func inspect(data []byte) (h header, p *refusal.Refusal) {
	if len(data) == 0 {
		return h, refusal.New(http.StatusBadRequest, "There is no picture: send one as one of %s.", Types)
	}
	f, ok := formatOf(data)
	if !ok {
		return h, refusal.New(http.StatusUnsupportedMediaType, "This is no picture that is known: send one as one of %s.", Types)
	}
	config, err := contained(func() (image.Config, error) { return f.config(data) })
	switch {
	case err != nil:
		return h, refusal.New(http.StatusBadRequest, "The picture's header cannot be read (%v): send a whole %s.", err, f.name)
	case config.Width < MinSide || config.Height < MinSide:
		return h, refusal.New(http.StatusUnprocessableEntity, "The picture has %d×%d pixels: send at least %d×%d.", config.Width, config.Height, MinSide, MinSide)
	case config.Width > MaxSide || config.Height > MaxSide || config.Width*config.Height > MaxPixels:
		return h, refusal.New(http.StatusRequestEntityTooLarge, "The picture has %d×%d pixels: send at most 3840×2160, and no side above %d.", config.Width, config.Height, MaxSide)
	case f.name == "jpeg" && bytes.Count(data, []byte{0xff, 0xda}) > maxScans: // no other bytes are those (T.81 §B.1.1.5)
		return h, refusal.New(http.StatusRequestEntityTooLarge, "The picture has more than %d scans: send a JPEG that is not progressive.", maxScans)
	}
	return header{f.name, config.Width, config.Height}, nil
}

// decode decodes a picture that has been inspected.
func decode(data []byte) (image.Image, *refusal.Refusal) {
	f, _ := formatOf(data)
	picture, err := contained(func() (image.Image, error) { return f.decode(data) })
	if err != nil {
		return nil, refusal.New(http.StatusBadRequest, "The picture cannot be decoded (%v): send a whole %s.", err, f.name)
	}
	return picture, nil
}

// contained makes an error of a panic in a decoder: it concerns one picture.
func contained[T any](read func() (T, error)) (v T, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("it is damaged: %v", value)
		}
	}()
	if v, err = read(); err != nil {
		err = errors.New(shorten(err.Error()))
	}
	return v, err
}

// shorten keeps what goes into a sentence, or into a close frame (RFC 6455 §5.5), short.
func shorten(s string) string {
	const most = 110
	if len(s) > most {
		return string(bytes.ToValidUTF8([]byte(s[:most]), nil))
	}
	return s
}
