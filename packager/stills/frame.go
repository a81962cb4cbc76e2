package stills

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/timeline"
)

// Why there is no frame.
var (
	errStarting = errors.New("nothing can be played yet")
	errNoVideo  = errors.New("no video")
	errBefore   = errors.New("before the window")
)

// source is one stream, as it is listed at a moment.
type source struct {
	stream string
	now    *timeline.Snapshot
	open   func(epoch, name string) (*os.File, error)
}

// key names a picture: what it stands for never changes.
type key struct {
	epoch, id string
	msn       int64
	number    int // from 0, in the segment
}

// frame is one picture of a stream, and where it is.
type frame struct {
	key
	init []byte    // the initialization segment
	end  int64     // bytes of the segment up to the end of the fragment that has it
	wall time.Time // when it was captured
}

// newest is later than any picture.
var newest = time.Unix(math.MaxInt32, 0)

// at finds the picture that was shown at an instant, of the best rendition that has it.
func (s source) at(instant time.Time) (frame, error) {
	ids, err := s.renditions()
	if err != nil {
		return frame{}, err
	}
	fault := errBefore
	for _, id := range ids {
		p := s.now.Playlist(id)
		if p == nil {
			continue
		}
		segment, ok := find(p, instant)
		if !ok {
			continue
		}
		f, err := s.frameOf(id, segment, instant)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // it has just left the window
			fault = err
		}
	}
	return frame{}, fault
}

// renditions are the ids of those with video, the best first.
func (s source) renditions() (ids []string, err error) {
	if s.now.Presentation == nil {
		return nil, errStarting
	}
	all := slices.Clone(s.now.Presentation.Renditions)
	slices.SortStableFunc(all, func(a, b timeline.Description) int {
		return cmp.Compare(b.Init.Width*b.Init.Height, a.Init.Width*a.Init.Height)
	})
	for _, r := range all {
		if r.Video {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		return nil, errNoVideo
	}
	return ids, nil
}

// find is the last segment of a playlist that begins at the instant or before and has something to show.
func find(p *timeline.Playlist, instant time.Time) (timeline.Segment, bool) {
	if g := p.Growing; g != nil && listed(g) > 0 && !g.Wall().After(instant) {
		return *g, true
	}
	for i := len(p.Segments) - 1; i >= 0; i-- {
		if s := &p.Segments[i]; listed(s) > 0 && !s.Wall().After(instant) {
			return *s, true
		}
	}
	return timeline.Segment{}, false
}

// listed is how many bytes of a segment can be decoded from its beginning on.
func listed(s *timeline.Segment) (size int64) {
	switch {
	case s.Gap:
		return 0
	case len(s.Parts) == 0:
		return s.Size
	}
	for _, p := range s.Parts {
		if p.Gap {
			break
		}
		size = p.Offset + p.Size
	}
	return size
}

// frameOf finds the picture in the segment. Those of a fragment are taken to be as far from each other.
func (s source) frameOf(id string, segment timeline.Segment, instant time.Time) (frame, error) {
	init, err := s.read(segment.InitEpoch(), timeline.InitName(id))
	if err != nil {
		return frame{}, err
	}
	track, err := cmaf.ParseInit(init)
	if err != nil {
		return frame{}, err
	}
	file, err := s.open(segment.EpochName(), timeline.SegmentName(id, segment.MSN))
	if err != nil {
		return frame{}, err
	}
	defer file.Close()
	fragments, err := cmaf.NewScanner(track.Defaults).Scan(file, listed(&segment), nil)
	if len(fragments) == 0 {
		return frame{}, errors.Join(err, io.ErrUnexpectedEOF)
	}
	f := frame{key: key{epoch: segment.EpochName(), id: id, msn: segment.MSN}, init: init}
	wanted := instant.Sub(segment.Wall())
	begin := func(n cmaf.Fragment, sample int) time.Duration {
		ticks := n.DecodeTime - fragments[0].DecodeTime + n.Duration*uint64(sample)/uint64(max(n.Samples, 1))
		return timeline.FromTicks(int64(ticks), track.Timescale)
	}
	before := 0
	for i, n := range fragments {
		if i > 0 && begin(n, 0) > wanted {
			break
		}
		inside := 0
		for inside+1 < n.Samples && begin(n, inside+1) <= wanted {
			inside++
		}
		f.number, f.end, f.wall = before+inside, n.Offset+n.Size, segment.Wall().Add(begin(n, inside))
		before += n.Samples
	}
	return f, nil
}

// read is a small file of an epoch.
func (s source) read(epoch, name string) ([]byte, error) {
	if epoch == "" {
		return nil, fs.ErrNotExist
	}
	file, err := s.open(epoch, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, cmaf.MaxInit))
}

// decode hands what has to be decoded for a frame to decoder.
func (s source) decode(f frame, decoder func(media io.Reader, number int) ([]byte, error)) ([]byte, error) {
	file, err := s.open(f.epoch, timeline.SegmentName(f.id, f.msn))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return decoder(io.MultiReader(bytes.NewReader(f.init), io.NewSectionReader(file, 0, f.end)), f.number)
}
