package broadcast

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluice-live/sluice/transcode"
)

const (
	// SourceName is the rendition that is the publisher's own pictures.
	SourceName = "source"

	copiedFPS     = 30 // rate that copied pictures are put on, as long as they do not come faster
	copiedFastFPS = 60

	// copyLead is how long before the publisher's first key frame a copy begins. Where key frames are as far apart as segments are
	// long, and cannot be asked for, the next ones may so come a little early and begin a segment all the same.
	copyLead = 200 * time.Millisecond

	keyFrameWithin = 1500 * time.Millisecond // for the key frame that copying begins with
	copyAgainAfter = 10 * time.Second        // of encoding, before copying begins again
	pictureWithin  = 500 * time.Millisecond  // pictures that come have come so lately
	maxHeld        = 512                     // frames that wait for it
	maxCopyBreaks  = 4                       // by one publisher, after which its pictures are encoded
)

// copying is whether the pictures of a broadcast go to its viewers as they come (Config.Passthrough), and why not.
type copying struct {
	fps    int
	breaks int    // that this publisher has caused, by another size for example
	quiet  bool   // no pictures came, so that the next encoding does not wait for them
	reason string // why pictures that could be passed on are encoded until the broadcast ends, else ""
	tried  bool   // it was passed on again because encoding was too slow
}

// refuseCopy has the pictures encoded until the broadcast ends.
func (b *Broadcast) refuseCopy(why error) {
	b.copying.reason = fmt.Sprintf("The publisher's pictures are encoded, not passed on as they are: %v.", why)
	b.log.Info("pictures are encoded", "reason", b.copying.reason)
}

// mayCopy tells whether the publisher's pictures can be passed on once they come. Those of an upload, which cannot be asked for key frames,
// might soon be encoded all the same: for one more rendition that is not tried.
func (b *Broadcast) mayCopy() bool {
	video, _ := b.publisher.codecs()
	if !passable(video) || b.videoIn != video || alternative(video) && b.publisher.recorded() {
		return false
	}
	late, fixed := b.timeline.LateKeyFrames()
	return b.settled() && b.options.Passthrough && b.transforming.to == transcode.TransformNone && b.copying.reason == "" && (!fixed || late >= b.options.lateKeyFrames())
}

// copyEnded sees to a run that could copy no longer: the next one tries again, or encodes.
func (b *Broadcast) copyEnded(cause *transcode.CopyError) {
	if cause.Cause == transcode.LayersApart {
		b.layersApart(cause.Cause.String())
		return
	}
	b.copying.breaks++
	b.copying.quiet = cause.Cause == transcode.KeyFrameMissing
	switch {
	case cause.Cause == transcode.PicturesTooMany && b.copying.fps < copiedFastFPS && !alternative(b.videoIn):
		b.copying.fps = copiedFastFPS
	case !cause.Again() || cause.Cause == transcode.PicturesTooMany:
		b.refuseCopy(errors.New(cause.Cause.String()))
	case b.copying.breaks > maxCopyBreaks:
		b.refuseCopy(fmt.Errorf("%v for the %dth time", cause.Cause, b.copying.breaks))
	}
}

// copyRather has pictures passed on again that are encoded only because that broke off too often, once: the machine turns out to be
// too slow to encode them, and may have been too slow to receive them as they came.
func (b *Broadcast) copyRather() bool {
	c := &b.copying
	if b.run == nil || b.run.copies || alternative(b.run.video) || c.breaks <= maxCopyBreaks || c.tried {
		return false
	}
	c.breaks, c.reason, c.tried = 0, "", true
	b.log.Warn("encoding is too slow: the publisher's pictures are passed on again")
	return true
}

// copyFailed tells whether ffmpeg went soon after it had begun to copy, which encoding may be spared. It is tried once more where it
// has been seen to work, and a disk that cannot be written says nothing of it.
func (b *Broadcast) copyFailed() bool {
	switch {
	case !b.run.copies || b.copying.reason != "" || time.Since(b.run.began) > steadyAfter,
		b.timelineLives() && b.failures == 0, b.options.Disk().Fault != "":
		return false
	}
	if len(b.run.layers.rungs) > 0 && !b.layering.off {
		b.layering.off = true
		b.log.Warn("only the best layer of the simulcast is passed on from now on", "because", "ffmpeg failed while it copied all of them")
		return true
	}
	b.refuseCopy(errors.New("ffmpeg failed while it copied them"))
	return true
}

// copyAnew tells why the next copy should begin at once, if it should.
func (b *Broadcast) copyAnew(now time.Time) string {
	switch {
	case b.shouldCopy(now):
		return "pictures can be passed on as they are"
	case b.layersChanged(now):
		return "other layers of the simulcast flow"
	}
	return ""
}

// shouldCopy tells whether pictures can be copied by now that are encoded for want of a key frame, or of the layers of a simulcast.
func (b *Broadcast) shouldCopy(now time.Time) bool {
	e, after := b.run, copyAgainAfter
	if picture := b.publisher.picture(); picture != nil && picture.LayersOffered() > 0 && !b.publisher.copied {
		after = layersAfter
	}
	if e == nil || e.job == nil || e.copies || now.Sub(e.began) <= after || now.Sub(e.pictureAt) >= pictureWithin || !b.mayCopy() {
		return false
	}
	return !alternative(e.video) || b.newest.Codec != e.video || b.ladder.below(int(b.newest.Height))
}

// beginCopy starts ffmpeg with the key frames that were waited for; it encodes when the pictures are not such as players take.
func (e *run) beginCopy(s entry) error {
	b := e.broadcast
	source, err := b.copied(s.key)
	if err != nil {
		if !errors.Is(err, errSmall) {
			b.refuseCopy(err)
		}
		return e.start(transcode.Rendition{})
	}
	e.layers.try(s.layers)
	e.held = s.follows(e.held)
	if b.publisher != nil { // it may have left while it was waited for
		b.publisher.copied = true
	}
	return e.start(source, s.renditions(source.FPS)...)
}

// keyed begins the copy once all layers have a key frame of the same picture.
func (e *run) keyed() error {
	if s, ok := entryOf(e.held); ok && len(s.layers) == len(e.layers.taps) {
		return e.beginCopy(s)
	}
	return nil
}

// giveUpCopy starts ffmpeg without the layers that have no key frame or, without any key frame, with black until one comes.
func (e *run) giveUpCopy() error {
	if s, ok := entryOf(e.held); ok {
		e.broadcast.layersApart("a layer has no key frame where the best one has it")
		return e.beginCopy(s)
	}
	if !e.pictureAt.IsZero() {
		e.broadcast.refuseCopy(errors.New("no key frame came when it was asked for"))
	}
	return e.start(transcode.Rendition{})
}
