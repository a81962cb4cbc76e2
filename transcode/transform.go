package transcode

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// Transform is a change to the video of a publisher, made once for all renditions. The names are the only choice that there is:
// nothing of a request becomes part of a filter.
type Transform string

// The transforms. In milliseconds of a core for each picture of 1280x720: monochrome and mirror below 0.1, clock 0.4, faces 3, edges 6,
// blur 7; a rendition of that size takes 7 to encode.
const (
	TransformNone       Transform = ""
	TransformMonochrome Transform = "monochrome" // without colours
	TransformMirror     Transform = "mirror"     // left and right changed
	TransformBlur       Transform = "blur"       // too soft to recognize anybody
	TransformEdges      Transform = "edges"      // contours alone, white on black
	TransformClock      Transform = "clock"      // the title and the time of day, UTC, at the bottom on the left
	TransformLogo       Transform = "logo"       // Options.Logo at the top on the right, an eighth of the picture high
	TransformFaces      Transform = "faces"      // boxes around the faces that Options.Faces finds
)

// Transforms are all but TransformNone, in the order to show them.
func Transforms() []Transform {
	return []Transform{TransformMonochrome, TransformMirror, TransformBlur, TransformEdges, TransformClock, TransformLogo, TransformFaces}
}

// Known reports whether there is such a transform.
func (t Transform) Known() bool { return t == TransformNone || slices.Contains(Transforms(), t) }

// titleGrammar is what a title may consist of: nothing that means anything to a filter.
var titleGrammar = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

// apply adds the filters of the transform.
func (t Transform) apply(s *ffmpeg.Stream, title string) *ffmpeg.Stream {
	switch t {
	case TransformMonochrome:
		return s.Filter("hue", nil, ffmpeg.KwArgs{"s": 0})
	case TransformMirror:
		return s.Filter("hflip", nil)
	case TransformBlur:
		return s.Filter("boxblur", ffmpeg.Args{"min(w,h)/24"})
	case TransformEdges:
		return s.Filter("format", ffmpeg.Args{"gray"}).Filter("sobel", nil, ffmpeg.KwArgs{"scale": 2}).Filter("format", ffmpeg.Args{"yuv420p"})
	case TransformClock:
		return s.Filter("drawtext", nil, ffmpeg.KwArgs{
			"text": title + ` %{gmtime\:%T} UTC`, "fontsize": "h/18", "fontcolor": "white",
			"box": 1, "boxcolor": "black@0.5", "boxborderw": 8, "x": "h/24", "y": "h-text_h-h/24",
		})
	}
	return s
}

// logoPart is the part of a picture's height that a logo takes at most; of its width it takes at most twice that.
const logoPart = 8

// branded puts the logo, which is read from in, on the canvas of a rendition.
func (r Rendition) branded(canvas, in *ffmpeg.Stream) *ffmpeg.Stream {
	side := r.Height / logoPart
	logo := in.Filter("scale", nil, ffmpeg.KwArgs{"w": 2 * r.Width / logoPart, "h": side, "force_original_aspect_ratio": "decrease"})
	return ffmpeg.Filter([]*ffmpeg.Stream{canvas, logo}, "overlay", nil, ffmpeg.KwArgs{"x": fmt.Sprintf("W-w-%d", side/2), "y": side / 2})
}

// logoInput returns the node that reads the one picture of a logo, which then stands for all time.
func (o Options) logoInput() *ffmpeg.Stream {
	return ffmpeg.Input("file:"+o.Logo, ffmpeg.KwArgs{"f": "png_pipe", "protocol_whitelist": "file"}).Video()
}

// findsFaces reports whether faces are found and drawn.
func (o Options) findsFaces() bool { return o.Video != 0 && o.Transform == TransformFaces }

func (o Options) validateTransform() error {
	var faults []error
	if !o.Transform.Known() {
		faults = append(faults, fmt.Errorf("transform %q: there are %q", o.Transform, Transforms()))
	}
	if o.Transform != TransformNone && o.passesThrough() {
		faults = append(faults, fmt.Errorf("transform %q: video that is passed through cannot be changed", o.Transform))
	}
	if o.Transform == TransformLogo && o.Logo == "" {
		faults = append(faults, errors.New("transform \"logo\": there is no logo"))
	}
	if o.Transform == TransformFaces && o.Faces == nil {
		faults = append(faults, errors.New("transform \"faces\": there is nothing that finds them"))
	}
	if !titleGrammar.MatchString(o.Title) {
		faults = append(faults, fmt.Errorf("title %q: write up to 64 letters, digits, - and _", o.Title))
	}
	return errors.Join(faults...)
}
