package transcode

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// ChooseLadder returns the renditions of full that this machine encodes in real time while half of its cores stay free for
// browsers, other streams and the rest, and a sentence that says why. It measures the CPU time that ffmpeg ("" for the
// default) needs for one second of 720p, which takes about a quarter of a second.
func ChooseLadder(ctx context.Context, ffmpeg string, full Ladder) (Ladder, string) {
	cores := runtime.GOMAXPROCS(0)
	unit, err := measureUnit(ctx, orDefault(ffmpeg, DefaultFFmpeg))
	if err != nil {
		return full.within(budget(cores), unitUnmeasured, fmt.Sprintf("%d cores, speed not measured (%v)", cores, err))
	}
	return full.within(budget(cores), unit, fmt.Sprintf("%d cores, one second of 720p30 took %.2f s of CPU to encode", cores, unit))
}

// JudgeLadder says what a ladder that was chosen by somebody else is estimated to take, and whether that is more than this machine has. It
// measures as ChooseLadder does.
func JudgeLadder(ctx context.Context, ffmpeg string, l Ladder) (reason string, slow bool) {
	unit, err := measureUnit(ctx, orDefault(ffmpeg, DefaultFFmpeg))
	if err != nil {
		return fmt.Sprintf("ladder %s: as configured; what it takes was not measured (%v)", l, err), false
	}
	return l.judge(runtime.GOMAXPROCS(0), unit)
}

func (l Ladder) judge(cores int, unit float64) (reason string, slow bool) {
	need := l.units() * unit
	reason = fmt.Sprintf("ladder %s: as configured; estimated at %.2f of %d cores", l, need, cores)
	if need <= float64(cores) {
		return reason, false
	}
	reason += ", which is too much to encode in real time: "
	if dear := l.Alternates(); len(dear) > 0 {
		return reason + fmt.Sprintf("%s will be the first to go; make it smaller or leave it out", dear), true
	}
	return reason + "the best renditions will go; make them smaller or leave them out", true
}

// budget is the cores that one stream may use: half of them.
func budget(cores int) float64 { return float64(cores) / 2 }

// unitUnmeasured stands in when the measurement fails: a slow machine.
const unitUnmeasured = 0.5

// The cost model, in units: the CPU time of measureUnit. Fitted to measured runs, and some above them.
const (
	unitPixelRate  = 1280 * 720 * 30
	pixelUnits     = 0.65 // encoding that many pixels a second with the preset superfast
	sourceUnits    = 0.5  // decoding VP8 of that size, Opus to AAC, the thumbnail
	renditionUnits = 0.1  // each rendition whatever its size: scaling from the source, muxing
)

// presetUnits is what the presets, in their order, take relative to superfast.
var presetUnits = [len(presets)]float64{0.6, 1, 1.4, 2.2, 2.7, 3.1}

// units is the cost of one rendition.
func (r Rendition) units() float64 {
	return renditionUnits + pixelUnits*float64(r.Width*r.Height*r.FPS)/unitPixelRate*r.work()
}

// within drops renditions from the top until the rest costs at most the budget in cores; the last rendition stays in any case.
// A ladder without its best rendition serves everybody a little worse; without its worst it fails those on slow networks.
func (l Ladder) within(budget, unit float64, facts string) (Ladder, string) {
	units := l.units()
	first := 0
	for ; first < len(l)-1 && units*unit > budget; first++ {
		units -= l[first].units()
	}
	rest := l[first:]
	reason := fmt.Sprintf("ladder %s: estimated at %.2f of the %.1f cores that one stream may use (%s)", rest, units*unit, budget, facts)
	if first > 0 {
		reason += fmt.Sprintf("; left out as too slow: %s", l[:first])
	}
	return rest, reason
}

// measureUnit makes a second of a test picture, encodes it on one thread, and returns the CPU seconds that it took: CPU
// time and not the clock on the wall, so that it matters little what else the machine is doing.
func measureUnit(ctx context.Context, ffmpeg string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	p := newTask(ctx, []string{
		ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+error",
		"-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=8:allf=t", "-t", "1",
		"-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-threads", "1", "-b:v", "2500k", "-f", "null", "-",
	}, sandbox.Policy{CPU: shortTask}, func([]byte) {})
	if err := p.run(func() {}); err != nil {
		return 0, fmt.Errorf("measure encoding: %w", err)
	}
	state := p.cmd.ProcessState
	return (state.UserTime() + state.SystemTime()).Seconds(), nil
}
