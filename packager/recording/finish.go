package recording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/panics"
)

// remuxSpace is how often a recording's bytes have to be free for its video.mp4, with the temporary files of several runs.
const remuxSpace = 3

// remux makes video.mp4 of a recording that has stopped.
func (r *Recording) remux(ctx context.Context) {
	r.mu.Lock()
	var inputs []RemuxInput
	for _, rn := range r.runs {
		inputs = append(inputs, rn.input(r.dir))
	}
	r.mu.Unlock()
	if r.store.opts.Remux == nil || len(inputs) == 0 || ctx.Err() != nil {
		return
	}
	if !r.store.hasRoom(remuxSpace * r.Info().Bytes) {
		r.store.jobs.postpone(r.remux)
		return
	}
	out := filepath.Join(r.dir, ".tmp-"+mp4File)
	err := r.store.opts.Remux(ctx, inputs, out)
	if ctx.Err() != nil {
		os.Remove(out)
		return // the next start does it
	}
	if err == nil {
		err = r.place(out)
	}
	if err != nil {
		os.Remove(out)
		r.store.opts.Logger.Error("video.mp4 could not be made", "recording", r.dir, "error", err)
	}
	if err := r.writeFiles([]namedFile{r.remuxed(err)}, true); err != nil {
		r.store.opts.Logger.Error("recording.json could not be written", "recording", r.dir, "error", err)
	}
	if info := r.Info(); info.MP4 {
		r.store.step(StepReady, info)
	}
}

// place gives video.mp4 its name. It is on the disk before recording.json says so.
func (r *Recording) place(out string) error {
	files := r.store.opts.Files
	if err := files.Sync(out); err != nil {
		return err
	}
	if err := files.Rename(out, filepath.Join(r.dir, mp4File)); err != nil {
		return err
	}
	return files.Sync(r.dir)
}

// remuxed is recording.json with the outcome.
func (r *Recording) remuxed(err error) namedFile {
	size := disk.Size(r.dir)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info.MP4, r.info.Bytes = err == nil, size
	if err != nil {
		r.info.Error = strings.TrimPrefix(r.info.Error+"; no "+mp4File+": "+told(err, r.store.opts.Dir), "; ")
	}
	return r.text()
}

// Recover finishes what an earlier process left: recordings that a crash has cut, and those without a video.mp4.
func (s *Store) Recover(ctx context.Context) {
	for _, dir := range s.dirs() {
		info, err := readInfo(dir)
		unfinished := err == nil && (info.State == StateRecording || !info.MP4 && info.Error == "" && s.opts.Remux != nil)
		if ctx.Err() != nil || s.IsRunning(dir) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.opts.Logger.Warn("directory is left alone: its "+infoFile+" is none of a recording", "directory", dir, "error", err)
		}
		if !unfinished {
			continue
		}
		fault := panics.Contain(s.opts.Logger, "the recovery of a recording", func() { err = s.recoverOne(ctx, dir, info) })
		if err := errors.Join(fault, err); err != nil {
			s.opts.Logger.Error("recording could not be recovered", "recording", dir, "error", err)
		}
	}
}

// recoverOne lists again everything that is in the directory.
func (s *Store) recoverOne(ctx context.Context, dir string, info Info) error {
	disk.RemoveTemporary(dir)
	r := &Recording{store: s, dir: dir, info: info}
	if err := r.scan(ctx); err != nil {
		return err
	}
	if info.State == StateRecording {
		r.adopt(s.opts.Listed(info.Stream))
	}
	r.runs = slices.DeleteFunc(r.runs, func(rn *run) bool { return rn.duration() == 0 })
	if info.State != StateRecording {
		r.stopped = true
		r.remux(ctx)
		return nil
	}
	r.info.Duration = r.duration().Seconds()
	r.mendSources()
	s.opts.Logger.Info("recording has been recovered", "recording", dir, "duration", r.duration())
	r.Finish(StateInterrupted)
	return nil
}

// adopt keeps what the recovery of the stream found beyond the recording: the segments that ffmpeg was writing when the process
// ended.
func (r *Recording) adopt(listed []timeline.Recordable) {
	for _, s := range listed {
		n := slices.IndexFunc(r.info.Zeros, s.Zero.Equal)
		if n < 0 {
			continue
		}
		c := *r.runs[n].place(s.Rendition.Video)
		if c != nil && len(c.segments) > 0 && s.Start <= c.segments[len(c.segments)-1].start {
			continue
		}
		if err := r.keep(r.runs[n], s); err != nil {
			r.store.opts.Logger.Warn("recording lacks a segment", "recording", r.dir, "error", err)
		}
	}
}

// scan finds the recorded segments and reads their times from their boxes.
func (r *Recording) scan(ctx context.Context) error {
	for n, zero := range r.info.Zeros {
		rn := r.addRun(zero, r.info.origin(n))
		for _, video := range [...]bool{true, false} {
			c := &copied{id: copyName(video, n+1), rendition: unknownRendition(video)}
			if v := r.info.Video; v != nil && video {
				c.rendition.FPS = v.FPS
			}
			if err := c.scan(ctx, r.dir, rn.origin); err != nil {
				return err
			}
			if len(c.segments) > 0 {
				*rn.place(video) = c
			}
		}
	}
	return nil
}

