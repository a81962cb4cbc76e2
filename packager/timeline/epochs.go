package timeline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Why an epoch cannot begin.
var (
	// ErrEnded says that the broadcast has ended.
	ErrEnded = errors.New("has ended")
	// ErrLive says that the epoch before is still running.
	ErrLive = errors.New("already live")
	// ErrNoRoom says that the playlists of a broadcast have no room for key frames as late as an epoch would have them.
	ErrNoRoom = errors.New("segments would be longer than the playlists say")
)

// Prepare makes the epoch for the next ffmpeg run, whose options have been validated. Enter adds it, once there is a place for its
// files. The epoch before it must have ended.
func (t *Timeline) Prepare(opts EpochOptions) (*Epoch, error) {
	if t.ended {
		return nil, ErrEnded
	}
	if t.partTarget == 0 {
		t.late = max(opts.LateKeyFrames, opts.Room)
	} else if opts.LateKeyFrames > t.late {
		return nil, fmt.Errorf("key frames up to %v late, %v at most: %w", opts.LateKeyFrames, t.late, ErrNoRoom)
	}
	e := t.newest()
	switch {
	case e != nil && e.announced:
		e = t.claimAnnounced(opts.Renditions)
	case e != nil && !e.ended:
		return nil, ErrLive
	default:
		e = nil
	}
	if e == nil {
		e = t.nextEpoch(opts.Renditions)
	}
	e.keys, e.late, e.lead = cmp.Or(opts.KeyFrames, e.keys), opts.LateKeyFrames, opts.Lead
	return e, nil
}

// Enter adds a prepared epoch to the Timeline, unless it was announced before.
func (t *Timeline) Enter(e *Epoch) {
	t.touch()
	if e.announced {
		e.announced = false
		return
	}
	t.nextName = ""
	t.epochs = append(t.epochs, e)
	t.note(epochRecord(e))
}

// newest is the newest epoch, running or not; nil before the first.
func (t *Timeline) newest() *Epoch {
	if n := len(t.epochs); n > 0 {
		return t.epochs[n-1]
	}
	return nil
}

// Newest is the newest epoch, running or not; nil before the first.
func (t *Timeline) Newest() *Epoch { return t.newest() }

// nextEpoch makes the epoch that will have the name that is hinted at.
func (t *Timeline) nextEpoch(renditions []Rendition) *Epoch {
	e := t.newEpoch(cmp.Or(t.nextName, newEpochName()), renditions)
	e.fresh = len(t.listings) == 0 && t.taken == nil
	return e
}

func (t *Timeline) newEpoch(name string, renditions []Rendition) *Epoch {
	e := &Epoch{timeline: t, name: name, base: t.nextMSN, disc: t.nextDisc, offset: t.nextOffset, keys: t.cfg.Segment}
	for _, r := range renditions {
		e.tracks = append(e.tracks, &Track{Rendition: r, epoch: e, number: 1})
	}
	if t.partTarget == 0 || t.taken != nil && len(t.epochs) == 0 { // another service may have been told of shorter parts
		t.partTarget = max(t.partTarget, t.cfg.PartTarget(renditions))
	}
	return e
}

// awaited is the epoch that the next part will belong to. Between two it is announced under the name that is hinted at, and
// begins where the last one ended.
func (t *Timeline) awaited() *Epoch {
	e := t.newest()
	if e.ended {
		var renditions []Rendition
		for _, k := range e.tracks {
			renditions = append(renditions, k.Rendition)
		}
		next := t.nextEpoch(renditions)
		next.keys, next.late = e.keys, e.late
		t.Enter(next)
		next.announced, e = true, next
	}
	e.setZero(t.edge())
	return e
}

// claimAnnounced is the announced epoch where ffmpeg can go on with it. One of other renditions, or that reaches too far back,
// ends with nothing but gaps.
func (t *Timeline) claimAnnounced(renditions []Rendition) *Epoch {
	e := t.newest()
	same := slices.EqualFunc(e.tracks, renditions, func(k *Track, r Rendition) bool { return k.Rendition == r })
	if same && t.cfg.Wall().Sub(e.zero) <= maxLead {
		return e
	}
	e.Close() // it has no files
	return nil
}

// edge is where the newest epoch that has ended ends, as a wall time; zero before the first.
func (t *Timeline) edge() time.Time {
	if t.end == 0 {
		return time.Time{}
	}
	return t.start.Add(t.end)
}

// completed renews the manifests once all renditions of the epoch have begun.
func (t *Timeline) completed(e *Epoch) {
	if !e.whole && e.complete() {
		e.whole, t.presentationStale = true, true
	}
}

// dropEpochs lets go of the epochs of which nothing is listed any more.
func (t *Timeline) dropEpochs(now time.Time) {
	oldest := t.reference().segments[0].epoch
	for len(t.epochs) > 1 && t.epochs[0] != oldest {
		t.expired = append(t.expired, Expired{Epoch: t.epochs[0].name, At: now.Add(t.cfg.Grace() + t.cfg.Segment)})
		t.epochs = t.epochs[1:]
		t.presentationStale = true
	}
}

// forget drops an epoch that never listed anything.
func (t *Timeline) forget(e *Epoch) {
	t.epochs = slices.DeleteFunc(t.epochs, func(o *Epoch) bool { return o == e })
	t.expired = append(t.expired, Expired{Epoch: e.name, At: t.cfg.Wall()})
}
