package packager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-live/sluice/packager/cmaf"
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
	if r.p.opts.Remux == nil || len(inputs) == 0 || ctx.Err() != nil {
		return
	}
	if !r.p.hasRoom(remuxSpace * r.Info().Bytes) {
		r.p.jobs.postpone(r.remux)
		return
	}
	out := filepath.Join(r.dir, ".tmp-"+mp4File)
	err := r.p.opts.Remux(ctx, inputs, out)
	if ctx.Err() != nil {
		os.Remove(out)
		return // the next start does it
	}
	if err == nil {
		err = os.Rename(out, filepath.Join(r.dir, mp4File))
	}
	if err != nil {
		os.Remove(out)
		r.p.opts.Logger.Error("video.mp4 could not be made", "recording", r.dir, "error", err)
	}
	if err := r.writeFiles([]namedFile{r.remuxed(err)}, true); err != nil {
		r.p.opts.Logger.Error("recording.json could not be written", "recording", r.dir, "error", err)
	}
}

// remuxed is recording.json with the outcome.
func (r *Recording) remuxed(err error) namedFile {
	size := dirSize(r.dir)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info.MP4, r.info.Bytes = err == nil, size
	if err != nil {
		r.info.Error = strings.TrimPrefix(r.info.Error+"; no "+mp4File+": "+err.Error(), "; ")
	}
	return r.text()
}

// recoverRecordings finishes what an earlier process left: recordings that a crash has cut, and those without a video.mp4.
func (p *Packager) recoverRecordings(ctx context.Context) {
	for _, dir := range p.recordingDirs() {
		info, err := readInfo(dir)
		unfinished := err == nil && (info.State == StateRecording || !info.MP4 && info.Error == "" && p.opts.Remux != nil)
		if ctx.Err() != nil || !unfinished || p.isRunning(dir) {
			continue
		}
		if err := p.recoverRecording(ctx, dir, info); err != nil {
			p.opts.Logger.Error("recording could not be recovered", "recording", dir, "error", err)
		}
	}
}

func (p *Packager) isRunning(dir string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.recordings[dir] != nil
}

// recoverRecording lists again everything that is in the directory.
func (p *Packager) recoverRecording(ctx context.Context, dir string, info RecordingInfo) error {
	removeTemporary(dir)
	r := &Recording{p: p, dir: dir, info: info}
	if err := r.scan(ctx); err != nil {
		return err
	}
	if info.State == StateRecording {
		r.adopt(p.Timeline(info.Stream))
	}
	r.runs = slices.DeleteFunc(r.runs, func(rn *run) bool { return rn.duration() == 0 })
	if info.State != StateRecording {
		r.stopped = true
		r.remux(ctx)
		return nil
	}
	r.info.Duration = r.duration().Seconds()
	p.opts.Logger.Info("recording has been recovered", "recording", dir, "duration", r.duration())
	r.finish(StateInterrupted)
	return nil
}

// adopt takes over what the recovery of the stream found beyond the recording: the segments that ffmpeg was writing when the
// process ended. t is nil when nothing of the stream is left.
func (r *Recording) adopt(t *Timeline) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.epochs {
		n := slices.IndexFunc(r.info.Zeros, e.zero.Equal)
		for _, k := range e.tracks {
			if n < 0 || !k.recorded() {
				continue
			}
			if err := r.adoptTrack(r.runs[n], k); err != nil {
				r.p.opts.Logger.Warn("recording lacks a segment", "recording", r.dir, "error", err)
			}
		}
	}
}

// adoptTrack takes what follows on the last segment that is recorded.
func (r *Recording) adoptTrack(rn *run, k *track) error {
	for _, s := range k.epoch.timeline.listed(k) {
		if c := *rn.place(k.Video); c != nil && len(c.segments) > 0 && s.Start <= c.segments[len(c.segments)-1].start {
			continue
		}
		if err := r.keep(rn, k, s); err != nil {
			return err
		}
	}
	return nil
}

