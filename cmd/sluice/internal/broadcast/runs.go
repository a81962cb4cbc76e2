package broadcast

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// maxLogs bounds the logs that the ffmpegs of one broadcast leave.
const maxLogs = 999

// startRun starts a run. A failure to start counts like an early exit. One that may pass video on waits for a key frame first.
//
// It reads the tracks of the publisher and all those that viewers have had: fillers carry on what this publisher does not
// send, because players wait for ever for a rendition that they have begun to play and that has nothing any more.
func (b *Broadcast) startRun() {
	video, audio := b.input.codecs()
	b.video, b.audio = cmp.Or(video, b.video), cmp.Or(audio, b.audio)
	b.growth.changed()
	r, err := newRun(b.runOptions())
	switch {
	case err != nil:
		r = failedRun(b.video, b.audio, err)
	case b.mayPassOn() && !b.passthrough.quiet:
		within := freshWithin
		if b.passthrough.changed {
			within = unseenWithin
		}
		r.waitForEntry(within)
	default:
		r.start(entry{})
	}
	b.run, b.intake, b.passthrough.changed = r, r.intake, false
}

// carriesOn reports whether the next run can go on with the intake of the last one. After a second failure in a row it does not: ffmpeg
// may have failed of the pictures that it would be given again.
func (b *Broadcast) carriesOn(o runOptions) bool { return b.failures < 2 && b.intake.carriesOn(o) }

func (b *Broadcast) runOptions() runOptions {
	o := runOptions{
		video: b.video, audio: b.audio, parameterSets: b.input.parameterSets(),
		slate: b.options.Slates[b.video], opening: b.opening(), requestKeyFrame: b.requestKeyFrame,
		timeline: b.timeline, wall: b.options.Wall, logFile: b.logFile,
		received: b.received, plan: b.planFrom, missed: b.entryMissed, log: b.log,
	}
	if b.mayPassLayersOn() {
		o.simulcast = b.input.videoTrack()
	}
	if b.carriesOn(o) {
		o.intake = b.intake
	}
	return o
}

// opening is the key frame that viewers see until video comes: the newest one that was received, or nil while the publisher's next one
// is on its way.
func (b *Broadcast) opening() []byte {
	if b.input != nil && !b.passthrough.quiet || b.newest.Codec != b.video {
		return nil
	}
	return b.newest.Data
}

// received keeps a frame that the publisher has sent, and remembers what a later run may begin with.
func (b *Broadcast) received(f depay.Frame, zero time.Time) {
	b.source.write(f, zero, b.video, b.audio)
	b.meter.count(f)
	if f.Key && f.Codec == b.video {
		b.newest = f
	}
}

// plan says what ffmpeg is to make: to pass video on as the rendition source, and layers as renditions where they fit, or, without
// a source, to encode it.
func (b *Broadcast) plan(source transcode.Rendition, layers ...transcode.Rendition) plan {
	o, encoded := &b.options, b.ladder.beside(b.video, source, layers...)
	p := plan{passthrough: source.Name != "", job: transcode.Options{
		FFmpeg: o.FFmpeg,
		Video:  b.video, Audio: b.audio,
		Passthrough: source, Ladder: encoded, Encoder: o.Encoder,
		Transform: b.transform, Title: o.Stream, Logo: o.Logo, Faces: o.Faces, OnFaces: b.foundFaces,
		MaxLag:  b.maxLag(source, encoded),
		Segment: o.Segment, Part: o.Part, Window: ffmpegWindow(o.Segment),
		KeyFrames: o.keyFrames(source.Name != ""), Buffer: o.Buffer,
		Logger:          b.log,
		RequestKeyFrame: b.requestKeyFrame,
	}}
	p.epoch = timeline.EpochOptions{Renditions: b.ladder.standIns(renditions(p.job)), KeyFrames: p.job.KeyFrames, Lead: o.Segment}
	if p.passthrough {
		p.job.LateKeyFrames = o.lateKeyFrames()
		p.epoch.LateKeyFrames = o.lateKeyFrames()
		p.epoch.Lead += entryLead
	}
	if o.Passthrough && passable(b.video) {
		p.epoch.Room = o.lateKeyFrames()
	}
	return p
}

