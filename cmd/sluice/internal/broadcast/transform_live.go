package broadcast

import (
	"context"
	"log/slog"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode"
)

const (
	liveTapPackets = 512 // of a track wait at most
	// livePictures is how many wait for ffmpeg. When there is one more, all up to the next key frame are left out.
	livePictures = 8
	// liveTick is how often packets that are late are looked for.
	liveTick = 30 * time.Millisecond
	// liveStill is how often the newest picture is encoded again while none comes: viewers who join then see it.
	liveStill = time.Second
	// liveLeap in ticks is by how much time stamps may leap without a new beginning.
	liveLeap = 10 * transcode.LiveRate
)

// LiveOutput takes what TransformLive and ReduceLive make.
type LiveOutput interface {
	// Send takes a frame, valid until it returns, with the RTP time stamp of the picture that it was made of.
	Send(timestamp uint32, frame []byte)
	// Report takes a sender report of the publisher's video.
	Report(r media.SenderReport)
	// Drop is told of a picture that there was no time for.
	Drop()
}

// TransformLive encodes the video of a publisher as VP8 and as the broadcast transforms it, as fast as it comes, until ctx ends, or ffmpeg does, whose
// error it returns. It goes on with another transform, or pictures of another size, at the next key frame.
func (b *Broadcast) TransformLive(ctx context.Context, video *media.Track, out LiveOutput) error {
	l := &liveTransform{
		options: transcode.LiveOptions{FFmpeg: b.options.FFmpeg, Title: b.options.Stream, Logo: b.options.Logo},
		video:   video, out: out, log: b.log, ended: b.done, status: b.Status,
	}
	return l.work(ctx)
}

// ReduceLive encodes the video of a publisher, VP8 or H.264, in its codec at a lower bit rate, as the options say, as fast as it comes, until ctx
// ends, or ffmpeg does, whose error it returns.
func ReduceLive(ctx context.Context, o transcode.LiveOptions, video *media.Track, out LiveOutput, log *slog.Logger) error {
	o.Encode = codecOf(video.MimeType())
	return (&liveTransform{options: o, video: video, out: out, log: log}).work(ctx)
}

// liveTransform is a call of TransformLive or ReduceLive. It is used by one goroutine.
type liveTransform struct {
	options transcode.LiveOptions // of the next run
	video   *media.Track
	out     LiveOutput
	log     *slog.Logger
	ended   <-chan struct{} // closed at the end of the broadcast; nil: there is nothing to end with
	status  func() *Status  // tells the transform; nil: there is none

	run     *liveRun // nil until there is a key frame
	skips   bool     // up to the next key frame
	known   bool     // there has been a picture from the publisher:
	at      int64    // RTP time stamp of the newest picture, without wrapping
	pts     int64    // its PTS
	failure error    // why no run could be started
}

// liveTransform is what is made for viewers over WebRTC: all but boxes around faces, which only the run for HLS and DASH draws.
func (s *Status) liveTransform() transcode.Transform {
	if s.Transform == transcode.TransformFaces {
		return transcode.TransformNone
	}
	return s.Transform
}

// work encodes what the publisher sends until ctx ends.
func (l *liveTransform) work(ctx context.Context) error {
	l.options.Codec = codecOf(l.video.MimeType())
	o := depay.Options{
		Video: l.options.Codec, FrameInterval: liveStill, FillAfter: liveStill, Emit: l.emit, RequestKeyFrame: l.video.RequestKeyFrame,
	}
	if l.options.Codec == depay.H264 {
		o.H264ParameterSets = parameterSets(l.video.FormatParameters())
	}
	d, err := depay.New(o)
	if err != nil {
		return err
	}
	tap := l.video.Tap(liveTapPackets)
	defer tap.Close()
	defer func() { l.run.end() }()
	if r, at := l.video.LastReport(); !at.IsZero() {
		l.out.Report(r)
	}
	return l.loop(ctx, d, tap)
}

func (l *liveTransform) loop(ctx context.Context, d *depay.Depacketizer, tap *media.Tap) error {
	tick := time.NewTicker(liveTick)
	defer tick.Stop()
	newer := l.look()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.ended:
			return ErrEnded
		case err := <-l.run.exited():
			return err
		case <-newer:
			newer = l.look()
		case now := <-tick.C:
			d.Tick(now)
		case <-tap.Ready():
			l.read(d, tap)
			if tap.Ended() {
				l.run.end()
				l.run = nil
				<-ctx.Done() // who publishes next is another call's
				return nil
			}
		}
		if l.failure != nil {
			return l.failure
		}
	}
}

// look goes on with the transform that the broadcast has now, at the next key frame, until what it returns is closed.
func (l *liveTransform) look() (newer <-chan struct{}) {
	if l.status == nil {
		return nil
	}
	status := l.status()
	if to := status.liveTransform(); to != l.options.Transform {
		l.options.Transform = to
		l.video.RequestKeyFrame()
	}
	return status.Newer()
}