// scan reads the copy's files; one that is not there or not CMAF ends it.
func (c *copied) scan(ctx context.Context, dir string, origin time.Duration) error {
	b, err := disk.ReadBounded(filepath.Join(dir, timeline.InitName(c.id)), cmaf.MaxInit)
	if err != nil {
		return nil //nolint: the run had no such rendition
	}
	if c.rendition.Init, err = cmaf.ParseInit(b); err != nil {
		return err
	}
	c.rendition.Events = c.rendition.Init.ID3()
	scanner := cmaf.NewScannerFrom(c.rendition.Init.Defaults, timeline.ToTicks(origin, c.rendition.Init.Timescale))
	var total, length int64
	for number := int64(1); ctx.Err() == nil; number++ {
		s, err := scanSegment(scanner, filepath.Join(dir, timeline.SegmentName(c.id, number)))
		if err != nil {
			break
		}
		s.number = number
		c.segments = append(c.segments, s)
		c.rendition.Bandwidth = max(c.rendition.Bandwidth, timeline.Bitrate(s.size, s.duration, c.rendition.Init.Timescale))
		total, length = total+s.size, length+s.duration
	}
	c.rendition.Average = timeline.Bitrate(total, length, c.rendition.Init.Timescale)
	return ctx.Err()
}

// unknownRendition is what a recording does not say of its renditions.
func unknownRendition(video bool) manifest.Rendition {
	return manifest.Rendition{Description: timeline.Description{Rendition: timeline.Rendition{Video: video, ID: kindName(video), Bitrate: 1}}}
}

// scanSegment reads the times of a whole segment file.
func scanSegment(scanner *cmaf.Scanner, name string) (kept, error) {
	f, err := os.Open(name)
	if err != nil {
		return kept{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return kept{}, err
	}
	scanner.Reset()
	frags, err := scanner.Scan(f, min(info.Size(), timeline.MaxSegmentSize), nil)
	if len(frags) == 0 {
		return kept{}, errors.Join(err, errors.New("no fragment"))
	}
	start := int64(frags[0].DecodeTime)
	return kept{start: start, duration: int64(frags[len(frags)-1].End()) - start, size: info.Size()}, nil
}

// origin is that of the run with the index n.
func (i *Info) origin(n int) time.Duration {
	if n >= len(i.Origins) {
		return 0
	}
	return time.Duration(i.Origins[n]) * time.Millisecond
}

func badOrigin(ms int64) bool { return ms < 0 || ms > timeline.MaxOffset.Milliseconds() }

// validate refuses what is not written here: such a directory is somebody else's, and never deleted.
func (i *Info) validate() error {
	switch i.State {
	case StateRecording, StateFinished, StateInterrupted, StateFailed:
	default:
		return fmt.Errorf("state %.40q", i.State)
	}
	if i.Started.IsZero() || i.Stream == "" || i.Name == "" {
		return errors.New("stream, name or start is missing")
	}
	if i.Bytes < 0 || i.Duration < 0 || i.Holes < 0 || len(i.Sources) > 2*maxSources || len(i.Zeros) > maxRuns || len(i.Origins) > len(i.Zeros) || slices.ContainsFunc(i.Origins, badOrigin) {
		return errors.New("a number is out of range")
	}
	if i.Clip != nil && (len(i.Clip.Title) > MaxTitle || len(i.Clip.Of) > maxNameOf) {
		return errors.New("the title is too long")
	}
	last := 0
	for n, name := range i.Sources {
		number := sourceNumber(name)
		follows := number > 0 && (number == last || number == last+1) // there may be two of a number, of different endings
		if !follows || slices.Contains(i.Sources[:n], name) {
			return fmt.Errorf("source %d is called %.40q", n+1, name)
		}
		last = number
	}
	return nil
}

// parseInfo reads what recording.json holds.
func parseInfo(b []byte) (info Info, err error) {
	if err := json.Unmarshal(b, &info); err != nil {
		return Info{}, err
	}
	return info, info.validate()
}

// readInfo reads recording.json.
func readInfo(dir string) (info Info, err error) {
	b, err := disk.ReadBounded(filepath.Join(dir, infoFile), maxInfo)
	if err != nil {
		return info, err
	}
	if info, err = parseInfo(b); err != nil {
		return Info{}, fmt.Errorf("%s: %w", infoFile, err)
	}
	// The directory decides what the recording is called, whatever its file says.
	info.Name, info.Stream = filepath.Base(dir), filepath.Base(filepath.Dir(dir))
	// Lists are lists, though older files have null.
	info.Sources, info.Zeros, info.Origins = append([]string{}, info.Sources...), append([]time.Time{}, info.Zeros...), append([]int64{}, info.Origins...)
	return info, nil
}
