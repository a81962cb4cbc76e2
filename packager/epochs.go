package packager

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ErrNoRoom reports whether the playlists of a broadcast have no room for key frames as late as an epoch would have them.
var ErrNoRoom = errors.New("segments would be longer than the playlists say")

// BeginEpoch makes the directory for the next ffmpeg run and watches it. The epoch before it must have ended. ErrNoRoom: see
// Timeline.LateKeyFrames.
func (t *Timeline) BeginEpoch(opts EpochOptions) (*Epoch, error) {
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("begin epoch of %s: %w", t.stream, err)
	}
	e, err := t.addEpoch(opts)
	if err != nil {
		return nil, fmt.Errorf("begin epoch of %s: %w", t.stream, err)
	}
	t.p.watch(e)
	return e, nil
}

func (t *Timeline) addEpoch(opts EpochOptions) (*Epoch, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil, ErrEnded
	}
	if t.partTarget == 0 {
		t.late = max(opts.LateKeyFrames, opts.Room)
	} else if opts.LateKeyFrames > t.late {
		return nil, fmt.Errorf("key frames up to %v late, %v at most: %w", opts.LateKeyFrames, t.late, ErrNoRoom)
	}
	var e *Epoch
	if n := len(t.epochs); n > 0 && t.epochs[n-1].announced {
		e = t.takeAnnounced(opts.Renditions)
	} else if n > 0 && !t.epochs[n-1].ended {
		return nil, ErrLive
	}
	if e == nil {
		e = t.nextEpoch(opts.Renditions)
	}
	e.keys, e.late, e.lead = cmp.Or(opts.KeyFrames, e.keys), opts.LateKeyFrames, opts.Lead
	if err := os.MkdirAll(e.out(""), 0o755); err != nil {
		return nil, err
	}
	t.enter(e)
	t.touch()
	t.publish()
	return e, nil
}

// nextEpoch makes the epoch that will have the name that is hinted at.
func (t *Timeline) nextEpoch(renditions []Rendition) *Epoch {
	e := t.newEpoch(cmp.Or(t.nextName, newEpochName()), renditions)
	if e.fresh = len(t.listings) == 0; e.fresh {
		e.base++ // a number for the gap before it
	}
	return e
}

// enter adds the epoch to the Timeline, unless it was announced before.
func (t *Timeline) enter(e *Epoch) {
	if e.announced {
		e.announced = false
		return
	}
	t.nextName = ""
	t.epochs = append(t.epochs, e)
	t.write(epochRecord(e))
}

func (t *Timeline) newEpoch(name string, renditions []Rendition) *Epoch {
	e := &Epoch{
		timeline: t, name: name, dir: filepath.Join(t.dir, name),
		base: t.nextMSN, disc: t.nextDisc, keys: t.p.opts.Segment,
	}
	for _, r := range renditions {
		e.tracks = append(e.tracks, &track{Rendition: r, epoch: e, number: 1})
	}
	if t.partTarget == 0 {
		t.partTarget = t.p.opts.partTarget(renditions)
	}
	return e
}

// closeEpoch ends the newest epoch, if it has not ended.
func (t *Timeline) closeEpoch() error {
	n := len(t.epochs)
	if n == 0 {
		return nil
	}
	t.p.unwatch(t.epochs[n-1])
	return t.epochs[n-1].close()
}

// edge is where the newest epoch that has ended ends, as a wall time; zero before the first.
func (t *Timeline) edge() time.Time {
	if t.end == 0 {
		return time.Time{}
	}
	return t.ast.Add(t.end)
}

// completed renews the manifests once all renditions of the epoch have begun.
func (t *Timeline) completed(e *Epoch) {
	if !e.whole && e.complete() {
		e.whole, t.mpdStale = true, true
	}
}

// dropEpochs lets go of the epochs of which nothing is listed any more.
func (t *Timeline) dropEpochs(now time.Time) {
	oldest := t.reference().segments[0].epoch
	for len(t.epochs) > 1 && t.epochs[0] != oldest {
		t.doomed = append(t.doomed, doomed{path: t.epochs[0].dir, at: now.Add(t.p.opts.grace() + t.p.opts.Segment)})
		t.epochs = t.epochs[1:]
		t.mpdStale = true
	}
}

// forget drops an epoch that never listed anything.
func (t *Timeline) forget(e *Epoch) {
	t.epochs = slices.DeleteFunc(t.epochs, func(o *Epoch) bool { return o == e })
	t.doomed = append(t.doomed, doomed{path: e.dir, at: t.p.opts.Wall()})
}