// read takes what the tap holds.
func (l *liveTransform) read(d *depay.Depacketizer, tap *media.Tap) {
	for p, ok := tap.Next(); ok; p, ok = tap.Next() {
		if p.Report != nil {
			l.out.Report(*p.Report)
		} else {
			d.Push(depay.Video, &p.RTP, p.Arrival)
		}
		p.Release()
	}
}

// emit takes a picture of the depacketizer.
func (l *liveTransform) emit(f depay.Frame) {
	if f.Filler && (f.Key || !l.known) {
		return // nobody has sent it
	}
	leaps := l.follow(f)
	if l.run != nil && (leaps || f.Key && !l.run.fits(l.options, f)) {
		l.run.end()
		l.run = nil
	}
	if f.Key {
		l.skips = false
		if l.run == nil && l.failure == nil {
			l.options.Width, l.options.Height = int(f.Width), int(f.Height)
			l.run, l.failure = l.start()
		}
	}
	switch {
	case l.failure != nil:
	case l.run == nil:
		l.video.RequestKeyFrame()
	case l.skips || !l.run.take(l.at, f.Data):
		l.skips = true
		l.out.Drop()
		l.video.RequestKeyFrame()
	}
}

// follow sets the time of a picture, that of a filler by how much later it is than the one before, and reports whether time leaps.
func (l *liveTransform) follow(f depay.Frame) (leaps bool) {
	before := l.at
	switch {
	case f.Filler:
		l.at += f.PTS - l.pts
	case !l.known:
		l.at = int64(f.RTPTime)
	default:
		l.at += int64(int32(f.RTPTime - uint32(l.at)))
	}
	ahead := l.at - before
	leaps = l.known && (ahead < -liveLeap || ahead > liveLeap)
	if l.known && !leaps && ahead <= 0 {
		l.at = before + 1
	}
	l.known, l.pts = true, f.PTS
	return leaps
}

// liveRun is one ffmpeg. A nil one does nothing.
type liveRun struct {
	options transcode.LiveOptions
	began   int64 // RTP time stamp of its first picture
	filter  *transcode.LiveFilter
	frames  chan liveFrame
	exit    chan error // receives once why it cannot go on
	stop    chan struct{}
	ended   [2]chan struct{} // closed when its goroutines have ended
}

type liveFrame struct {
	at   int64
	data []byte
}

// start starts an ffmpeg whose first picture is that of now.
func (l *liveTransform) start() (*liveRun, error) {
	filter, err := transcode.StartLiveFilter(l.options)
	if err != nil {
		return nil, err
	}
	r := &liveRun{
		options: l.options, began: l.at, filter: filter, frames: make(chan liveFrame, livePictures), exit: make(chan error, 1),
		stop: make(chan struct{}), ended: [2]chan struct{}{make(chan struct{}), make(chan struct{})},
	}
	for i, work := range []func() error{r.write, func() error { return r.pass(l.out) }} {
		go func() {
			defer close(r.ended[i])
			var err error
			if fault := panics.Contain(l.log, "the pictures that are transformed", func() { err = work() }); fault != nil {
				err = fault
			}
			select {
			case r.exit <- err:
			default: // why is known
			}
		}()
	}
	o := l.options
	l.log.Info("video is encoded for viewers over WebRTC", "transform", o.Transform, "width", o.Width, "height", o.Height, "bitrate", o.Bitrate)
	return r, nil
}

// fits reports whether a key frame can be the next picture of the run.
func (r *liveRun) fits(o transcode.LiveOptions, f depay.Frame) bool {
	return r.options.Transform == o.Transform && r.options.Width == int(f.Width) && r.options.Height == int(f.Height)
}

// take gives a picture its place, if there is one.
func (r *liveRun) take(at int64, data []byte) bool {
	select {
	case r.frames <- liveFrame{at - r.began, data}:
		return true
	default:
		return false
	}
}

// write hands pictures over to ffmpeg.
func (r *liveRun) write() error {
	for {
		select {
		case <-r.stop:
			return nil
		case f := <-r.frames:
			if err := r.filter.Write(f.at, f.data); err != nil {
				return err
			}
		}
	}
}

// pass hands on what ffmpeg makes.
func (r *liveRun) pass(out LiveOutput) error {
	for {
		at, frame, err := r.filter.Read()
		if err != nil {
			return err
		}
		out.Send(uint32(r.began+at), frame)
	}
}

func (r *liveRun) exited() <-chan error {
	if r == nil {
		return nil
	}
	return r.exit
}

// end ends ffmpeg and waits for all that has to do with it.
func (r *liveRun) end() {
	if r == nil {
		return
	}
	close(r.stop)
	r.filter.Close()
	for _, ended := range r.ended {
		<-ended
	}
}
