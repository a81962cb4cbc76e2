package packager

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// States of a recording.
const (
	StateRecording   = "recording"   // running
	StateFinished    = "finished"    // the broadcast ended properly
	StateInterrupted = "interrupted" // cut by a crash, playable up to there
	StateFailed      = "failed"      // stopped by the disk (full, or an error), playable up to there
)

const (
	recordingFile = "recording.json"
	mp4File       = "video.mp4"
	maxInfo       = 256 << 10 // bytes of recording.json
	maxPerSecond  = 999       // recordings of a stream that begin in the same second
)

// RecordingInfo is recording.json.
type RecordingInfo struct {
	Stream   string         `json:"stream"`
	Name     string         `json:"name"` // of its directory, the start in UTC such as 20261120T194500Z
	State    string         `json:"state"`
	Error    string         `json:"error,omitempty"` // why it failed, or has no video.mp4
	Started  time.Time      `json:"started"`
	Ended    time.Time      `json:"ended,omitzero"`
	Duration float64        `json:"duration"` // seconds of media
	Bytes    int64          `json:"bytes"`    // on disk, all files
	Sources  []string       `json:"sources"`  // source-1.webm and so on
	MP4      bool           `json:"mp4"`      // video.mp4 is there
	Video    *RecordedVideo `json:"video,omitempty"`
	Audio    *RecordedAudio `json:"audio,omitempty"`
	Holes    int            `json:"holes,omitempty"` // in the sources: how often the disk was too slow for them
	Zeros    []time.Time    `json:"zeros"`           // wall time of media time 0 of each run, as named in the files
}

