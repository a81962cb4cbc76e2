package broadcast

import (
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

// growth brings a reduced ladder back.
type growth struct {
	governor transcode.Governor
	load     transcode.LoadMeter
	blind    bool // the machine's load cannot be read, which has been said
}

// changed notes that what was measured does not hold any more.
func (g *growth) changed() {
	g.governor.Changed()
	g.load = transcode.LoadMeter{}
}

// candidate is what a ladder may become, and what ffmpeg would then encode.
type candidate struct {
	now     transcode.Ladder
	alone   bool
	encoded transcode.Ladder
}

// candidates are what the ladder may become while a run makes of its video what its job says, the best first.
func (l *ladder) candidates(video depay.Codec, made transcode.Options) (all []candidate) {
	passedOn := made.Passthrough.Name != "" && !isAlternative(video)
	states := []candidate{{now: l.now}} // the same, beside what is passed on
	if !l.alone || !passedOn {
		states = states[:0]
		for _, more := range l.whole.Regain(l.now) {
			states = append(states, candidate{now: more, alone: l.alone})
		}
	}
	for _, c := range states {
		then := *l
		then.now, then.alone = c.now, c.alone
		c.encoded = encodedOf(then.beside(video, made.Passthrough, layersOf(made.Ladder)...))
		if !slices.Equal(c.encoded, encodedOf(made.Ladder)) {
			all = append(all, c)
		}
	}
	return all
}

// encodedOf are the renditions that are encoded.
func encodedOf(l transcode.Ladder) transcode.Ladder {
	return slices.DeleteFunc(slices.Clone(l), func(r transcode.Rendition) bool { return r.Layer != 0 })
}

// layersOf are the renditions that are layers of a simulcast.
func layersOf(l transcode.Ladder) []transcode.Rendition {
	return slices.DeleteFunc(slices.Clone(l), func(r transcode.Rendition) bool { return r.Layer == 0 })
}

// grow makes the ladder larger again.
func (l *ladder) grow(to candidate) {
	l.now, l.alone = to.now, to.alone
	l.returns++
	if l.reason = ""; l.alone || len(l.whole.Regain(l.now)) > 0 {
		l.explain()
	}
}

// govern measures once a second what ffmpeg takes and what the machine has left, and begins a larger run when there has been room for
// it. While nobody publishes nothing is learnt: a picture that stands still is encoded for little.
func (b *Broadcast) govern(now time.Time) {
	if !b.run.works() || b.video == 0 || b.input == nil {
		b.growth.changed()
		return
	}
	sample, ok, err := b.growth.load.Measure(now, b.run.job.Stats(), maxLag)
	if err != nil && !b.growth.blind {
		b.growth.blind = true
		b.log.Warn("a ladder that is reduced stays so", "error", err)
	}
	if !ok {
		return
	}
	candidates := b.ladder.candidates(b.video, b.run.made)
	ladders := make([]transcode.Ladder, len(candidates))
	for i, c := range candidates {
		ladders[i] = c.encoded
	}
	which, ok := b.growth.governor.Observe(now, sample, encodedOf(b.run.made.Ladder), ladders)
	if !ok {
		return
	}
	b.log.Info("there has been room for more of the ladder", "cores used", sample.CPU, "idle", sample.Idle)
	b.regain(candidates[which], now)
}

// regain encodes more of the ladder again, by another ffmpeg: viewers get a discontinuity.
func (b *Broadcast) regain(to candidate, now time.Time) {
	b.ladder.grow(to)
	b.growth.governor.Grew(now)
	b.log.Info("ladder grows again", "encoded", to.encoded, "still missing", b.ladder.reason)
	b.tell(Event{Kind: EventRestored, Reason: b.ladder.reason, Encoded: to.encoded})
	b.restartRun()
	b.requestKeyFrame()
}
