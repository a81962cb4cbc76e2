package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode"
)

// errIncomplete is why an ffmpeg is stopped whose files have a hole.
var errIncomplete = errors.New("some of what ffmpeg has written is missing on the disk")

// run is one unbroken ffmpeg run with what feeds it and what it writes: an intake, a Job, an Epoch. It knows of its broadcast
// what runOptions say. Its methods do nothing on a nil run, so that a broadcast between two runs need not ask.
type run struct {
	runOptions
	began  time.Time
	job    *transcode.Job // nil before ffmpeg is started
	epoch  *live.Epoch
	exit   chan error // receives what Job.Run returned or why it could not start, once
	cancel context.CancelFunc
	zero   time.Time     // instant of PTS 0 of the intake, once a frame is out
	placed bool          // lead is known
	lead   time.Duration // by how much ffmpeg gets everything later, so that its media begins where the epoch before ended

	made        transcode.Options
	encoded     int           // renditions
	passthrough bool          // video is passed on as it is
	waits       bool          // for the key frames to begin that with
	held        []depay.Frame // meanwhile
	entryAt     time.Time     // when those had come
	earlier     []depay.Frame // pictures from before the run, which goes on with an intake, until ffmpeg is started
	shown       int64         // PTS of the newest of all those
	patience    time.Duration // with the next key frame
	since       int64         // time of the intake at which that of the run begins, in ms
	videoAt     time.Time     // when the newest frame of video was received

	layers layers
}

// runOptions are what a run is made with.
type runOptions struct {
	video, audio    depay.Codec
	parameterSets   [][]byte     // of the publisher's offer, when it sends H.264
	simulcast       *media.Track // whose layers are read beside the best one; nil for none
	slate, opening  []byte       // key frames, see depay.Options
	requestKeyFrame func()       // asks the publisher for one
	intake          *intake      // of the run before, to go on with; nil for a new one

	timeline *packager.Stream
	wall     func(time.Time) time.Time      // puts an instant on the clock of playlists
	logFile  func(epoch *live.Epoch) string // where ffmpeg's words are kept; "" for nowhere
	// received gets each frame that the publisher has sent, of the best layer only, and the instant of PTS 0.
	received func(f depay.Frame, zero time.Time)
	// plan says what ffmpeg is to make, with the key frames that passthrough can begin with, if there are any.
	plan func(from entry) plan
	// missed hears that those have not come when they were asked for: only those of the layers, or none.
	missed func(onlyLayers bool)

	log *slog.Logger
}

// newRun makes what reads the tracks. ffmpeg is to be started for it.
func newRun(o runOptions) (*run, error) {
	r := &run{runOptions: o, began: time.Now(), exit: make(chan error, 1)}
	if r.intake == nil {
		if o.simulcast != nil {
			r.layers.tap(o.simulcast)
		}
		var err error
		if r.intake, err = newIntake(o, len(r.layers.taps)); err != nil {
			r.layers.close()
			return nil, fmt.Errorf("set up the depacketizer: %w", err)
		}
	} else {
		r.carryOn()
	}
	r.intake.to = r.emit
	return r, nil
}

// failedRun stands for a run that could not start; it has exited already.
func failedRun(video, audio depay.Codec, cause error) *run {
	r := &run{runOptions: runOptions{video: video, audio: audio}, began: time.Now(), exit: make(chan error, 1)}
	r.exit <- cause
	return r
}

// emit gets each frame of the intake: all but late ones go to ffmpeg.
func (r *run) emit(f depay.Frame) {
	if r.zero.IsZero() {
		r.zero, _ = r.intake.Zero()
	}
	if !f.Filler && f.Layer == 0 && f.Codec == r.video {
		r.videoAt = time.Now()
	}
	switch {
	case f.Late:
	case r.job != nil:
		r.write(f)
	case r.waits:
		r.hold(f)
	}
}

// write hands a frame to ffmpeg; one of a layer that is no rendition is left out.
func (r *run) write(f depay.Frame) {
	if !r.layers.passes(f) {
		return
	}
	if !r.placed {
		r.placed = true
		r.lead = r.epoch.SetZero(r.wall(r.zero.Add(time.Duration(r.since) * time.Millisecond)))
	}
	f.PTS += int64(r.lead)*f.Codec.ClockRate()/int64(time.Second) - r.since*f.Codec.ClockRate()/1000
	if f.PTS < 0 {
		return // audio from before
	}
	// An error here means that ffmpeg has gone, which exited tells with the reason.
	_ = r.job.WriteFrame(f)
}

// readLayers reads all that has come of the layers.
func (r *run) readLayers() {
	switch {
	case r == nil:
	case r.reads():
		r.layers.read(r.intake.Depacketizer)
	default:
		r.layers.read(nil)
	}
}

// reads reports whether layers are wanted: they are not once ffmpeg could not be started.
func (r *run) reads() bool { return r != nil && (r.job != nil || r.waits) }

// tick waits no more for a key frame that was waited for too long.
func (r *run) tick(now time.Time) {
	switch {
	case r == nil || !r.waits || r.zero.IsZero():
	case !r.entryAt.IsZero():
		r.startIfComplete(now)
	case r.earlier == nil && now.Sub(r.zero) > keyFrameWithin, r.earlier != nil && now.Sub(r.began) > r.patience:
		r.startAnyway()
	}
}

// fits reports whether the run has an input for each of the tracks.
func (r *run) fits(video, audio depay.Codec) bool {
	return (video == 0 || video == r.video) && (audio == 0 || audio == r.audio)
}

// works reports whether ffmpeg has been started.
func (r *run) works() bool { return r != nil && r.job != nil }

// exited receives once when ffmpeg has gone.
func (r *run) exited() <-chan error {
	if r == nil {
		return nil
	}
	return r.exit
}

// incomplete reports whether some of ffmpeg's media was lost on its way to the disk.
func (r *run) incomplete() bool { return r.works() && r.epoch != nil && r.epoch.Lossy() }

// end closes ffmpeg's inputs, waits for its last segments and closes the epoch. The error is ffmpeg's.
func (r *run) end() error {
	r.layers.close()
	if r.intake != nil {
		r.intake.to = nil
	}
	if r.waits = false; r.job == nil {
		return nil
	}
	r.job.CloseInput()
	deadline := panics.AfterFunc(drainWithin, r.log, "the stream", r.cancel)
	defer deadline.Stop()
	failure := r.job.Wait()
	r.cancel()
	if err := r.epoch.End(); err != nil {
		r.log.Error("epoch has not ended cleanly", "error", err)
	}
	return failure
}
