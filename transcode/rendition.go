package transcode

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluice-live/sluice/public/name"
)

// Bounds of a ladder. They keep a typing error from becoming a command that no machine carries.
const (
	MaxRenditions = 8          // renditions of one ladder
	MinSide       = 16         // width or height in pixels
	MaxSide       = 4096       // the same
	MaxFPS        = 120        // pictures per second
	MinBitrate    = 50_000     // bit/s
	MaxBitrate    = 60_000_000 // bit/s
)

// Presets of x264 that a rendition may name, from least to most work for each picture.
var presets = [...]string{"ultrafast", "superfast", "veryfast", "faster", "fast", "medium"}

// Rendition is one rendition of a ladder: one HLS variant, one DASH Representation.
type Rendition struct {
	// Name is how people and URLs call it, of the grammar of package name.
	Name string
	// Width and Height are the canvas in pixels, both even. A picture of another shape is scaled to fit and padded.
	Width, Height int
	// FPS is the constant rate in pictures per second. Segment, part and key frame interval must be whole pictures.
	FPS int
	// Bitrate in bit/s is what the rendition may be announced with: no segment is more than a tenth above it.
	Bitrate int
	// Layer, from 1, is that of the video's layers (depay.Frame) which becomes this rendition as it is; Width and Height are its own, see PassthroughOf.
	// Only beside Options.Passthrough, and of H.264. 0: the rendition is encoded.
	Layer int
	// Codec is what it is encoded as, H264 if it is passed through, whatever it is.
	Codec Codec
	// Preset of x264, of which only H264 has a choice; "" for the one that the size asks for: superfast from 720 lines up, veryfast below.
	Preset string
}

// Validate returns every fault of r, joined.
func (r Rendition) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("rendition %q: "+format, append([]any{r.Name}, args...)...))
		}
	}
	check(name.Valid(r.Name), "the name must be %s", name.Rule)
	check(validSide(r.Width) && validSide(r.Height), "%dx%d: both sides must be even and between %d and %d", r.Width, r.Height, MinSide, MaxSide)
	check(r.FPS >= 1 && r.FPS <= MaxFPS, "%d fps is not between 1 and %d", r.FPS, MaxFPS)
	check(r.Bitrate >= MinBitrate && r.Bitrate <= MaxBitrate, "a bitrate of %s is not between %s and %s", rate(r.Bitrate), rate(MinBitrate), rate(MaxBitrate))
	check(r.Codec == H264 || slices.Contains(Codecs(), r.Codec), "%v is none of h264, h265 and av1", r.Codec)
	check(r.Preset == "" || r.Codec == H264, "preset %q is one of x264", r.Preset)
	check(r.Preset == "" || presetWork(r.Preset) >= 0, "preset %q is none of %v", r.Preset, presets)
	return errors.Join(faults...)
}

// rate writes bit/s the way ladders are configured.
func rate(bits int) string {
	if bits%1000 == 0 {
		return fmt.Sprintf("%dk", bits/1000)
	}
	return fmt.Sprint(bits)
}

func validSide(n int) bool { return n >= MinSide && n <= MaxSide && n%2 == 0 }

// X264Preset returns the x264 preset in force.
func (r Rendition) X264Preset() string {
	switch {
	case r.Preset != "":
		return r.Preset
	case r.Height >= 720:
		return "superfast"
	default:
		return "veryfast"
	}
}

// presetWork returns the place of a preset in presets, or -1.
func presetWork(preset string) int {
	for i, p := range presets {
		if p == preset {
			return i
		}
	}
	return -1
}

// levels of H.264 (ITU-T H.264 table A-1), from the lowest that is worth naming: 3.0 every decoder has.
var levels = [...]struct {
	name                  string
	macroblocksPerSecond  int
	macroblocksPerPicture int
}{
	{"3.0", 40_500, 1_620},
	{"3.1", 108_000, 3_600},
	{"3.2", 216_000, 5_120},
	{"4.0", 245_760, 8_192},
	{"4.2", 522_240, 8_704},
	{"5.1", 983_040, 36_864},
	{"5.2", 2_073_600, 36_864},
}

// level returns the lowest H.264 level of the table that carries the size and rate; "6.2" above all of them.
func (r Rendition) level() string {
	picture := (r.Width + 15) / 16 * ((r.Height + 15) / 16)
	for _, l := range levels {
		if picture <= l.macroblocksPerPicture && picture*r.FPS <= l.macroblocksPerSecond {
			return l.name
		}
	}
	return "6.2"
}
