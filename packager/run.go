package packager

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/hls"
)

// run is an epoch as it was recorded: pictures and sound on one clock that begins at zero.
type run struct {
	number       int // from 1, part of the files' names
	zero         time.Time
	video, audio *copied // nil when the epoch had none
}

// copied is a recorded rendition of a run.
type copied struct {
	id       string // "video-1": what its files' names begin with
	rung     rung
	segments []taken
}

// taken is one recorded segment.
type taken struct{ number, start, duration, size int64 }

func copyName(video bool, number int) string {
	return kindName(video) + "-" + strconv.Itoa(number)
}

func kindName(video bool) string {
	if video {
		return "video"
	}
	return "audio"
}

func (rn *run) place(video bool) **copied {
	if video {
		return &rn.video
	}
	return &rn.audio
}

func (c *copied) end() time.Duration {
	last := c.segments[len(c.segments)-1]
	return ticks(last.start+last.duration, c.rung.init.Timescale)
}

// bounds are where the run begins and ends, from zero. A recording that follows on a failed one begins in mid-run.
func (rn *run) bounds() (begin, end time.Duration) {
	for _, c := range [...]*copied{rn.video, rn.audio} {
		if c == nil || len(c.segments) == 0 {
			continue
		}
		first := ticks(c.segments[0].start, c.rung.init.Timescale)
		if end == 0 || first < begin {
			begin = first
		}
		end = max(end, c.end())
	}
	return begin, end
}

func (rn *run) duration() time.Duration {
	begin, end := rn.bounds()
	return end - begin
}

func (r *Recording) duration() (sum time.Duration) {
	for _, rn := range r.runs {
		sum += rn.duration()
	}
	return sum
}

// namedFile is a file to be written.
type namedFile struct {
	name  string
	bytes []byte
}

func (r *Recording) writeFiles(files []namedFile, sync bool) error {
	for _, f := range files {
		if err := writeFile(filepath.Join(r.dir, f.name), sync, f.bytes); err != nil {
			return err
		}
	}
	return nil
}

// playlists are the playlists and the MPD as of now; final ones never change again.
func (r *Recording) playlists(final bool) (files []namedFile) {
	r.stale = false
	var rungs []rung
	for _, video := range [...]bool{true, false} {
		playlist, last := r.playlist(video, final)
		if last == nil {
			continue
		}
		rg := last.rung
		rg.ID = kindName(video)
		rg.playlist = rg.ID + ".m3u8"
		rungs = append(rungs, rg)
		files = append(files, namedFile{rg.playlist, playlist.Append(nil)})
	}
	if len(rungs) == 0 {
		return nil
	}
	list, mpd := multivariantPlaylist(rungs), r.mpd()
	return append(files, namedFile{multivariant, list.Append(nil)}, namedFile{manifest, mpd.Append(nil)})
}

// playlist lists the recorded pictures or sound of all runs; the last copy is nil when there is none.
func (r *Recording) playlist(video, final bool) (p hls.MediaPlaylist, last *copied) {
	p = hls.MediaPlaylist{TargetDuration: r.p.opts.targetDuration(r.late), Type: hls.Event, Ended: final}
	if final {
		p.Type = hls.VOD
	}
	for _, rn := range r.runs {
		c := *rn.place(video)
		if c == nil {
			continue
		}
		for i, s := range c.segments {
			p.Segments = append(p.Segments, hls.Segment{
				URI:      segmentName(c.id, s.number),
				Duration: s.duration, Timescale: int64(c.rung.init.Timescale),
				Map:             initName(c.id),
				ProgramDateTime: rn.zero.Add(ticks(s.start, c.rung.init.Timescale)),
				Discontinuity:   i == 0 && last != nil,
			})
			p.TargetDuration = max(p.TargetDuration, int(ticks(s.duration, c.rung.init.Timescale).Round(time.Second)/time.Second))
		}
		last = c
	}
	return p, last
}

// mpd describes the runs as Periods, one after the other, with the exact times of their segments.
func (r *Recording) mpd() dash.MPD {
	m := dash.MPD{
		Type:          dash.Static,
		PublishTime:   r.p.opts.Wall().UTC().Truncate(time.Millisecond),
		MinBufferTime: dash.Duration(r.p.opts.Segment),
	}
	var start time.Duration
	for _, rn := range r.runs {
		d := rn.duration()
		m.Periods = append(m.Periods, dash.Period{
			ID: strconv.Itoa(rn.number), Start: dash.Duration(start), Duration: dash.Duration(d),
			AdaptationSets: rn.adaptationSets(),
		})
		start += d
	}
	m.MediaPresentationDuration = dash.Duration(start)
	return m
}

func (rn *run) adaptationSets() []dash.AdaptationSet {
	var rungs []rung
	copies := make(map[string]*copied)
	for _, c := range [...]*copied{rn.video, rn.audio} {
		if c != nil && len(c.segments) > 0 {
			rg := c.rung
			rg.ID = c.id
			rungs, copies[c.id] = append(rungs, rg), c
		}
	}
	begin, _ := rn.bounds()
	return adaptationSets(rungs, func(rg rung) dash.SegmentTemplate { return copies[rg.ID].template(begin) })
}

func (c *copied) template(begin time.Duration) dash.SegmentTemplate {
	t := dash.SegmentTemplate{
		Timescale: c.rung.init.Timescale,

		PresentationTimeOffset: inTicks(begin, uint64(c.rung.init.Timescale)),

		StartNumber: uint64(c.segments[0].number),
		Media:       "$RepresentationID$-$Number$.m4s", Initialization: "$RepresentationID$-init.mp4",
	}
	for _, s := range c.segments {
		t.Timeline = dash.AppendSegment(t.Timeline, uint64(s.start), uint64(s.duration))
	}
	return t
}

// input lists the run's files for a remux.
func (rn *run) input(dir string) RemuxInput {
	return RemuxInput{Video: rn.video.files(dir), Audio: rn.audio.files(dir), Duration: rn.duration()}
}

func (c *copied) files(dir string) []string {
	if c == nil {
		return nil
	}
	files := []string{filepath.Join(dir, initName(c.id))}
	for _, s := range c.segments {
		files = append(files, filepath.Join(dir, segmentName(c.id, s.number)))
	}
	return files
}
