package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluice-live/sluice/packager/timeline"
)

// Bounds of clips.
const (
	MaxTitle  = 200       // bytes of a title
	MaxClip   = time.Hour // how long one is
	maxClips  = 8         // that are being cut at once
	maxQueue  = 64        // video.mp4 that wait to be made, beyond which no clip is cut
	maxNameOf = 64        // bytes of a recording's name
)

// Why nothing is cut.
var (
	ErrNoMedia  = errors.New("nothing of that time is there")
	ErrTooMany  = errors.New("too many clips are being cut")
	ErrNotFound = errors.New("there is no such recording")
)

// Clip is what recording.json says of a part that was cut out of a broadcast: whole segments, without encoding.
type Clip struct {
	Title string    `json:"title"`
	From  time.Time `json:"from,omitzero"` // when its first picture was captured; absent while it is being cut
	Of    string    `json:"of,omitempty"`  // the recording that it was cut out of; absent for a clip of a live stream
}

// begun is the clip with the time of its first segment.
func (c *Clip) begun(s timeline.Recordable) *Clip {
	if c == nil || !c.From.IsZero() {
		return c
	}
	with := *c
	with.From = s.Zero.Add(timeline.FromTicks(s.Start, s.Timescale)).UTC().Truncate(time.Millisecond)
	return &with
}

// ValidTitle reports whether a clip can be called so: a line of text, which does not turn the direction of what stands beside it.
func ValidTitle(title string) bool {
	return len(title) <= MaxTitle && utf8.ValidString(title) && !strings.ContainsFunc(title, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
	})
}

// BeginClip begins a clip of a broadcast: of what is added to it, it keeps the segments between two times.
func (s *Store) BeginClip(stream, title string, from, until time.Time) (*Recording, error) {
	free, err := s.mayCut()
	if err != nil {
		return nil, err
	}
	defer free()
	return s.begin(stream, bounds{from: from, until: until}, &Clip{Title: title})
}

// mayCut bounds the clips that are being cut at once, and the work that waits. The place is taken until free is called, by when the clip is
// among those that run.
func (s *Store) mayCut() (free func(), err error) {
	free = sync.OnceFunc(func() { s.cutting.Add(-1) })
	clips := int(s.cutting.Add(1))
	for _, r := range s.all() {
		if r.Info().Clip != nil {
			clips++
		}
	}
	if clips > maxClips || len(s.jobs.queue) >= maxQueue {
		free()
		return nil, ErrTooMany
	}
	return free, nil
}

// Cut makes a clip of what a recording has between two of its times, in whole segments.
func (s *Store) Cut(ctx context.Context, stream, name, title string, start, end time.Duration) (Info, error) {
	free, err := s.mayCut()
	if err != nil {
		return Info{}, err
	}
	defer free()
	runs, dir, err := s.recorded(ctx, stream, name)
	if err != nil {
		return Info{}, err
	}
	pieces := cut(runs, dir, start, end)
	if len(pieces) == 0 {
		return Info{}, ErrNoMedia
	}
	r, err := s.begin(stream, bounds{}, &Clip{Title: title, Of: name})
	if err != nil {
		return Info{}, err
	}
	free()
	for _, piece := range pieces {
		r.Add(piece)
	}
	r.Finish(StateFinished)
	if err := r.Futile(); err != nil {
		return Info{}, err
	}
	return r.Info(), nil
}

// Futile says why there is nothing of a clip that is over already, or not all, and takes away what there is; nil: it goes on, or is whole.
func (r *Recording) Futile() error {
	info := r.Info()
	switch {
	case info.State == StateFailed:
		r.writing.Lock()
		defer r.writing.Unlock()
		r.settled = true
		r.store.forget(r)
		if err := r.store.remove(r.dir); err != nil {
			r.store.opts.Logger.Error("clip that has failed could not be deleted", "recording", r.dir, "error", err)
		}
		return errors.New(info.Error)
	case r.Over() && info.Clip.From.IsZero():
		return ErrNoMedia
	}
	return nil
}

