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

	mu      sync.Mutex // held for no fsync: live streams need it
	info    RecordingInfo
	epoch   *Epoch        // of the last run
	late    time.Duration // by which segments may be longer than nominal
	runs    []*run
	stopped bool // nothing more is taken
	stale   bool // playlists do not list everything
	unsafe  bool // recording.json has been replaced without fsync
	flushed time.Time

	writing sync.Mutex // of playlists and of the end; taken before mu
	settled bool       // the end is on the disk
	told    bool       // that it could not be
}

// newRecording makes the directory of a broadcast that begins now; nil when recording is off.
func (p *Packager) newRecording(stream string) (*Recording, error) {
	if !p.opts.Record {
		return nil, nil
	}
	if err := p.low(1); err != nil {
		return nil, err
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
	if err := r.writeFiles([]namedFile{r.text()}, true); err != nil {
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

// text is recording.json.
func (r *Recording) text() namedFile {
	b, err := json.MarshalIndent(r.info, "", "  ")
	if err != nil {
		panic(err) // a RecordingInfo can be written
	}
	return namedFile{recordingFile, append(b, '\n')}
}

// rewrite replaces recording.json while the recording runs; the next flush makes that durable.
func (r *Recording) rewrite() error {
	r.unsafe = true
	return r.writeFiles([]namedFile{r.text()}, false)
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
		r.fail(fmt.Errorf("record segment: %w", err))
	}
}

// recorded reports whether the track is the first of its kind in its epoch.
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
		r.epoch, r.late = s.epoch, s.epoch.timeline.late
		r.begin(s.epoch.zero)
		if err := r.rewrite(); err != nil {
			return err
		}
	}
	if err := r.keep(r.runs[len(r.runs)-1], k, s); err != nil {
		return err
	}
	r.info.Bytes += s.Size
	r.info.Duration = r.duration().Seconds()
	r.stale = true
	return nil
}

// keep puts a segment into the run. Numbers have no holes, where the live stream may have: the MPD counts.
func (r *Recording) keep(rn *run, k *track, s Segment) error {
	c, err := r.copyOf(rn, k)
	if err != nil {
		return err
	}
	number := int64(len(c.segments)) + 1
	if err := linkOrCopy(s.epoch.out(segmentName(k.ID, s.MSN)), filepath.Join(r.dir, segmentName(c.id, number))); err != nil {
		return err
	}
	c.segments = append(c.segments, taken{number, s.Start, s.Duration, s.Size})
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
