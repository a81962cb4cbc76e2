package transformed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/public/panics"
)

// What is made of a publisher's video: a part of the most that it has sent, within bounds, in bit/s, and in a size that does well with so much.
const (
	wholeLeast   = 300_000 // a publisher who sends less is not worth it
	reducedPart  = 3
	reducedMost  = 300_000
	reducedSide  = 360     // the shorter one, in pixels, at most
	reducedSmall = 240     // below reducedLow
	reducedLow   = 200_000 // bit/s
)

const (
	// reducedLook is how often it is looked whether anybody watches, and reducedJudge how often whether the encoder keeps up.
	reducedLook, reducedJudge = time.Second, 10 * time.Second
	// reducedPause is how long nothing is offered after a failure. It doubles, up to reducedPauses, unless the encoder has lasted.
	reducedPause, reducedPauses = 30 * time.Second, 10 * time.Minute
)

// Why nothing is made of a publisher's video for a while.
var (
	errBehind = errors.New("the encoder does not keep up")
	errEnded  = errors.New("the encoder has ended")
	errFull   = errors.New("the machine has no room for one more encoder")
)

// Reduction says what is to be made of a publisher's video, in its own codec.
type Reduction struct {
	Bitrate int // bit/s
	Side    int // the shorter one, in pixels, at most
}

// ReduceFunc makes that until ctx ends, and returns why it has ended before that.
type ReduceFunc func(ctx context.Context, video *media.Track, to Reduction, out *Output) error

// ReductionsConfig is what Reductions are made of.
type ReductionsConfig struct {
	Reduce  ReduceFunc                      // nil: nothing is offered
	Room    func(ctx context.Context) error // reports why the machine has no room for one more; nil: it always has
	Packets *media.PacketPool
	Most    int           // streams at once
	Linger  time.Duration // how long it is made after its last viewer has gone on with another encoding
	Logger  *slog.Logger
}

// Reductions offer the video of publishers who send one layer of VP8 or H.264 at a lower bit rate too, which is made while a viewer gets it. They
// implement session.Followers.
type Reductions struct {
	config   ReductionsConfig
	ctx      context.Context // ends with Close
	end      context.CancelFunc
	running  sync.WaitGroup
	counters counters
	begun    atomic.Uint64 // encoders

	mu       sync.Mutex
	encoders int
	live     map[string]*reduction // of what is published, by stream
}

// reduction is that of one publisher. What stands below mu is under the lock of Reductions.
type reduction struct {
	stream string
	video  *media.Track
	out    *Output
	ctx    context.Context // ends with the publisher
	cancel context.CancelFunc

	to        Reduction // the zero one: nothing, so far
	runs      bool
	told      bool          // the log, of a failure
	pause     time.Duration // after the last one
	notBefore time.Time
}

// NewReductions makes those of no publisher. Close ends them.
func NewReductions(c ReductionsConfig) *Reductions {
	rs := &Reductions{config: c, live: map[string]*reduction{}}
	rs.ctx, rs.end = context.WithCancel(context.Background())
	return rs
}

// Close ends all encoders and waits for that.
func (rs *Reductions) Close() {
	rs.mu.Lock() // those that begin are waited for
	rs.end()
	rs.mu.Unlock()
	rs.running.Wait()
}

// ReductionStats are the state of all together, and counters.
type ReductionStats struct {
	Encoders int    // that run now
	Begun    uint64 // that have begun
	Failed   uint64 // that have ended by themselves or did not keep up
	Refused  uint64 // that could not begin, for want of room
	Pictures uint64 // that were made
	Dropped  uint64 // pictures of publishers that there was no time for
}

// Stats returns both.
func (rs *Reductions) Stats() ReductionStats {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	c := &rs.counters
	return ReductionStats{rs.encoders, rs.begun.Load(), c.restarts.Load(), c.refused.Load(), c.pictures.Load(), c.dropped.Load()}
}

// Published implements session.Followers.
func (rs *Reductions) Published(stream string, tracks []*media.Track) {
	rs.Unpublished(stream)
	video := media.TrackOf(tracks, media.KindVideo)
	if rs.config.Reduce == nil || rs.config.Most < 1 || video == nil || video.IsSimulcast() || !reducible(video.MimeType()) {
		return
	}
	r := &reduction{stream: stream, video: video, out: newOutput(video.Format(), rs.config.Packets, &rs.counters)}
	r.ctx, r.cancel = context.WithCancel(rs.ctx)
	r.out.track.Bind(func() { rs.want(r) })
	rs.mu.Lock()
	rs.live[stream] = r
	rs.mu.Unlock()
	video.MakeReduced(func(whole media.Encoding) (media.Encoding, bool) { return rs.offer(r, whole) })
}

// reducible reports whether video of a codec is encoded fast enough anywhere: VP9 and AV1 are not.
func reducible(mimeType string) bool {
	return mimeType == webrtc.MimeTypeVP8 || mimeType == webrtc.MimeTypeH264
}

// Unpublished implements session.Followers.
func (rs *Reductions) Unpublished(stream string) {
	rs.mu.Lock()
	r := rs.live[stream]
	delete(rs.live, stream)
	rs.mu.Unlock()
	if r != nil {
		r.cancel()
		r.out.track.End()
	}
}

