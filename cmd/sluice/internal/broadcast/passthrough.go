package broadcast

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

const (
	// SourceName is the rendition that is the publisher's own video.
	SourceName = "source"

	normalFPS = 30 // rate that video is put on when it is passed on, as long as it does not come faster
	fastFPS   = 60

	// entryLead is how much longer before the publisher's first key frame passthrough begins. Where key frames are as far apart as segments are
	// long, and cannot be asked for, the next ones may so come a little early and begin a segment all the same.
	entryLead = 200 * time.Millisecond

	againAfter  = 10 * time.Second       // of encoding, before video is passed on again
	videoWithin = 500 * time.Millisecond // video that flows has come so lately
	maxBreaks   = 4                      // by one publisher, after which its video is encoded

	// lateRest is how long video is encoded whose key frame did not come in time, which may be the network's fault, before it is passed on
	// again. Each further time it is four times as long: a publisher that makes none for anybody costs its viewers few discontinuities.
	lateRest = time.Minute
)

// passthrough is whether the video of a broadcast goes to its viewers as it comes (Options.Passthrough), and why not.
type passthrough struct {
	fps     int
	breaks  int    // that this publisher has caused, by another size for example
	quiet   bool   // no video came, so that the next run does not wait for it
	changed bool   // it has another size, or another parameter, which the next run begins with
	refusal string // why video that could be passed on is encoded until the broadcast ends, or for a while, else ""
	retried bool   // it was passed on again because encoding was too slow

	late  bool          // the refusal is for a key frame that did not come in time, and holds for a while
	rest  time.Duration // for how long, the last time
	until time.Time
}

// refused has the video encoded until the broadcast ends.
func (p passthrough) refused(why error) passthrough {
	p.refusal, p.late = fmt.Sprintf("The publisher's pictures are encoded, not passed on as they are: %v.", why), false
	return p
}

// tooLate has the video encoded for a while because no key frame came in time.
func (p passthrough) tooLate(why error) passthrough {
	p = p.refused(why)
	p.late = true
	return p
}

// resting returns what follows at that time when no key frame came in time.
func (p passthrough) resting(now time.Time) passthrough {
	p.rest = max(4*p.rest, lateRest)
	p.until = now.Add(p.rest)
	return p
}

// rested returns what follows when that time has come: the video is passed on again.
func (p passthrough) rested(now time.Time) passthrough {
	if p.late && !now.Before(p.until) {
		p.refusal, p.late, p.breaks = "", false, 0
	}
	return p
}

// byAnother returns how the video of another publisher is passed on: that the one before had no key frames in time says nothing of it.
func (p passthrough) byAnother() passthrough {
	p.breaks, p.quiet = 0, false
	if p.late {
		p.refusal, p.late = "", false
	}
	p.rest = 0
	return p
}

// anew returns how video is passed on once somebody wants something else made of it: that passing on broke off too often before says nothing then.
func (p passthrough) anew() passthrough {
	if p.breaks > maxBreaks {
		p.refusal = ""
	}
	p.breaks = 0
	return p
}

// refusePassthrough has the video encoded until the broadcast ends.
func (b *Broadcast) refusePassthrough(why error) { b.setPassthrough(b.passthrough.refused(why)) }

// setPassthrough changes how video is passed on.
func (b *Broadcast) setPassthrough(p passthrough) {
	if p.late && !b.passthrough.late {
		p = p.resting(time.Now())
	}
	switch {
	case p.late && !b.passthrough.late:
		b.log.Info("video is encoded for a while", "reason", p.refusal, "for", p.rest)
	case p.refusal != b.passthrough.refusal && p.refusal != "":
		b.log.Info("video is encoded", "reason", p.refusal)
	case p.retried && !b.passthrough.retried:
		b.log.Warn("encoding is too slow: the publisher's video is passed on again")
	}
	b.passthrough = p
}

// passable reports whether video of the codec can be passed on as it is.
func passable(video depay.Codec) bool { return video == depay.H264 || isAlternative(video) }

// mayPassOn reports whether the publisher's video can be passed on once it comes. That of an upload, which cannot be asked for key
// frames, might soon be encoded all the same: for an alternative rendition that is not tried.
func (b *Broadcast) mayPassOn() bool {
	video, _ := b.input.codecs()
	switch {
	case !b.options.Passthrough, b.passthrough.refusal != "", b.transform != transcode.TransformNone,
		!passable(video), video != b.video, isAlternative(video) && b.input.recorded(), !b.input.simulcastComplete():
		return false
	}
	late, fixed := b.timeline.LateKeyFrames()
	return !fixed || late >= b.options.lateKeyFrames()
}

// whyPassOnNow returns why the next run should begin at once to pass video on, or "" if it should not.
func (b *Broadcast) whyPassOnNow(now time.Time) string {
	switch {
	case b.canPassOnNow(now):
		return "video can be passed on as it is"
	case b.layersChanged(now):
		return "other layers of the simulcast flow"
	}
	return ""
}

// canPassOnNow reports whether video can be passed on by now that is encoded for want of a key frame, or of the layers of a simulcast.
// Why it is encoded is told until then.
func (b *Broadcast) canPassOnNow(now time.Time) bool {
	before := b.passthrough
	b.passthrough = before.rested(now)
	can := b.couldPassOn(now)
	if !can {
		b.passthrough = before
	}
	return can
}

func (b *Broadcast) couldPassOn(now time.Time) bool {
	r, after := b.run, againAfter
	if b.input.isSimulcast() && !b.input.passedOn {
		after = layersAfter
	}
	if !r.works() || r.passthrough || now.Sub(r.began) <= after || now.Sub(r.videoAt) >= videoWithin || !b.mayPassOn() {
		return false
	}
	if isAlternative(r.video) && b.newest.Codec == r.video && !b.ladder.reachesDownTo(int(b.newest.Height)) {
		return false
	}
	return b.entryHasCome()
}

// entryHasCome reports whether a run that goes on with the intake can pass video on from a key frame that has just come, so that none has to
// be waited for in between. Until then the publisher is asked for one.
func (b *Broadcast) entryHasCome() bool {
	if !b.carriesOn(b.runOptions()) || b.intake.gop.begunWithin(freshWithin) {
		return true
	}
	b.requestKeyFrame()
	return false
}

// passOn describes the rendition that is the publisher's video from the entry on, or says in words why that is to be encoded.
func (b *Broadcast) passOn(from entry) (transcode.Rendition, error) {
	if isAlternative(from.key.Codec) {
		return b.ladder.alternativeOf(from.key)
	}
	if from.fast() {
		b.passthrough.fps = fastFPS
	}
	return transcode.PassthroughOf(from.key, SourceName, b.passthrough.fps)
}

// planFrom says what ffmpeg is to make of the publisher's video from an entry on; what players do not take is encoded.
func (b *Broadcast) planFrom(from entry) plan {
	if !from.found() {
		return b.plan(transcode.Rendition{})
	}
	source, err := b.passOn(from)
	if err != nil {
		if !errors.Is(err, errSmall) {
			b.refusePassthrough(err)
		}
		return b.plan(transcode.Rendition{})
	}
	if b.input != nil { // it may have left while the entry was waited for
		b.input.passedOn = true
	}
	return b.plan(source, from.renditions(source.FPS)...)
}

// entryMissed sees to key frames that have not come when they were asked for.
func (b *Broadcast) entryMissed(onlyLayers bool) {
	if onlyLayers {
		b.layersApart("a layer has no key frame where the best one has it")
		return
	}
	b.setPassthrough(b.passthrough.tooLate(errors.New("no key frame came when it was asked for")))
}