// RecordedVideo describes the recorded pictures.
type RecordedVideo struct {
	Codec  string  `json:"codec"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	FPS    float64 `json:"fps"`
}

// RecordedAudio describes the recorded sound.
type RecordedAudio struct {
	Codec      string `json:"codec"`
	SampleRate int    `json:"sampleRate"`
	Channels   int    `json:"channels"`
}

// Recording is one broadcast on disk: its best rendition and its sound, as the live stream had them, and its sources.
type Recording struct {
	p   *Packager
	dir string

	mu      sync.Mutex
	info    RecordingInfo
	epoch   *Epoch // of the last run
	runs    []*run
	stopped bool // nothing more is taken
	settled bool // and that is on the disk
	stale   bool // playlists do not list everything
	flushed time.Time
}

// newRecording makes the directory of a broadcast that begins now; nil when recording is off.
func (p *Packager) newRecording(stream string) (*Recording, error) {
	if !p.opts.Record {
		return nil, nil
	}
	now := p.opts.Wall().UTC()
	r := &Recording{p: p, info: RecordingInfo{Stream: stream, State: StateRecording, Started: now.Truncate(time.Millisecond), Sources: []string{}}}
	parent := filepath.Join(p.opts.RecordingsDir, stream)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		r.info.Name = recordingName(now, n)
		r.dir = filepath.Join(parent, r.info.Name)
		err := os.Mkdir(r.dir, 0o755)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) || n == maxPerSecond {
			return nil, err
		}
	}
	p.mu.Lock()
	p.recordings[r.dir] = r // before recording.json is there, which a recovery would take for one that was cut
	p.mu.Unlock()
	if err := r.writeInfo(); err != nil {
		p.forgetRecording(r)
		return nil, errors.Join(err, os.RemoveAll(r.dir))
	}
	return r, nil
}

func recordingName(start time.Time, n int) string {
	name := start.Format("20060102T150405Z")
	if n > 1 {
		name += "-" + strconv.Itoa(n)
	}
	return name
}

// writeInfo replaces recording.json; it is on the disk then.
func (r *Recording) writeInfo() error {
	b, err := json.MarshalIndent(r.info, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(r.dir, recordingFile), true, append(b, '\n'))
}

// Dir is where the recording is kept.
func (r *Recording) Dir() string { return r.dir }

// Info is what recording.json says or will say.
func (r *Recording) Info() RecordingInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.info
}

// add takes a segment that is about to be listed. A disk that fails the recording does not fail the live stream.
func (r *Recording) add(k *track, s Segment) {
	if !k.recorded() {
		return
	}
	r.mu.Lock()
	err := r.take(k, s)
	r.mu.Unlock()
	if err != nil {
		r.finish(StateFailed, fmt.Errorf("record segment: %w", err))
	}
}

// recorded tells whether the track is the first of its kind in its epoch.
func (k *track) recorded() bool {
	for _, o := range k.epoch.tracks {
		if o.Video == k.Video {
			return o == k
		}
	}
	return false
}

func (r *Recording) take(k *track, s Segment) error {
	if r.stopped {
		return nil
	}
	if r.epoch != s.epoch {
		r.epoch = s.epoch
		r.begin(s.epoch.zero)
		if err := r.writeInfo(); err != nil {
			return err
		}
	}
	rn := r.runs[len(r.runs)-1]
	c, err := r.copyOf(rn, k)
	if err != nil {
		return err
	}
	number := s.MSN - s.epoch.base + 1
	if err := linkOrCopy(s.epoch.out(segmentName(k.ID, s.MSN)), filepath.Join(r.dir, segmentName(c.id, number))); err != nil {
		return err
	}
	c.segments = append(c.segments, taken{number, s.Start, s.Duration, s.Size})
	r.info.Bytes += s.Size
	r.info.Duration = r.duration().Seconds()
	r.stale = true
	return nil
}

// begin adds a run.
func (r *Recording) begin(zero time.Time) *run {
	rn := &run{number: len(r.runs) + 1, zero: zero}
	r.runs = append(r.runs, rn)
	if len(r.info.Zeros) < rn.number {
		r.info.Zeros = append(r.info.Zeros[:len(r.info.Zeros):len(r.info.Zeros)], zero)
	}
	return rn
}

// copyOf is the run's copy of the track; the first segment brings the initialization segment with it.
func (r *Recording) copyOf(rn *run, k *track) (*copied, error) {
	place := rn.place(k.Video)
	if *place != nil {
		return *place, nil
	}
	c := &copied{id: copyName(k.Video, rn.number), rung: k.rung()}
	if err := linkOrCopy(k.epoch.out(initName(k.ID)), filepath.Join(r.dir, initName(c.id))); err != nil {
		return nil, err
	}
	*place = c
	r.describe(c)
	return c, nil
}

func (r *Recording) describe(c *copied) {
	i := c.rung.init
	if c.rung.Video {
		r.info.Video = &RecordedVideo{Codec: i.Codec, Width: i.Width, Height: i.Height, FPS: c.rung.FPS}
		return
	}
	r.info.Audio = &RecordedAudio{Codec: i.Codec, SampleRate: i.SampleRate, Channels: i.Channels}
}

// flush brings the playlists up to date. It waits longer the longer the recording is, so that writing them costs the same for ever:
// a crash leaves at most a five hundredth of it unlisted, and the next start lists that too.
//
// A recording that has stopped is tried to be finished again: the disk was full.
func (r *Recording) flush() {
	r.mu.Lock()
	if r.stopped && !r.settled {
		r.settle() // finish has said what is wrong
	}
	now := r.p.opts.Wall()
	due := r.stale && !r.stopped && now.Sub(r.flushed) >= r.duration()/500
	var err error
	if due {
		r.flushed = now
		err = r.writePlaylists(false)
	}
	r.mu.Unlock()
	if err != nil {
		r.finish(StateFailed, fmt.Errorf("write playlists: %w", err))
	}
}

// finish ends the recording for good; the first end counts. video.mp4 follows in the background.
func (r *Recording) finish(state string, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.stopped = true
	if len(r.runs) == 0 && len(r.info.Sources) == 0 {
		r.settled = true
		r.p.forgetRecording(r)
		os.RemoveAll(r.dir) // nothing came
		return
	}
	r.info.State, r.info.Ended = state, r.p.opts.Wall().UTC().Truncate(time.Millisecond)
	if cause != nil {
		r.info.Error = cause.Error()
		r.p.opts.Logger.Error("recording has stopped; the live stream goes on", "recording", r.dir, "error", cause)
	}
	if err := r.settle(); err != nil {
		r.p.opts.Logger.Error("recording could not be finished; that is tried again every second", "recording", r.dir, "error", err)
	}
}

// settle writes the end of a recording that has stopped, and lets go of it once that is on the disk.
func (r *Recording) settle() error {
	err := r.writePlaylists(true)
	r.info.Bytes = dirSize(r.dir)
	if err = errors.Join(err, r.writeInfo(), syncDir(r.dir)); err == nil {
		r.settled = true
		r.p.forgetRecording(r)
		r.p.jobs.add(r.remux)
	}
	return err
}

func (p *Packager) forgetRecording(r *Recording) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.recordings, r.dir)
}

// running are the recordings in progress.
func (p *Packager) running() []*Recording {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*Recording, 0, len(p.recordings))
	for _, r := range p.recordings {
		all = append(all, r)
	}
	return all
}

func dirSize(dir string) (sum int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum
}