// offer tells of what is made, or would be if somebody wanted it.
func (rs *Reductions) offer(r *reduction, whole media.Encoding) (reduced media.Encoding, offered bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if whole.Rate >= wholeLeast && !r.runs {
		r.plan(whole.Rate)
	}
	if r.to.Bitrate == 0 || r.ctx.Err() != nil || time.Now().Before(r.notBefore) {
		return reduced, false
	}
	reduced = r.out.track.Encodings()[0]
	if !r.runs || reduced.Rate == 0 {
		reduced.Rate, reduced.Size = float64(r.to.Bitrate), media.MaxPayload
		reduced.Width, reduced.Height = r.to.size(whole.Width, whole.Height)
	}
	reduced.Rate = min(reduced.Rate, whole.Rate)
	return reduced, true
}

// plan sets what is to be made by what the publisher sends. It is never less than before: browsers begin with little.
func (r *reduction) plan(whole float64) {
	r.to.Bitrate = max(r.to.Bitrate, min(int(whole)/reducedPart, reducedMost))
	r.to.Side = reducedSide
	if r.to.Bitrate < reducedLow {
		r.to.Side = reducedSmall
	}
}

// size is that of the pictures which are made; 0 while that of the publisher's is not known.
func (to Reduction) size(width, height int) (int, int) {
	short := min(width, height)
	if short <= to.Side {
		return width, height
	}
	even := func(side int) int { return (side*to.Side/short + 1) / 2 * 2 }
	return even(width), even(height)
}

// want has the encoder run that somebody waits for a key frame of. It is called under locks of whoever waits.
func (rs *Reductions) want(r *reduction) {
	rs.mu.Lock()
	tell := func() {}
	switch {
	case r.runs || r.ctx.Err() != nil || time.Now().Before(r.notBefore):
	case rs.encoders >= rs.config.Most:
		tell = rs.failed(r, errFull, 0)
	default:
		rs.encoders++
		r.runs = true
		to := r.to
		rs.running.Go(func() {
			_ = panics.Contain(rs.config.Logger, "the reduced video of a stream", func() { rs.run(r, to) })
		})
	}
	rs.mu.Unlock()
	tell()
}

// run makes what is wanted until nobody does any more.
func (rs *Reductions) run(r *reduction, to Reduction) {
	var err error
	began := time.Now()
	if fault := panics.Contain(rs.config.Logger, "the reduced video of a stream", func() { err = rs.encode(r, to) }); fault != nil {
		err = fault // the encoder has ended with its context
	}
	tell := func() {}
	rs.mu.Lock()
	rs.encoders--
	r.runs = false
	if err != nil && r.ctx.Err() == nil {
		tell = rs.failed(r, err, time.Since(began))
	}
	rs.mu.Unlock()
	tell()
	if r.out.track.IsRead() {
		rs.want(r) // by who has come in the last moment
	}
}

// failed has nothing offered for a while, so that viewers go on with what the publisher sends, and returns what says so. The caller holds mu.
func (rs *Reductions) failed(r *reduction, why error, lasted time.Duration) (tell func()) {
	if errors.Is(why, errFull) {
		rs.counters.refused.Add(1)
	} else {
		rs.counters.restarts.Add(1)
	}
	if lasted > r.pause {
		r.pause = 0
	}
	r.pause = min(max(2*r.pause, reducedPause), reducedPauses)
	r.notBefore = time.Now().Add(r.pause)
	level, pause := slog.LevelWarn, r.pause
	if r.told {
		level = slog.LevelDebug
	}
	r.told = true
	return func() {
		const says = "viewers over WebRTC with slow networks get the publisher's video"
		rs.config.Logger.Log(context.Background(), level, says, "stream", r.stream, "for", pause, "reason", why)
	}
}

// encode makes what is wanted, and returns why that cannot go on.
func (rs *Reductions) encode(r *reduction, to Reduction) error {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	if rs.config.Room != nil {
		if err := rs.config.Room(ctx); err != nil {
			return fmt.Errorf("%w: %w", errFull, err)
		}
	}
	rs.begun.Add(1)
	var ended error
	done := make(chan struct{})
	go func() {
		defer close(done)
		fault := panics.Contain(rs.config.Logger, "the encoder of reduced video", func() { ended = rs.config.Reduce(ctx, r.video, to, r.out) })
		ended = errors.Join(fault, ended)
	}()
	err := rs.oversee(ctx, r, done)
	cancel()
	<-done
	if errors.Is(err, errEnded) && ended != nil {
		return fmt.Errorf("%w: %w", err, ended)
	}
	return err
}

// oversee returns nil when nobody has got the pictures for a while, or the publisher has ended, or else why it cannot go on.
func (rs *Reductions) oversee(ctx context.Context, r *reduction, done <-chan struct{}) error {
	look := time.NewTicker(reducedLook)
	defer look.Stop()
	read, judged, made, left := time.Now(), time.Now(), r.out.made.Load(), r.out.left.Load()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-done:
			if ctx.Err() != nil {
				return nil
			}
			return errEnded
		case now := <-look.C:
			if r.out.track.IsRead() {
				read = now
			} else if now.Sub(read) >= rs.config.Linger {
				return nil
			}
			if now.Sub(judged) < reducedJudge {
				continue
			}
			more, fewer := r.out.made.Load()-made, r.out.left.Load()-left
			if fewer > more {
				return errBehind
			}
			judged, made, left = now, made+more, left+fewer
		}
	}
}
