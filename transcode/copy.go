package transcode

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/h264"
)

// CopyCause is why pictures can be copied no longer.
type CopyCause uint8

// The causes.
const (
	// KeyFrameLate: no key frame came in time to begin a segment, though pictures did. Whoever ignores what is asked of it will
	// do so again.
	KeyFrameLate CopyCause = iota + 1
	// KeyFrameMisplaced: key frames come often enough, but not in the time in which a segment may begin. A next run begins with one.
	KeyFrameMisplaced
	// KeyFrameMissing: no key frame could come, because no pictures did.
	KeyFrameMissing
	// ParametersChanged: a parameter set is another one than the init segment has, such as one of another size.
	ParametersChanged
	// PicturesReordered: a picture is to be shown before one that came before it.
	PicturesReordered
	// PicturesTooMany: pictures come faster than the rendition's rate has room for.
	PicturesTooMany
	// PicturesUnreadable: a picture is not H.264 as far as its headers go.
	PicturesUnreadable
)

// String returns the cause as a clause.
func (c CopyCause) String() string {
	switch c {
	case KeyFrameLate:
		return "no key frame came in time"
	case KeyFrameMisplaced:
		return "key frames do not come when segments may begin"
	case KeyFrameMissing:
		return "no pictures came, and so no key frame"
	case ParametersChanged:
		return "the parameter sets changed"
	case PicturesReordered:
		return "pictures are not in the order in which they are shown"
	case PicturesTooMany:
		return "pictures come faster than the rendition's rate"
	case PicturesUnreadable:
		return "a picture cannot be read"
	}
	return fmt.Sprintf("cause %d", uint8(c))
}

// CopyError tells that the pictures can be copied no longer, and that the run therefore ended: ffmpeg has finished its files, of
// which the last segment is no longer than Options.Segment and Options.LateKeyFrames allow.
type CopyError struct {
	Cause CopyCause
	At    time.Duration // media time
}

func (e *CopyError) Error() string {
	return fmt.Sprintf("pictures can be copied no longer: %v, at %v", e.Cause, e.At.Round(time.Millisecond))
}

// Again tells whether a next run may copy again, from its first key frame on: after PicturesTooMany with a higher rate. Otherwise the
// publisher is one whose pictures have to be encoded.
func (e *CopyError) Again() bool {
	return e.Cause == KeyFrameMissing || e.Cause == KeyFrameMisplaced || e.Cause == ParametersChanged || e.Cause == PicturesTooMany
}

// CopyOf returns the rendition that copying makes of pictures that begin with a key frame of H.264, or says in words why they are to
// be encoded. The rate, in pictures per second, is that of the publisher as far as it is known, else what it is asked for. The
// bitrate is a guess for pictures of that size; a publisher that was allowed another one is better described by that.
func CopyOf(key depay.Frame, name string, fps int) (Rendition, error) {
	var sets h264.Sets
	slice, _, err := firstSlice(&sets, key.Data)
	if err != nil {
		return Rendition{}, fmt.Errorf("read key frame: %w", err)
	}
	sps := slice.SPS
	r := Rendition{Name: name, Width: int(sps.Width), Height: int(sps.Height), FPS: fps}
	r.Bitrate = min(max(r.Width*r.Height*fps/8, 500_000), MaxBitrate)
	if !slice.IDR {
		return Rendition{}, errors.New("not a key frame")
	}
	return r, errors.Join(copyable(sps), repeatable(slice), r.Validate(), r.wholeTicks())
}

// Bounds of what players take, by Apple's authoring specification (1.3) and the decoders of browsers.
const (
	maxCopiedLevel = 52 // ten times the level
	profileHigh    = 100
)

// copyable says in words what of a stream players do not take, or cannot be repeated.
func copyable(sps *h264.SPS) error {
	var faults []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	refuse(sps.Profile != 66 && sps.Profile != 77 && sps.Profile != profileHigh, "profile %d is none of baseline, main and high", sps.Profile)
	refuse(sps.Level > maxCopiedLevel, "level %d.%d is above 5.2", sps.Level/10, sps.Level%10)
	refuse(sps.ChromaFormat != 1 || sps.BitDepthLuma != 8 || sps.BitDepthChroma != 8, "samples are not 8 bit 4:2:0")
	refuse(!sps.Progressive, "it may be interlaced")
	refuse(sps.MaxReorderFrames > 0, "pictures may not be in the order in which they are shown")
	refuse(sps.SampleAspect[0] != sps.SampleAspect[1], "samples are not square")
	return errors.Join(faults...)
}

// repeatable says whether a picture can be repeated, to fill the places that stay empty.
func repeatable(slice h264.Slice) error {
	var state h264.State
	state.Follow(&slice)
	if len(state.AppendRepeat(nil)) == 0 {
		return errors.New("its pictures cannot be repeated")
	}
	return nil
}

// wholeTicks says whether the rate's pictures begin at whole ticks of 1/90000 s.
func (r Rendition) wholeTicks() error {
	if r.FPS > 0 && depay.H264.ClockRate()%int64(r.FPS) != 0 {
		return fmt.Errorf("rendition %q: a picture at %d fps is not a whole number of ticks of 1/90000 s", r.Name, r.FPS)
	}
	return nil
}

// firstSlice reads a picture up to the header of its first slice. Parameter sets before it go into sets; changed tells whether one of
// them is new.
func firstSlice(sets *h264.Sets, picture []byte) (slice h264.Slice, changed bool, err error) {
	for nal, rest := h264.NextUnit(picture); len(nal) > 0; nal, rest = h264.NextUnit(rest) {
		switch kind := h264.Type(nal[0]); {
		case kind == h264.TypeSPS, kind == h264.TypePPS:
			other, err := sets.Add(nal)
			if err != nil {
				return h264.Slice{}, false, err
			}
			changed = changed || other
		case kind.IsSlice():
			slice, err = sets.ParseSlice(nal[0], nal[1:])
			return slice, changed, err
		}
	}
	return h264.Slice{}, changed, fmt.Errorf("no slice: %w", h264.ErrInvalid)
}
