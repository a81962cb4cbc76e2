package transcode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
)

// ErrEnded reports that a job takes no more frames: its input was closed, or ffmpeg has ended.
var ErrEnded = errors.New("job has ended")

// ErrHole reports that the frames left out more than MaxHole at once.
var ErrHole = errors.New("the input has a hole")

// MaxHole is the longest time between frames, and before the first one, that ffmpeg is left to fill: it repeats the picture
// as fast as it can encode, which for a ladder takes two cores about a tenth of that time.
const MaxHole = 30 * time.Second

// Job is one ffmpeg run. It is used once. All methods may be called from any goroutine.
type Job struct {
	opts         Options
	argv         []string
	video, audio *queue        // nil without that input
	layers       int           // that are renditions
	earlier      []depay.Frame // until the pipe has them
	newest       atomic.Int64
	fed          atomic.Uint64 // frames handed over
	extras       atomic.Int64  // frames passed through beyond the constant rate
	reports      atomic.Uint64 // of ffmpeg
	cpu          atomic.Int64  // CPU time that ffmpeg has used
	lag          lagDetector   // used where reports are read
	slow         chan *SlowError
	ran          atomic.Bool
	done         chan struct{}

	mu       sync.Mutex
	progress Progress
	hole     time.Duration // why the input was closed, if it was that
	err      error
}

// Stats is a job's state at one moment.
type Stats struct {
	Progress     Progress
	CPU          time.Duration // that ffmpeg has used, as of the last quarter of a second
	Video, Audio QueueStats
}

// NewJob checks the options and prepares a run. Nothing is started; frames may be written already.
func NewJob(o Options) (*Job, error) {
	argv, err := Command(o)
	if err != nil {
		return nil, err
	}
	j := &Job{opts: o.withDefaults(), argv: argv, done: make(chan struct{}), slow: make(chan *SlowError, 1), layers: len(o.layers())}
	j.lag.limit = o.MaxLag
	j.earlier, j.opts.Earlier = stampEarlier(o.Earlier), nil
	if o.Video != 0 {
		j.video = newQueue(true, o.videoInputs())
		j.video.follow(j.earlier)
	}
	if o.Audio != 0 {
		j.audio = newQueue(false, 1)
	}
	return j, nil
}

// WriteFrame hands a frame over and never blocks. The job keeps f.Data. When ffmpeg is slow, frames are dropped and
// counted, and Options.RequestKeyFrame is called for each picture while they are. The error is ErrEnded, or tells that the
// codec is no input of this job.
//
// ffmpeg fills a hole with repeated pictures. One longer than MaxHole ends the job instead, with ErrHole.
func (j *Job) WriteFrame(f depay.Frame) error {
	q := j.queueOf(f.Codec)
	if q == nil || f.Layer < 0 || f.Layer > maxLayers || f.Layer > 0 && j.layers == 0 {
		return fmt.Errorf("write frame: %v of layer %d is not an input of this job", f.Codec, f.Layer)
	}
	if hole := f.Time() - time.Duration(j.newest.Swap(int64(f.Time()))); hole > MaxHole {
		j.mu.Lock()
		j.hole = hole
		j.mu.Unlock()
		j.CloseInput()
		return ErrEnded
	}
	j.fed.Add(1)
	skips, open := q.push(f)
	if !open {
		return ErrEnded
	}
	if skips && j.opts.RequestKeyFrame != nil {
		j.opts.RequestKeyFrame()
	}
	return nil
}

func (j *Job) queueOf(c depay.Codec) *queue {
	switch {
	case c == 0:
		return nil
	case c == j.opts.Video:
		return j.video
	case c == j.opts.Audio:
		return j.audio
	}
	return nil
}

// CloseInput lets what is queued reach ffmpeg and then ends its inputs: it writes its last segments and exits.
func (j *Job) CloseInput() { j.eachQueue((*queue).close) }

func (j *Job) eachQueue(do func(*queue)) {
	for _, q := range []*queue{j.video, j.audio} {
		if q != nil {
			do(q)
		}
	}
}

// Done is closed when Run has returned.
func (j *Job) Done() <-chan struct{} { return j.done }

