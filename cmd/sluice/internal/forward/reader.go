package forward

import (
	"io"
	"os"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
)

const (
	// mostBehind is how much media a target may be behind what is listed.
	mostBehind = 8 * time.Second
	// apart is how far one medium goes on while the other does not come.
	apart = time.Second
	// maxFormats are so many that are remembered: an encoder that is started again has others.
	maxFormats = 64
)

// Source is where the media of a stream is had from.
type Source struct {
	// Watch tells of each snapshot until stop is called, and must not be made to wait.
	Watch func(watcher func(*timeline.Snapshot)) (stop func())
	// Open opens a file of an epoch by its public name.
	Open func(epoch, file string) (*os.File, error)
}

// reader reads the media of a stream in the order of decoding, from a key frame on.
type reader struct {
	open    func(epoch, file string) (*os.File, error)
	formats map[[2]string]*format // by epoch and rendition; nil: not carried
	video   *track
	audio   *track
	begin   time.Duration // where the first picture is; sound before that is left out
	begun   bool
	dropped uint64 // parts that were left out
}

// track is a medium, and how far it has been read.
type track struct {
	video   bool
	id      string // of the rendition
	epoch   string // of what was read last
	msn     int64  // of the next part
	part    int
	waits   bool // for a key frame
	pending []unit
}

func newReader(open func(epoch, file string) (*os.File, error)) *reader {
	return &reader{open: open, formats: map[[2]string]*format{}}
}

// tracks are those that the stream has.
func (r *reader) tracks() (all []*track) {
	for _, t := range []*track{r.video, r.audio} {
		if t != nil {
			all = append(all, t)
		}
	}
	return all
}

// start finds where to begin: at the newest key frame. It reports whether there is anything to begin with.
func (r *reader) start(now *timeline.Snapshot) bool {
	if now == nil || !now.Ready || now.Ended {
		return false
	}
	r.video, r.audio = nil, nil
	for _, video := range []bool{true, false} {
		t := &track{video: video, waits: video}
		if !r.seek(now, t) {
			continue
		}
		if video {
			r.video = t
		} else {
			r.audio = t
		}
	}
	if r.video != nil && r.audio != nil {
		r.audio.msn, r.audio.part = r.video.msn, 0
	}
	r.begun = false
	return r.video != nil || r.audio != nil
}

// formatsAt are those of what is begun with; nil for a medium that there is not.
func (r *reader) formatsAt(now *timeline.Snapshot) (video, audio *format) {
	for _, t := range r.tracks() {
		var f *format
		if p := now.Playlist(t.id); p != nil {
			if s, ok := find(p, t.msn); ok {
				f = r.formatOf(&s, t.id)
			}
		}
		if t.video {
			video = f
		} else {
			audio = f
		}
	}
	return video, audio
}

// seek moves a track to the newest part that can be begun with.
func (r *reader) seek(now *timeline.Snapshot, t *track) bool {
	for _, p := range now.Playlists {
		segments := p.Segments
		if p.Growing != nil {
			segments = append(segments[:len(segments):len(segments)], *p.Growing)
		}
		for i := len(segments) - 1; i >= 0; i-- {
			s := &segments[i]
			if f := r.formatOf(s, p.ID); f == nil || f.video != t.video {
				continue
			}
			for part := len(s.Parts) - 1; part >= 0; part-- {
				if !s.Parts[part].Gap && (s.Parts[part].Independent || !t.video) {
					t.msn, t.part, t.id, t.epoch, t.pending, t.waits = s.MSN, part, r.largest(now, s, t), "", nil, t.video
					return true
				}
			}
		}
	}
	return false
}

// largest is the rendition that is read from a segment on: the largest that its epoch has.
func (r *reader) largest(now *timeline.Snapshot, of *timeline.Segment, t *track) (id string) {
	most := -1
	for _, p := range now.Playlists {
		s, ok := find(p, of.MSN)
		if !ok || s.EpochName() != of.EpochName() {
			continue
		}
		if f := r.formatOf(&s, p.ID); f != nil && f.video == t.video && f.width*f.height > most {
			id, most = p.ID, f.width*f.height
		}
	}
	return id
}

// find is a segment of a playlist, which may be in progress.
func find(p *timeline.Playlist, msn int64) (timeline.Segment, bool) {
	if p.Growing != nil && p.Growing.MSN == msn {
		return *p.Growing, true
	}
	return timeline.FindSegment(p.Segments, msn)
}

// formatOf is what a segment has; nil where that is not carried, or not there.
func (r *reader) formatOf(s *timeline.Segment, id string) *format {
	if s.Gap || s.InitEpoch() != s.EpochName() {
		return nil
	}
	key := [2]string{s.EpochName(), id}
	if f, known := r.formats[key]; known {
		return f
	}
	file, err := r.open(s.EpochName(), timeline.InitName(id))
	if err != nil {
		return nil // it may come
	}
	defer file.Close()
	f, err := readFormat(file)
	if err != nil {
		f = nil
	}
	if len(r.formats) >= maxFormats {
		clear(r.formats)
	}
	r.formats[key] = f
	return f
}

// advance sends what a snapshot lists and has not been sent. The error is that of send, or io.EOF at the end of the stream.
func (r *reader) advance(now *timeline.Snapshot, send func(unit) error) error {
	for {
		r.adopt(now)
		for _, t := range r.tracks() {
			r.load(now, t)
		}
		u, ok := r.next(now.Ended)
		if !ok && now.Ended {
			return io.EOF
		}
		if !ok {
			return nil
		}
		if u.format.video || r.video == nil {
			if !r.begun {
				r.begun, r.begin = true, u.at
			}
		} else if !r.begun || u.at < r.begin {
			continue
		}
		if err := send(u); err != nil {
			return err
		}
	}
}

// adopt takes up what the stream had not when it was begun with: sound that is switched on later, or pictures.
func (r *reader) adopt(now *timeline.Snapshot) {
	for _, missing := range []**track{&r.video, &r.audio} {
		t := &track{video: missing == &r.video, waits: missing == &r.video}
		if *missing == nil && r.seek(now, t) {
			*missing = t
		}
	}
}

// next takes the unit that is decoded first, once it is known which that is.
func (r *reader) next(ended bool) (u unit, ok bool) {
	all := r.tracks()
	var first *track
	complete := true
	for _, t := range all {
		switch {
		case len(t.pending) == 0:
			complete = false
		case first == nil || t.pending[0].at < first.pending[0].at:
			first = t
		}
	}
	if first == nil || !complete && !ended && first.span() < apart {
		return unit{}, false
	}
	u, first.pending = first.pending[0], first.pending[1:]
	return u, true
}

// span is how much media waits.
func (t *track) span() time.Duration {
	if len(t.pending) == 0 {
		return 0
	}
	return t.pending[len(t.pending)-1].at - t.pending[0].at
}
