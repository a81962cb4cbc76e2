package packager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/push"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/packager/timeline"
)

// Options of a Packager. LiveDir is required; every other zero value takes the default that its comment names.
type Options struct {
	// LiveDir holds one directory per live stream. It is made if missing.
	LiveDir string
	// RecordingsDir holds the finished and running recordings. It should be on LiveDir's file system: segments are then
	// linked instead of copied. Required with Record.
	RecordingsDir string
	// Segment is the nominal duration of ffmpeg's segments (2 s). TARGETDURATION is this, rounded to a second,
	// with what EpochOptions.LateKeyFrames adds.
	Segment time.Duration
	// Part is the nominal duration of ffmpeg's fragments of video (0.2 s); those of audio have half of it,
	// or all of it where two halves of whole frames of AAC would be much longer.
	Part time.Duration
	// Distance is how far behind the live edge players are asked to stay.
	Distance timeline.Distance
	// Window is how much of a live stream is listed (60 s), and never less than six segments of it. The disk holds about twice as much
	// per stream, as segments stay for a while after they have left the playlists.
	Window time.Duration
	// Event lists every broadcast from its beginning on, up to a day, and its disk holds all of that for as long again after its end.
	// Window is then what stays listed where the disk is full.
	Event bool
	// Linger is how long a stream that a crash has cut waits for its publisher after the restart before it ends (30 s).
	Linger time.Duration
	// Fenced streams list only numbers that Stream.SetLimit has allowed, as others may have to go on behind them.
	Fenced bool
	// Record keeps the first video rendition and the audio of every broadcast.
	Record bool
	// Keep deletes finished recordings that ended longer ago than this. Of a time during which no process ran a day counts at most,
	// because the clock may have been wrong. 0 keeps them.
	Keep time.Duration
	// MaxBytes deletes finished recordings while all together hold more bytes: the oldest of the stream that has most. 0 is no limit.
	MaxBytes int64
	// MinFree deletes finished recordings, in the same order, while the disk has fewer free bytes, and stops the running ones (the
	// live streams go on) when that did not help. 0 is no limit.
	MinFree int64
	// Push is where streams are put as they are made, without parts.
	Push push.Target
	// Remux makes out, one MP4 with an index at its front, without encoding. Each input is one unbroken run of a
	// recording. It runs in the background, one at a time. Without it recordings get no video.mp4.
	Remux func(ctx context.Context, inputs []recording.RemuxInput, out string) error
	// Snapshot makes an image file (jpg, png or webp) of the frame of that number, from 0, of a segment, which media is up to the frame, with
	// its initialization segment before. Without it there are no snapshots.
	Snapshot func(ctx context.Context, media io.Reader, number int, format string) ([]byte, error)
	// MendSource makes whole a source recording that a crash has cut, once, after the next start. Without it those stay as they are.
	MendSource func(name string) error
	// OnRecording, if set, hears what becomes of recordings. It must not block.
	OnRecording func(recording.Step, recording.Info)
	// OnDisk, if set, hears when live streams can no longer be written, and when they can again. It must not block.
	OnDisk func(Disk)
	// OnUnclaimed, if set, hears of a stream that a crash has cut and that ends because its publisher has not come back. It must not block.
	OnUnclaimed func(stream string, started time.Time)
	// OnListed, if set, hears of each part that viewers can have. It must not block.
	OnListed func(live.Listed)
	// Wall is the clock of the service: wall time at the start plus what the monotonic clock has counted since (time.Now).
	Wall func() time.Time
	// Logger gets what an operator should know (slog.Default).
	Logger *slog.Logger
}

// Bounds of the options. They are stated here only: whoever reads a configuration asks Validate.
const (
	minSegment, maxSegment = time.Second, 10 * time.Second
	minPart, maxPart       = 100 * time.Millisecond, time.Second
	maxWindow              = 6 * time.Hour
	maxLinger              = time.Hour

	leastWindow = 3 // segments in the window: rfc8216bis §6.2.2 asks for three target durations
	minSegments = 6 // segments that are listed all the same: Apple's authoring specification 8.11
)

// OptionError is one fault of Options.
type OptionError struct {
	Option string // the field's name, such as "Window"
	Reason string // what is wrong and what is allowed, such as "1s is not between 6s and 6h"
}

// Error is the fault in one line.
func (e *OptionError) Error() string { return e.Option + ": " + e.Reason }

// Validate reports all faults at once, each an [*OptionError] within what errors.Join returns. Zero values that stand for a
// default are no faults.
func (o Options) Validate() error {
	var faults []error
	want := func(ok bool, option, format string, args ...any) {
		if !ok {
			faults = append(faults, &OptionError{option, fmt.Sprintf(format, args...)})
		}
	}
	between := func(option string, d, low, high time.Duration) {
		want(low <= d && d <= high, option, "%s is not between %s and %s", short(d), short(low), short(high))
	}
	want(o.LiveDir != "", "LiveDir", "is empty")
	want(!o.Record || o.RecordingsDir != "", "RecordingsDir", "is empty while Record is on")
	want(o.Keep >= 0, "Keep", "%s is negative", short(o.Keep))
	want(o.MaxBytes >= 0, "MaxBytes", "%d is negative", o.MaxBytes)
	want(o.MinFree >= 0, "MinFree", "%d is negative", o.MinFree)
	for option, fault := range map[string]error{"Push.URL": o.Push.ValidateURL(), "Push.Header": o.Push.ValidateHeader(), "Push.Timeout": o.Push.ValidateTimeout()} {
		want(fault == nil, option, "%v", fault)
	}
	o = o.withDefaults()
	between("Segment", o.Segment, minSegment, maxSegment)
	between("Part", o.Part, minPart, maxPart)
	want(o.Part%time.Millisecond == 0, "Part", "%s is not whole milliseconds", short(o.Part))
	want(o.Part <= 0 || o.Segment%o.Part == 0, "Segment", "%s is not a multiple of the part, which is %s", short(o.Segment), short(o.Part))
	if err := o.Distance.Validate(); err != nil {
		want(false, "Distance", "%v", err)
	}
	between("Window", o.Window, leastWindow*o.Segment, maxWindow)
	between("Linger", o.Linger, 0, maxLinger)
	return errors.Join(faults...)
}

// short writes a duration without the zeros that its String ends with: 6h, not 6h0m0s.
func short(d time.Duration) string {
	s := d.String()
	for _, zeros := range [...]string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zeros) {
			s = s[:len(s)-2]
		}
	}
	return s
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.Segment, 2*time.Second)
	set(&o.Part, 200*time.Millisecond)
	set(&o.Window, time.Minute)
	set(&o.Linger, 30*time.Second)
	if o.Wall == nil {
		o.Wall = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// timing is what the rooms need to know of it. A window below six segments is listed as six.
func (o Options) timing() timeline.Timing {
	return timeline.Timing{Segment: o.Segment, Part: o.Part, Event: o.Event, Window: max(o.Window, minSegments*o.Segment), Distance: o.Distance}
}
