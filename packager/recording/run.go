package recording

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/hls"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// run is an epoch as it was recorded: video and audio on one clock.
type run struct {
	number       int           // from 1, part of the files' names
	zero         time.Time     // wall time of media time 0
	origin       time.Duration // decode time of that
	video, audio *copied       // nil when the epoch had none
}

// copied is a recorded rendition of a run.
type copied struct {
	id        string // "video-1": what its files' names begin with
	rendition manifest.Rendition
	segments  []kept
	synced    int // so many of them are durable; guarded by Recording.writing
}

// kept is one recorded segment.
type kept struct{ number, start, duration, size int64 }

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
	return timeline.FromTicks(last.start+last.duration, c.rendition.Init.Timescale)
}

// bounds are where the run begins and ends, from zero. A recording that follows on a failed one begins in mid-run.
func (rn *run) bounds() (begin, end time.Duration) {
	for _, c := range [...]*copied{rn.video, rn.audio} {
		if c == nil || len(c.segments) == 0 {
			continue
		}
		first := timeline.FromTicks(c.segments[0].start, c.rendition.Init.Timescale)
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
		if err := disk.WriteFile(r.store.opts.Files, filepath.Join(r.dir, f.name), sync, f.bytes); err != nil {
			return err
		}
	}
	return nil
}

// playlists are the playlists and the MPD as of now; final ones never change again.
func (r *Recording) playlists(final bool) (files []namedFile) {
	r.stale = false
	var renditions []manifest.Rendition
	for _, video := range [...]bool{true, false} {
		playlist, last := r.playlist(video, final)
		if last == nil {
			continue
		}
		rg := last.rendition
		rg.ID = kindName(video)
		rg.Playlist = rg.ID + ".m3u8"
		renditions = append(renditions, rg)
		files = append(files, namedFile{rg.Playlist, playlist.Append(nil)})
	}
	if len(renditions) == 0 {
		return nil
	}
	list, mpd := manifest.Multivariant(renditions), r.mpd()
	return append(files, namedFile{manifest.MultivariantName, list.Append(nil)}, namedFile{manifest.MPDName, mpd.Append(nil)})
}

// playlist lists the recorded video or audio of all runs; the last copy is nil when there is none.
func (r *Recording) playlist(video, final bool) (p hls.MediaPlaylist, last *copied) {
	p = hls.MediaPlaylist{TargetDuration: r.store.opts.Timing.TargetDuration(r.late), Type: hls.Event, Ended: final}
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
				URI:      timeline.SegmentName(c.id, s.number),
				Duration: s.duration, Timescale: int64(c.rendition.Init.Timescale),
				Map:             timeline.InitName(c.id),
				ProgramDateTime: rn.zero.Add(timeline.FromTicks(s.start, c.rendition.Init.Timescale)),
				Discontinuity:   i == 0 && last != nil,
			})
			p.TargetDuration = max(p.TargetDuration, int(timeline.FromTicks(s.duration, c.rendition.Init.Timescale).Round(time.Second)/time.Second))
		}
		last = c
	}
	return p, last
}

// mpd describes the runs as Periods, one after the other, with the exact times of their segments.
func (r *Recording) mpd() dash.MPD {
	m := dash.MPD{
		Type:          dash.Static,
		PublishTime:   r.store.opts.Wall().UTC().Truncate(time.Millisecond),
		MinBufferTime: dash.Duration(r.store.opts.Timing.Segment),
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
	var renditions []manifest.Rendition
	copies := make(map[string]*copied)
	for _, c := range [...]*copied{rn.video, rn.audio} {
		if c != nil && len(c.segments) > 0 {
			rg := c.rendition
			rg.ID = c.id
			renditions, copies[c.id] = append(renditions, rg), c
		}
	}
	begin, _ := rn.bounds()
	return manifest.AdaptationSets(renditions, func(rg manifest.Rendition) dash.SegmentTemplate { return copies[rg.ID].template(rn.origin, begin) })
}

func (c *copied) template(origin, begin time.Duration) dash.SegmentTemplate {
	t := dash.SegmentTemplate{
		Timescale: c.rendition.Init.Timescale,

		PresentationTimeOffset: timeline.ToTicks(origin+begin, c.rendition.Init.Timescale),

		StartNumber: uint64(c.segments[0].number),
		Media:       "$RepresentationID$-$Number$.m4s", Initialization: "$RepresentationID$-init.mp4",
	}
	first := timeline.ToTicks(origin, c.rendition.Init.Timescale)
	for _, s := range c.segments {
		t.Timeline = dash.AppendSegment(t.Timeline, first+uint64(s.start), uint64(s.duration))
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
	files := []string{filepath.Join(dir, timeline.InitName(c.id))}
	for _, s := range c.segments {
		files = append(files, filepath.Join(dir, timeline.SegmentName(c.id, s.number)))
	}
	return files
}