// recorded are the runs of a recording, one that runs as far as it has come.
func (s *Store) recorded(ctx context.Context, stream, name string) (runs []*run, dir string, err error) {
	dir = filepath.Join(s.opts.Dir, stream, name)
	s.mu.Lock()
	running := s.running[dir]
	s.mu.Unlock()
	if running != nil {
		return running.copyRuns(), dir, nil
	}
	info, err := readInfo(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, dir, ErrNotFound
	}
	if err != nil {
		return nil, dir, err
	}
	r := &Recording{store: s, dir: dir, info: info}
	if err := r.scan(ctx); err != nil {
		return nil, dir, fmt.Errorf("read the recording: %w", err)
	}
	return slices.DeleteFunc(r.runs, func(rn *run) bool { return rn.duration() == 0 }), dir, nil
}

// copyRuns are the runs as they are now.
func (r *Recording) copyRuns() (runs []*run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rn := range r.runs {
		with := *rn
		for _, place := range [...]**copied{&with.video, &with.audio} {
			if *place != nil {
				c := **place
				*place = &c
			}
		}
		runs = append(runs, &with)
	}
	return runs
}

// cut are the segments of a recording between two of its times: of video those that overlap, of audio those that go with them.
func cut(runs []*run, dir string, start, end time.Duration) (pieces []timeline.Recordable) {
	offset := time.Duration(0)
	for _, rn := range runs {
		begin, stop := rn.bounds()
		low, high := begin+start-offset, begin+end-offset // in the run's own time
		offset += stop - begin
		for _, c := range [...]*copied{rn.video, rn.audio} {
			if c == nil {
				continue
			}
			var first, last time.Duration
			found := false
			for _, k := range c.segments {
				from := timeline.FromTicks(k.start, c.rendition.Init.Timescale)
				to := timeline.FromTicks(k.start+k.duration, c.rendition.Init.Timescale)
				middle := from + (to-from)/2
				within := from < high && to > low
				if c == rn.audio && rn.video != nil {
					within = middle >= low && middle < high
				}
				if !within {
					continue
				}
				if !found {
					first = from
				}
				found, last = true, to
				pieces = append(pieces, rn.piece(c, k, dir))
			}
			if c == rn.video {
				low, high = first, last // zero where there is none
			}
		}
	}
	return pieces
}

// piece is a segment as another recording keeps it.
func (rn *run) piece(c *copied, k kept, dir string) timeline.Recordable {
	return timeline.Recordable{
		Segment: timeline.Segment{MSN: k.number, Start: k.start, Duration: k.duration, Timescale: c.rendition.Init.Timescale, Size: k.size},
		Epoch:   copyName(true, rn.number), Rendition: c.rendition.Description, Zero: rn.zero, Origin: rn.origin,
		InitFile: filepath.Join(dir, timeline.InitName(c.id)), MediaFile: filepath.Join(dir, timeline.SegmentName(c.id, k.number)),
	}
}

// Find is what a recording, or a clip, says of itself.
func (s *Store) Find(stream, name string) (Info, error) {
	dir := filepath.Join(s.opts.Dir, stream, name)
	s.mu.Lock()
	r := s.running[dir]
	s.mu.Unlock()
	if r != nil {
		return r.Info(), nil
	}
	info, err := readInfo(dir)
	if errors.Is(err, os.ErrNotExist) {
		err = ErrNotFound
	}
	return info, err
}

// DeleteClip deletes a clip. One that is being cut is not found yet.
func (s *Store) DeleteClip(stream, name string) error {
	s.retaining.Lock()
	defer s.retaining.Unlock()
	dir := filepath.Join(s.opts.Dir, stream, name)
	info, err := s.Find(stream, name)
	switch {
	case err != nil:
		return err
	case info.Clip == nil || s.IsRunning(dir):
		return ErrNotFound
	}
	s.opts.Logger.Info("clip has been deleted", "recording", dir)
	return s.remove(dir)
}
