package transcode

import (
	"errors"
	"fmt"
	"time"

	ffmpeg "github.com/u2takey/ffmpeg-go"

	"github.com/sluice-live/sluice/depay"
)

// PassthroughCause is why video can be passed through no longer.
type PassthroughCause uint8

// The causes.
const (
	// KeyFrameLate: no key frame came in time to begin a segment, though pictures did. Whoever ignores what is asked of it will do so
	// again; a network that stood still may be better later.
	KeyFrameLate PassthroughCause = iota + 1
	// KeyFrameMisplaced: key frames come often enough, but not in the time in which a segment may begin. A next run begins with one.
	KeyFrameMisplaced
	// KeyFrameHidden: what is shown of a picture is not its key frame but what that is needed for, so that other renditions could not begin their
	// segments with it: a decoder does not tell.
	KeyFrameHidden
	// KeyFrameMissing: no key frame could come, because no pictures did.
	KeyFrameMissing
	// ParametersChanged: a parameter set or sequence header is another one than the init segment has, or the profile or the size is.
	ParametersChanged
	// PicturesReordered: a picture is to be shown before one that came before it, or not to be shown yet.
	PicturesReordered
	// PicturesTooMany: pictures come faster than the rendition's rate has room for.
	PicturesTooMany
	// PicturesUnreadable: a picture is not of the codec as far as its headers go.
	PicturesUnreadable
	// PicturesUnrepeatable: a picture is missing, and the one before it cannot be shown again.
	PicturesUnrepeatable
	// LayersApart: the layers of a simulcast do not have their key frames at the same picture, or one has stopped.
	LayersApart
)

// String returns the cause as a clause.
func (c PassthroughCause) String() string {
	switch c {
	case KeyFrameLate:
		return "no key frame came in time"
	case KeyFrameMisplaced:
		return "key frames do not come when segments may begin"
	case KeyFrameHidden:
		return "pictures come in spatial layers, of which the shown one has no key frames"
	case KeyFrameMissing:
		return "no pictures came, and so no key frame"
	case ParametersChanged:
		return "the size or another parameter changed"
	case PicturesReordered:
		return "pictures are not in the order in which they are shown"
	case PicturesTooMany:
		return "pictures come faster than the rendition's rate"
	case PicturesUnreadable:
		return "a picture cannot be read"
	case PicturesUnrepeatable:
		return "a picture cannot be repeated where the next one is missing"
	case LayersApart:
		return "the layers of the simulcast do not have their key frames at the same pictures"
	}
	return fmt.Sprintf("cause %d", uint8(c))
}

// PassthroughError reports that the video can be passed through no longer, and that the run therefore ended: ffmpeg has finished its files, of
// which the last segment is no longer than Options.Segment and Options.LateKeyFrames allow.
type PassthroughError struct {
	Cause PassthroughCause
	At    time.Duration // media time
}

// Error says why, and since when in media time.
func (e *PassthroughError) Error() string {
	return fmt.Sprintf("video can be passed through no longer: %v, at %v", e.Cause, e.At.Round(time.Millisecond))
}

// Again reports whether a next run may pass video through again, from its first key frame on: after PicturesTooMany with a higher rate. Otherwise the
// publisher is one whose pictures have to be encoded.
func (e *PassthroughError) Again() bool {
	return e.Cause == KeyFrameMissing || e.Cause == KeyFrameMisplaced || e.Cause == ParametersChanged || e.Cause == PicturesTooMany || e.Cause == LayersApart
}

var errNoKeyFrame = errors.New("not a key frame")

// notPlain is why pictures are encoded that have more samples, or deeper ones, than the decoders of most players take.
const notPlain = "samples are not 8 bit 4:2:0"

// PassthroughOf returns the rendition that copying makes of pictures that begin with a key frame, or says in words why they are to be
// encoded. The rate, in pictures per second, is that of the publisher as far as it is known, else what it is asked for. The
// bitrate is a guess for pictures of that size; a publisher that was allowed another one is better described by that.
func PassthroughOf(key depay.Frame, name string, fps int) (Rendition, error) {
	codec := newPassthroughCodec(key.Codec, key.Codec.ClockRate()/max(int64(fps), 1))
	if codec == nil {
		return Rendition{}, fmt.Errorf("%v is not passed through", key.Codec)
	}
	width, height, err := codec.describe(key.Data)
	if width == 0 {
		return Rendition{}, err
	}
	r := Rendition{Name: name, Width: width, Height: height, FPS: fps}
	r.Bitrate = min(max(r.Width*r.Height*fps/8, 500_000), MaxBitrate)
	return r, errors.Join(err, repeatable(codec), r.Validate(), r.wholeTicks())
}

// repeatable says whether the last picture can be repeated, to fill the places that stay empty.
func repeatable(codec passthroughCodec) error {
	if len(codec.repeat().data) == 0 {
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

// passthroughArgs are the options of video that is passed through at a rate; suffix selects it.
//
// The sample entry avc1 says that the parameter sets are in it and nowhere else (ISO/IEC 14496-15 §5.3.3): they are taken out of the
// samples, and with them the delimiters, which say nothing there. VP9 and AV1 do not say how long pictures last: ffmpeg 5.1 would take
// the last of a segment for one of 1/90000 s. VP9 would be put into WebM.
func passthroughArgs(c depay.Codec, fps int, suffix string) ffmpeg.KwArgs {
	lasting := fmt.Sprintf("setts=duration=%d", c.ClockRate()/int64(fps))
	args := ffmpeg.KwArgs{"c" + suffix: "copy"}
	switch c {
	case depay.H264:
		args["tag"+suffix], args["bsf"+suffix] = "avc1", "filter_units=remove_types=7-9"
	case depay.VP9:
		args["tag"+suffix], args["bsf"+suffix], args["dash_segment_type"] = "vp09", lasting, "mp4"
	case depay.AV1:
		args["tag"+suffix], args["bsf"+suffix] = "av01", lasting
	}
	return args
}