// Wait waits until Run has returned, and returns the same error.
func (j *Job) Wait() error {
	<-j.done
	return j.err
}

// Stats returns the newest progress and the counters of the queues.
func (j *Job) Stats() Stats {
	j.mu.Lock()
	s := Stats{Progress: j.progress}
	j.mu.Unlock()
	s.CPU, s.Video = time.Duration(j.cpu.Load()), j.videoStats()
	if j.audio != nil {
		s.Audio = j.audio.snapshot()
	}
	return s
}

func (j *Job) videoStats() (s QueueStats) {
	if j.video != nil {
		s = j.video.snapshot()
	}
	return s
}

// onProgress completes a report and passes it on.
func (j *Job) onProgress(p Progress) {
	if j.video != nil {
		// With -copyts ffmpeg counts its own figure from where it was at its first report, wherever that is; pictures are
		// counted from media time 0 on.
		p.OutTime = time.Duration(p.Frame-j.extras.Load()) * time.Second / time.Duration(j.opts.renditions()[0].FPS)
	}
	p.Lag = max(time.Duration(j.newest.Load())-p.OutTime, 0)
	j.mu.Lock()
	j.progress = p
	j.mu.Unlock()
	j.reports.Add(1)
	if slow := j.lag.observe(lagReport{time.Now(), p.Lag, p.OutTime, j.videoStats()}); slow != nil {
		select {
		case j.slow <- slow:
		default: // told already
		}
	}
	if j.opts.OnProgress != nil {
		j.opts.OnProgress(p)
	}
}

// Run starts ffmpeg and returns when it has exited and every goroutine of the job has ended: nil after CloseInput or the
// end of ctx when ffmpeg finished its files; else an error that carries the exit status and ffmpeg's last words, and
// wraps ErrStalled if it stood still, a SlowError if it was too slow, a PassthroughError if video could be passed through no longer;
// ErrHole. The end of ctx closes the input, after Options.Grace terminates ffmpeg, and kills it after another one.
func (j *Job) Run(ctx context.Context) error {
	if j.ran.Swap(true) {
		return errors.New("run job: it has been run before")
	}
	defer close(j.done)
	j.opts.Logger.Debug("run ffmpeg", "argv", j.argv)
	if j.err = j.run(ctx); j.err == nil {
		j.err = j.foundHole()
	}
	j.eachQueue((*queue).end)
	return j.err
}

func (j *Job) run(ctx context.Context) error {
	parser := &progressParser{report: j.onProgress}
	kept, err := newJournal(j.opts.Log, j.argv)
	if err != nil {
		j.opts.Logger.Warn("ffmpeg's words are not kept", "error", err)
	}
	r := &run{
		process: newProcess(j.argv, j.opts.policy(), j.opts.Logger, parser.line),
		job:     j,
		fed:     make(chan error, maxLayers+3),
		exited:  make(chan struct{}),
	}
	r.journal = kept
	if err = r.openPipes(); err == nil {
		err = r.run(ctx)
	}
	kept.close(&r.tail, err)
	return err
}

func (j *Job) foundHole() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.hole == 0 {
		return nil
	}
	return fmt.Errorf("%w of %v", ErrHole, j.hole)
}

// inputClosed reports whether CloseInput was called, by whomever.
func (j *Job) inputClosed() bool {
	for _, q := range []*queue{j.video, j.audio} {
		if q != nil && !q.isClosed() {
			return false
		}
	}
	return true
}

// wrap lays the container of an input over its pipe.
func (j *Job) wrap(q *queue, w io.Writer) frameWriter {
	switch {
	case !q.video:
		return &oggFrames{w: ogg.NewWriter(w, ogg.Header{Channels: 2, SerialNumber: 1})}
	case j.opts.passesThrough():
		return newPassthroughFrames(j.videoWriter(w), j)
	}
	return j.videoWriter(w)
}

// videoWriter lays IVF over a pipe.
func (j *Job) videoWriter(w io.Writer) ivfFrames {
	decoder, _ := decoderOf(j.opts.Video)
	return ivfFrames{ivf.NewWriter(w, ivf.Header{FourCC: decoder.fourCC, Width: uint16(j.opts.Width), Height: uint16(j.opts.Height)})}
}
