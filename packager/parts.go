package packager

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// scan finds the fragments that have become whole.
func (k *track) scan() error {
	info, err := k.file.Stat()
	if err != nil {
		return fmt.Errorf("stat segment: %w", err)
	}
	if k.broken || k.torn || info.Size() <= k.scanner.Offset() {
		return nil
	}
	k.frags, err = k.scanner.Scan(k.file, min(info.Size(), maxSegmentSize), k.frags[:0])
	for _, f := range k.frags {
		if len(k.parts) == maxParts {
			err = fmt.Errorf("more than %d fragments", maxParts)
			break
		}
		if missing := k.missingBefore(f); missing > 0 {
			k.torn, k.size = true, f.Offset
			return fmt.Errorf("%s: %v of media are missing", filepath.Base(k.path), missing)
		}
		k.add(f)
	}
	if err != nil {
		k.broken = true
		return fmt.Errorf("scan %s: %w", filepath.Base(k.path), err)
	}
	return nil
}

// maxMissing is by how much fragments of one ffmpeg may be apart; a fragment lasts twice as long at least.
const maxMissing = 50 * time.Millisecond

// missingBefore is what is missing before a fragment; 0 for nothing. ffmpeg goes on as if nothing were when it could not write one,
// because the disk was full for a moment for example. Players would wait there for what never comes, so the epoch has to end.
func (k *track) missingBefore(f cmaf.Fragment) time.Duration {
	if missing := int64(f.DecodeTime) - k.due; k.due > 0 && missing > 0 {
		if d := ticks(missing, k.init.Timescale); d > maxMissing {
			return d
		}
	}
	return 0
}

// add puts a fragment into the part that has begun, or begins one with it. Sound comes in fragments of half a part, so that
// a segment has as many parts of sound as of pictures: the few frames that whole parts would leave over at its end would be
// a part that follows on the one before at once, and while that one is being loaded hls.js takes the two for the same.
func (k *track) add(f cmaf.Fragment) {
	if k.rest.Size == 0 {
		k.rest = Part{Offset: f.Offset, Start: int64(f.DecodeTime)}
	}
	if k.number == 1 && len(k.parts) == 0 {
		k.first = k.rest.Start
	}
	k.rest.Independent = k.rest.Independent || f.Key // rfc8216bis §4.4.4.9: it contains an independent frame
	k.rest.Size = f.Offset + f.Size - k.rest.Offset
	k.rest.Duration += int64(f.Duration)
	k.due = int64(f.DecodeTime) + int64(f.Duration)
	if end := k.rest.Start + k.rest.Duration; k.fills(end) || k.ends(end) {
		k.endPart()
	}
}

// fills reports whether a part that ends then, in ticks, reaches the next multiple of the nominal duration.
func (k *track) fills(end int64) bool {
	start := k.rest.Start
	if len(k.parts) > 0 {
		start = k.parts[0].Start
	}
	return ticks(end-start, k.init.Timescale)+time.Microsecond >= time.Duration(len(k.parts)+1)*k.epoch.timeline.p.opts.Part
}

// endPart makes a part of what has come.
func (k *track) endPart() {
	if k.rest.Size == 0 {
		return
	}
	k.parts = append(k.parts, k.rest)
	k.rest = Part{}
	k.epoch.timeline.stats.parts++
}