// ffmpegWindow is how much ffmpeg lists, and keeps as long again: the packager gives each file a name of its own as soon as
// it is whole, and alone decides what goes. More would only fill the disk, as bytes go with the last of both names.
func ffmpegWindow(segment time.Duration) time.Duration { return max(time.Minute, 10*segment) }

// logFile is where the words of the next ffmpeg are kept: with the recording, or without one as long as the epoch's media; ""
// for nowhere.
func (b *Broadcast) logFile(e *live.Epoch) string {
	if b.runs++; b.runs > maxLogs {
		return ""
	}
	if r := b.timeline.Recording(); r != nil {
		return filepath.Join(r.Dir(), fmt.Sprintf("ffmpeg-%d.log", b.runs))
	}
	return filepath.Join(e.Dir(), "ffmpeg.log")
}

// runEnded sees to a run that has ended by itself, or has to: with nobody there the next one is fed fillers, so that the stream goes on
// for its viewers. The error is that of a stream that is given up.
func (b *Broadcast) runEnded(cause error) error {
	if cause == nil {
		cause = errors.New("ffmpeg ended by itself")
	}
	h := b.history()
	b.endRun(cause)
	h.playable, h.diskFault = b.playable(), b.options.Disk().Fault != ""
	return b.apply(next(cause, h), cause)
}

func (b *Broadcast) history() history {
	return history{
		lasted: time.Since(b.run.began), failures: b.failures, wasPlayable: b.playable(),
		video: b.run.video, transform: b.transform, passedOn: b.run.passthrough, hardware: b.run.made.UsesHardware(), alternates: len(b.run.made.Ladder.Alternates()) > 0, layers: len(b.run.layers.passed),
		passthrough: b.passthrough, simulcast: b.simulcast,
	}
}

// apply does what has been decided after a run has ended because of cause.
func (b *Broadcast) apply(d decision, cause error) error {
	if d.withoutTransform {
		b.transformReason = fmt.Sprintf("The pictures are not transformed to %q: ffmpeg failed with that.", b.transform)
		b.log.Warn("transform is given up", "transform", b.transform, "error", cause)
		b.transform = transcode.TransformNone
		b.loseFaces()
	}
	if d.withoutHardware {
		b.log.Warn("the encoder is given up for this broadcast, x264 takes its place", "encoder", b.options.Encoder, "error", cause)
		b.options.Encoder = transcode.Encoder{}
	}
	b.relieve(d.relief, cause)
	b.setPassthrough(d.passthrough)
	b.setSimulcast(d.simulcast)
	b.failures = d.failures
	if d.action == giveUp {
		return cause
	}
	b.restarts++
	b.retryAt = time.Now().Add(d.pause)
	switch {
	case d.action == waitForDisk:
		b.log.Warn("ffmpeg is stopped until the disk can be written", "error", cause, "because", b.options.Disk().Fault)
	case errors.As(cause, new(*transcode.PassthroughError)):
		b.log.Info("starting ffmpeg anew", "because", cause)
	default:
		b.log.Warn("ffmpeg has failed, starting it again", "error", cause, "in", d.pause)
	}
	return nil
}

// relieve leaves less to encode when ffmpeg was too slow.
func (b *Broadcast) relieve(r relief, cause error) {
	var slow *transcode.SlowError
	if r == noRelief || !errors.As(cause, &slow) {
		return
	}
	if r == encodeNone {
		b.ladder.encodeNone(slow)
	} else {
		b.ladder.reduce(slow)
	}
	b.growth.governor.Reduced(time.Now())
	b.tell(Event{Kind: EventReduced, Reason: b.ladder.reason, Encoded: b.ladder.encoded()})
	b.log.Warn("ladder is reduced", "reason", b.ladder.reason, "lag", slow.Lag, "speed", slow.Speed)
}

// restartRun ends the run and begins another at once, which does otherwise what the broadcast has been told meanwhile.
func (b *Broadcast) restartRun() {
	b.endRun(nil)
	b.startRun()
}

// endRun ends the run, if there is one, because of cause; what ffmpeg says beyond that is logged.
func (b *Broadcast) endRun(cause error) {
	if b.run == nil {
		return
	}
	if err := b.run.end(); err != nil && !errors.Is(cause, err) {
		b.log.Warn("ffmpeg ended with an error", "error", err)
	}
	b.run = nil
}
