package packager

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/name"
)

// cutting is a clip that is being cut out of a broadcast. Segments that come while it gets those that are listed wait.
type cutting struct {
	*recording.Recording
	filling bool
	waiting []timeline.Recordable
}

// Clip cuts out of a stream's broadcast what its playlists have between two times, in whole segments: from the one that holds the first up
// to the one that holds the last, which may yet have to be made. It is a recording of its own. recording.ErrNoMedia: the playlists do not reach
// that far.
func (p *Packager) Clip(stream, title string, from, until time.Time) (recording.Info, error) {
	s := p.Stream(stream)
	if s == nil {
		return recording.Info{}, ErrNotLive
	}
	if !slices.ContainsFunc(s.live.Listed(), func(l timeline.Recordable) bool {
		return l.Zero.Add(timeline.FromTicks(l.Start, l.Timescale)).Before(until)
	}) {
		return recording.Info{}, recording.ErrNoMedia
	}
	r, err := p.recordings.BeginClip(stream, title, from, until)
	if err != nil {
		return recording.Info{}, p.tellable("cut", err)
	}
	c := &cutting{Recording: r, filling: true}
	s.mu.Lock()
	s.clips = append(s.clips, c)
	s.mu.Unlock()
	for _, l := range s.live.Listed() { // the rest comes by record, which may bring some again
		r.Add(l)
	}
	s.filled(c)
	if s.over() || r.Passed() {
		s.endClips()
	}
	if err := r.Futile(); err != nil {
		return recording.Info{}, p.tellable("cut", err)
	}
	return r.Info(), nil
}

// tellable is an error as clients are told it: what could not be done.
func (p *Packager) tellable(what string, err error) error {
	if errors.Is(err, recording.ErrTooMany) || errors.Is(err, recording.ErrNoMedia) || errors.Is(err, recording.ErrNotFound) {
		return err
	}
	p.opts.Logger.Error("clip could not be "+what, "error", err)
	return errors.New(p.recordings.Told(err))
}

// filled gives the clip what has come meanwhile.
func (s *Stream) filled(c *cutting) {
	for {
		s.mu.Lock()
		waiting := c.waiting
		c.waiting, c.filling = nil, len(waiting) > 0
		s.mu.Unlock()
		if len(waiting) == 0 {
			return
		}
		for _, w := range waiting {
			c.Add(w)
		}
	}
}

// endClips finishes the clips that have all that they are to have, and where the broadcast is over all of them.
func (s *Stream) endClips() {
	over := s.over()
	s.mu.Lock()
	var ended []*cutting
	s.clips = slices.DeleteFunc(s.clips, func(c *cutting) bool {
		end := !c.filling && (over || c.Passed())
		if end {
			ended = append(ended, c)
		}
		return end
	})
	s.mu.Unlock()
	for _, c := range ended {
		c.Finish(recording.StateFinished)
	}
}

// ClipRecording cuts out of a recording what it has between two of its times, in whole segments.
func (p *Packager) ClipRecording(ctx context.Context, stream, recorded, title string, start, end time.Duration) (recording.Info, error) {
	if !name.Valid(stream) || !name.Valid(recorded) {
		return recording.Info{}, recording.ErrNotFound
	}
	info, err := p.recordings.Cut(ctx, stream, recorded, title, start, end)
	if err != nil {
		return recording.Info{}, p.tellable("cut", err)
	}
	return info, nil
}

// ClipsBehind yields the clips of a stream that come behind the one of a name, newest first; with "" all of them.
func (p *Packager) ClipsBehind(stream, clip string) iter.Seq[recording.Info] {
	return func(yield func(recording.Info) bool) {
		if !name.Valid(stream) {
			return
		}
		for info := range p.recordings.BehindOf(stream, clip) {
			if info.Clip != nil && !yield(info) {
				return
			}
		}
	}
}

// FindClip is what a clip says of itself; recording.ErrNotFound.
func (p *Packager) FindClip(stream, clip string) (recording.Info, error) {
	if !name.Valid(stream) || !name.Valid(clip) {
		return recording.Info{}, recording.ErrNotFound
	}
	info, err := p.recordings.Find(stream, clip)
	if err != nil || info.Clip == nil {
		return recording.Info{}, recording.ErrNotFound
	}
	return info, nil
}

// DeleteClip deletes a clip; recording.ErrNotFound.
func (p *Packager) DeleteClip(stream, clip string) error {
	if !name.Valid(stream) || !name.Valid(clip) {
		return recording.ErrNotFound
	}
	if err := p.recordings.DeleteClip(stream, clip); err != nil {
		return p.tellable("deleted", err)
	}
	return nil
}
