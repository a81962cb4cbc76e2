package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/panics"
)

// States of a recording.
const (
	StateRecording   = "recording"   // running, or not yet on the disk
	StateFinished    = "finished"    // the broadcast ended properly
	StateInterrupted = "interrupted" // cut by a crash, playable up to there
	StateFailed      = "failed"      // stopped by the disk (full, or an error), playable up to there
)

const (
	infoFile     = "recording.json"
	mp4File      = "video.mp4"
	maxInfo      = 256 << 10 // bytes of recording.json
	maxPerSecond = 999       // recordings of a stream that begin in the same second
	maxRuns      = 4096      // of ffmpeg in a recording; their times have to fit into recording.json
)

// Info is recording.json.
type Info struct {
	Stream    string      `json:"stream"`
	Name      string      `json:"name"`                // of its directory, the start in UTC such as 20261120T194500Z
	Broadcast string      `json:"broadcast,omitempty"` // what all recordings of one broadcast have in common, on whichever servers they are
	State     string      `json:"state"`
	Error     string      `json:"error,omitempty"` // why it failed, or has no video.mp4
	Started   time.Time   `json:"started"`
	Ended     time.Time   `json:"ended,omitzero"`
	Duration  float64     `json:"duration"` // seconds of media
	Bytes     int64       `json:"bytes"`    // on disk, all files
	Sources   []string    `json:"sources"`  // source-1.webm and so on
	MP4       bool        `json:"mp4"`      // video.mp4 is there
	Video     *Video      `json:"video,omitempty"`
	Audio     *Audio      `json:"audio,omitempty"`
	Holes     int         `json:"holes,omitempty"` // in the sources: how often the disk was too slow for them
	Zeros     []time.Time `json:"zeros"`           // wall time of media time 0 of each run, as named in the files
	Origins   []int64     `json:"origins"`         // decode time of that in its files, ms; what is not there is 0
	Clip      *Clip       `json:"clip,omitempty"`  // what it was cut from; absent for recordings
}

