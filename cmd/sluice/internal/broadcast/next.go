package broadcast

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

// How the runs of ffmpeg of one broadcast follow each other.
const (
	restartAfter = 500 * time.Millisecond // after ffmpeg's second failure in a row; doubles with each
	maxRestarts  = 5                      // failures in a row after which a stream is given up
	steadyAfter  = 10 * time.Second       // a run this long ends a row of failures
)

// errUnwritable is why an ffmpeg is stopped whose output is lost: it would go on without a word, with a hole that playlists cannot
// express.
var errUnwritable = errors.New("the live streams cannot be written")

// history is what is known when a run of ffmpeg has ended.
type history struct {
	lasted      time.Duration
	failures    int  // of ffmpeg in a row, before this one
	wasPlayable bool // viewers had something to play while it ran
	playable    bool // they have by now, with the last of what it has written
	diskFault   bool // the live streams cannot be written

	video       depay.Codec         // that it read
	transform   transcode.Transform // that it made
	passedOn    bool                // it passed video on as it was
	hardware    bool                // it encoded by hardware
	alternates  bool                // it encoded renditions of other codecs than H.264
	layers      int                 // of a simulcast that it passed on beside the best one
	passthrough passthrough
	simulcast   simulcast
}

// action is what a broadcast does when a run of ffmpeg has ended.
type action int

const (
	restart     action = iota // it starts ffmpeg again after the pause
	waitForDisk               // it starts ffmpeg again once the disk can be written
	giveUp                    // it ends, with the error
)

// relief is what the next run encodes less because the last one was too slow.
type relief int

const (
	noRelief     relief = iota
	reduceLadder        // what this machine cannot encode in real time
	encodeNone          // everything: only what is passed on is left
)

// decision is what follows when a run of ffmpeg has ended.
type decision struct {
	action   action
	pause    time.Duration // before ffmpeg is started again
	failures int           // of ffmpeg in a row, with this one

	withoutTransform bool
	withoutHardware  bool
	relief           relief
	passthrough      passthrough // whether and how the next run passes video on
	simulcast        simulcast
}

// next decides what follows when a run of ffmpeg has ended because of cause: another run, which does less or otherwise where that may
// help, or the end of the stream when none has ever worked, or none lasts. It changes nothing.
func next(cause error, h history) decision {
	h.diskFault = h.diskFault || errors.Is(cause, errUnwritable)
	d := decision{passthrough: h.passthrough, simulcast: h.simulcast}
	otherwise := d.change(cause, h)
	d.failures = h.failures + 1
	if otherwise || h.lasted > steadyAfter {
		d.failures = 1
	}
	switch {
	case h.diskFault: // ffmpeg is not to blame
		d.action, d.failures = waitForDisk, 0
	case !otherwise && (!h.playable || d.failures > maxRestarts):
		d.action = giveUp
	}
	d.pause = pauseAfter(d.failures)
	return d
}

// change decides what the next run does otherwise, and reports whether it does.
func (d *decision) change(cause error, h history) bool {
	var (
		slow  *transcode.SlowError
		ended *transcode.PassthroughError
	)
	switch {
	case h.transformFailed():
		d.withoutTransform = true
	case errors.As(cause, &slow):
		d.relieve(h)
	case errors.As(cause, &ended) && ended.Cause == transcode.LayersApart:
		d.simulcast = h.simulcast.apart(h.lasted, ended.Cause.String())
	case errors.As(cause, &ended):
		d.passthrough = h.passthrough.ended(ended, h.video)
	case h.hardwareFailed():
		d.withoutHardware = true
	case h.passthroughFailed() && h.layers > 0 && h.simulcast.off == "":
		d.simulcast.off = "ffmpeg failed while it passed on all of them"
	case h.passthroughFailed():
		d.passthrough = h.passthrough.refused(errors.New("ffmpeg failed while it copied them"))
	default:
		return false
	}
	return true
}

// transformFailed reports whether ffmpeg has not lasted with a transform: it may lack the filter, or the machine be too slow for it.
func (h history) transformFailed() bool {
	return h.transform != transcode.TransformNone && h.lasted <= steadyAfter && !h.diskFault
}

// hardwareFailed reports whether an encoder of hardware has not lasted: it may have as many sessions as it takes.
func (h history) hardwareFailed() bool { return h.hardware && h.lasted <= steadyAfter && !h.diskFault }

// passthroughFailed reports whether ffmpeg went soon after it had begun to pass video on, which encoding may be spared. Where that has
// been seen to work it is tried once more, and a disk that cannot be written says nothing of it.
func (h history) passthroughFailed() bool {
	worked := h.wasPlayable && h.failures == 0
	return h.passedOn && h.passthrough.refusal == "" && h.lasted <= steadyAfter && !worked && !h.diskFault
}

// relieve leaves a machine that is too slow less to do. Renditions of other codecs than H.264 are the first to go, and what is passed on is the last.
func (d *decision) relieve(h history) {
	p := h.passthrough
	switch alternative := isAlternative(h.video); {
	case !h.passedOn && !alternative && p.breaks > maxBreaks && !p.retried:
		// It is encoded only because passing it on broke off too often, maybe since the machine was too slow to receive it as it came.
		p.breaks, p.refusal, p.retried = 0, "", true
		d.passthrough = p
	case h.passedOn && !alternative && !h.alternates:
		d.relief = encodeNone
	default:
		d.relief = reduceLadder
	}
}

// pauseAfter is the pause before ffmpeg is started again: none after its first failure in a row.
func pauseAfter(failures int) time.Duration {
	if failures < 2 {
		return 0
	}
	return restartAfter << (failures - 2)
}

// ended returns how the next run passes video of a codec on after one that could do so no longer.
func (p passthrough) ended(cause *transcode.PassthroughError, video depay.Codec) passthrough {
	p.breaks++
	p.quiet, p.changed = cause.Cause == transcode.KeyFrameMissing, cause.Cause == transcode.ParametersChanged
	switch tooMany := cause.Cause == transcode.PicturesTooMany; {
	case tooMany && p.fps < fastFPS && !isAlternative(video):
		p.fps = fastFPS
	case cause.Cause == transcode.KeyFrameLate:
		return p.tooLate(errors.New(cause.Cause.String()))
	case tooMany || !cause.Again():
		return p.refused(errors.New(cause.Cause.String()))
	case p.breaks > maxBreaks:
		return p.refused(fmt.Errorf("%v for the %dth time", cause.Cause, p.breaks))
	}
	return p
}