// scan finds the recorded segments and reads their times from their boxes.
func (r *Recording) scan(ctx context.Context) error {
	for n, zero := range r.info.Zeros {
		rn := r.begin(zero)
		for _, video := range [...]bool{true, false} {
			c := &copied{id: copyName(video, n+1), rung: rung{Rendition: Rendition{Video: video, ID: kindName(video), Bitrate: 1}}}
			if v := r.info.Video; v != nil && video {
				c.rung.FPS = v.FPS
			}
			if err := c.scan(ctx, r.dir); err != nil {
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
func (c *copied) scan(ctx context.Context, dir string) error {
	b, err := readBounded(filepath.Join(dir, initName(c.id)), cmaf.MaxInit)
	if err != nil {
		return nil //nolint: the run had no such rendition
	}
	if c.rung.init, err = cmaf.ParseInit(b); err != nil {
		return err
	}
	scanner := cmaf.NewScanner(c.rung.init.Defaults)
	var total, length int64
	for number := int64(1); ctx.Err() == nil; number++ {
		s, err := scanSegment(scanner, filepath.Join(dir, segmentName(c.id, number)))
		if err != nil {
			break
		}
		s.number = number
		c.segments = append(c.segments, s)
		c.rung.bandwidth = max(c.rung.bandwidth, bitrate(s.size, s.duration, c.rung.init.Timescale))
		total, length = total+s.size, length+s.duration
	}
	c.rung.average = bitrate(total, length, c.rung.init.Timescale)
	return ctx.Err()
}

// scanSegment reads the times of a whole segment file.
func scanSegment(scanner *cmaf.Scanner, name string) (taken, error) {
	f, err := os.Open(name)
	if err != nil {
		return taken{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return taken{}, err
	}
	scanner.Reset()
	frags, err := scanner.Scan(f, min(info.Size(), maxSegmentSize), nil)
	if len(frags) == 0 {
		return taken{}, errors.Join(err, errors.New("no fragment"))
	}
	start := int64(frags[0].DecodeTime)
	return taken{start: start, duration: int64(frags[len(frags)-1].End()) - start, size: info.Size()}, nil
}

// removeTemporary deletes what was being written when the process ended.
func removeTemporary(dir string) {
	names, err := fs.Glob(os.DirFS(dir), ".tmp-*")
	if err != nil {
		return // the pattern is right
	}
	for _, name := range names {
		os.Remove(filepath.Join(dir, name))
	}
}

func readInfo(dir string) (info RecordingInfo, err error) {
	b, err := readBounded(filepath.Join(dir, recordingFile), maxInfo)
	if err != nil {
		return info, err
	}
	if err := json.Unmarshal(b, &info); err != nil {
		return info, fmt.Errorf("%s: %w", recordingFile, err)
	}
	// The directory decides what the recording is called, whatever its file says.
	info.Name, info.Stream = filepath.Base(dir), filepath.Base(filepath.Dir(dir))
	return info, nil
}

// recordingDirs lists the directories of all recordings, newest first.
func (p *Packager) recordingDirs() []string {
	if p.opts.RecordingsDir == "" {
		return nil
	}
	dirs, err := fs.Glob(os.DirFS(p.opts.RecordingsDir), "[A-Za-z0-9]*/[0-9]*Z*")
	if err != nil {
		return nil // the pattern is right
	}
	for i := range dirs {
		dirs[i] = filepath.Join(p.opts.RecordingsDir, dirs[i])
	}
	slices.SortFunc(dirs, func(a, b string) int { return compareRecordings(filepath.Base(b), filepath.Base(a)) })
	return dirs
}

// compareRecordings orders names by start, and by number within a second.
func compareRecordings(a, b string) int {
	startA, numberA, _ := strings.Cut(a, "-")
	startB, numberB, _ := strings.Cut(b, "-")
	if c := strings.Compare(startA, startB); c != 0 {
		return c
	}
	x, _ := strconv.Atoi(numberA)
	y, _ := strconv.Atoi(numberB)
	return x - y
}