// Video describes the recorded video.
type Video struct {
	Codec  string  `json:"codec"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	FPS    float64 `json:"fps"`
}

// Audio describes the recorded audio.
type Audio struct {
	Codec      string `json:"codec"`
	SampleRate int    `json:"sampleRate"`
	Channels   int    `json:"channels"`
}

// Recording is one broadcast on disk: its best rendition and its audio, as the live stream had them, and its sources.
type Recording struct {
	store *Store
	dir   string

	order   sync.Mutex // of what is linked and of recording.json while the recording runs; held for no fsync, taken before mu
	writing sync.Mutex // of playlists and of the end; taken before mu
	settled bool       // the end is on the disk
	told    bool       // that it could not be

	mu      sync.Mutex // of the memory; held for no I/O
	info    Info
	bounds  bounds
	epoch   string        // of the last run
	late    time.Duration // by which segments may be longer than nominal
	runs    []*run
	begun   bool // something has been kept
	stopped bool // nothing more is taken
	failed  bool // which has been told
	outcome outcome
	stale   bool // playlists do not list everything
	unsafe  bool // recording.json has been replaced without fsync
	flushed time.Time
}

// outcome is how a recording has ended. It is told once that is on the disk.
type outcome struct {
	state string
	at    time.Time
}

// tell puts the outcome into recording.json.
func (o outcome) tell(i *Info) { i.State, i.Ended = o.state, o.at }

// Begin makes the directory of a broadcast that begins now.
func (s *Store) Begin(stream string) (*Recording, error) { return s.begin(stream, bounds{}, nil) }

// BeginWithin is Begin in the middle of a broadcast: the recording begins with the segment that is being made.
func (s *Store) BeginWithin(stream string) (*Recording, error) {
	return s.begin(stream, bounds{from: s.opts.Wall()}, nil)
}

func (s *Store) begin(stream string, within bounds, clip *Clip) (*Recording, error) {
	if s.opts.Dir == "" {
		return nil, ErrNowhere
	}
	if err := s.Low(1); err != nil {
		return nil, err
	}
	now := s.opts.Wall().UTC()
	r := &Recording{store: s, bounds: within, info: Info{Stream: stream, State: StateRecording, Started: now.Truncate(time.Millisecond), Sources: []string{}, Zeros: []time.Time{}, Origins: []int64{}, Clip: clip}}
	if err := r.makeDir(filepath.Join(s.opts.Dir, stream), now); err != nil {
		return nil, err
	}
	s.enter(r) // before recording.json is there, which a recovery would take for one that was cut
	if err := r.writeFiles([]namedFile{r.text()}, true); err != nil {
		s.forget(r)
		return nil, errors.Join(err, s.opts.Files.Remove(r.dir))
	}
	return r, nil
}

// makeDir makes a directory that no other recording of the stream has.
func (r *Recording) makeDir(parent string, now time.Time) error {
	files := r.store.opts.Files
	if err := files.MkdirAll(parent); err != nil {
		return err
	}
	for n := 1; ; n++ {
		r.info.Name = recordingName(now, n)
		r.dir = filepath.Join(parent, r.info.Name)
		if err := files.Mkdir(r.dir); err == nil || !errors.Is(err, fs.ErrExist) || n == maxPerSecond {
			return err
		}
	}
}

func recordingName(start time.Time, n int) string {
	name := start.Format("20060102T150405Z")
	if n > 1 {
		name += "-" + strconv.Itoa(n)
	}
	return name
}

// text is recording.json. The caller holds mu, or nobody else has the recording.
func (r *Recording) text() namedFile { return r.info.text() }

func (i Info) text() namedFile {
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		panic(err) // an Info can be written
	}
	return namedFile{infoFile, append(b, '\n')}
}

// rewrite replaces recording.json while the recording runs; the next flush makes that durable. The caller holds the order.
func (r *Recording) rewrite() error {
	r.mu.Lock()
	r.unsafe = true
	text := r.text()
	r.mu.Unlock()
	return r.writeFiles([]namedFile{text}, false)
}

// SetBroadcast says of which broadcast it is, which is written down with the next segment at the latest.
func (r *Recording) SetBroadcast(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info.Broadcast, r.unsafe = id, true
}

// Dir is where the recording is kept.
func (r *Recording) Dir() string { return r.dir }

// Info is what recording.json says or will say.
func (r *Recording) Info() Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.info
}

// Over reports whether nothing more is taken.
func (r *Recording) Over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped
}

// Add keeps a segment that is about to be listed. A disk that fails the recording does not fail the live stream, nor does a panic.
func (r *Recording) Add(s timeline.Recordable) {
	r.contained(func() {
		if err := r.add(s); err != nil {
			r.Fail(fmt.Errorf("record segment: %w", err))
		}
	})
}

// contained stops the recording when f panics.
func (r *Recording) contained(f func()) {
	if fault := panics.Contain(r.store.opts.Logger.With("recording", r.dir), "the recording", f); fault != nil {
		r.Fail(fault)
	}
}

func (r *Recording) add(s timeline.Recordable) error {
	r.order.Lock()
	defer r.order.Unlock()
	rn, first := r.runOf(s)
	switch {
	case rn == nil && first:
		return fmt.Errorf("more than %d runs of ffmpeg", maxRuns)
	case rn == nil:
		return nil
	}
	if first {
		if err := r.rewrite(); err != nil {
			return err
		}
	}
	if err := r.keep(rn, s); err != nil {
		return err
	}
	r.tellBegun()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info.Bytes += s.Size
	r.info.Duration = r.duration().Seconds()
	r.stale = true
	return nil
}

// runOf is the run that the segment belongs to, which it may be the first of; nil when nothing more is taken, or there are too many.
func (r *Recording) runOf(s timeline.Recordable) (rn *run, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || !r.bounds.take(s) {
		return nil, false
	}
	if first = r.epoch != s.Epoch; first && len(r.runs) == maxRuns {
		return nil, true
	}
	if first {
		r.epoch, r.late = s.Epoch, s.Late
		r.addRun(s.Zero, s.Origin)
	}
	return r.runs[len(r.runs)-1], first
}

// keep links a segment into the run. Numbers have no holes, where the live stream may have: the MPD counts. The caller holds the
// order.
func (r *Recording) keep(rn *run, s timeline.Recordable) error {
	c := *rn.place(s.Rendition.Video)
	if c == nil { // the first segment brings the initialization segment with it
		c = &copied{id: copyName(s.Rendition.Video, rn.number), rendition: manifest.Rendition{Description: s.Rendition}}
		if err := disk.LinkOrCopy(r.store.opts.Files, s.InitFile, filepath.Join(r.dir, timeline.InitName(c.id))); err != nil {
			return err
		}
	}
	number := int64(len(c.segments)) + 1
	if err := disk.LinkOrCopy(r.store.opts.Files, s.MediaFile, filepath.Join(r.dir, timeline.SegmentName(c.id, number))); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if number == 1 {
		*rn.place(s.Rendition.Video) = c
		r.describe(c)
		r.info.Clip = r.info.Clip.begun(s)
	}
	c.segments = append(c.segments, kept{number, s.Start, s.Duration, s.Size})
	return nil
}

// addRun adds a run. The caller holds mu, or nobody else has the recording.
func (r *Recording) addRun(zero time.Time, origin time.Duration) *run {
	rn := &run{number: len(r.runs) + 1, zero: zero, origin: origin}
	r.runs = append(r.runs, rn)
	if i := &r.info; len(i.Zeros) < rn.number {
		i.Zeros = append(i.Zeros[:len(i.Zeros):len(i.Zeros)], zero)
		origins := append(make([]int64, 0, rn.number), i.Origins...)
		i.Origins = append(origins, make([]int64, rn.number-len(origins))...)
		i.Origins[rn.number-1] = origin.Milliseconds()
	}
	return rn
}

func (r *Recording) describe(c *copied) {
	i := c.rendition.Init
	if c.rendition.Video {
		r.info.Video = &Video{Codec: i.Codec, Width: i.Width, Height: i.Height, FPS: c.rendition.FPS}
		return
	}
	r.info.Audio = &Audio{Codec: i.Codec, SampleRate: i.SampleRate, Channels: i.Channels}
}
