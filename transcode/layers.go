package transcode

import (
	"errors"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sluice-live/sluice/depay"
)

const (
	// maxLayers is how many layers may be beside the best one.
	maxLayers = 3
	// queuedFrames is how many pictures of a layer may wait for its pipe.
	queuedFrames = 64
	// maxBehind is how far behind the best layer the others are left: what has not come by then is filled. A packet that was lost and is
	// sent again comes sooner.
	maxBehind = 250 * time.Millisecond
	// maxWaiting bounds the pictures of a layer that wait for the best one.
	maxWaiting = 64
	// memory is how many pictures of the best layer are remembered. A power of two.
	memory = 64
)

// layeredFrames writes the layers of a simulcast, each by its queue. The best one decides where a picture is put, and where segments begin:
// the others show the same pictures, and go where that one is. What cannot be cut at the same picture ends the run.
type layeredFrames struct {
	place  int64 // ticks from one picture to the next
	behind int64 // maxBehind in ticks
	best   *passthroughFrames
	others []*layerFrames
	shown  [memory]shownPicture // of the best layer, the newest ones
	count  int                  // how many there were
}

// layerFrames is a layer beside the best one.
type layerFrames struct {
	*passthroughFrames
	number  int           // Frame.Layer
	waiting []depay.Frame // for the best layer's picture
}

// shownPicture is where a picture of the best layer was put.
type shownPicture struct {
	timestamp uint32 // of RTP
	pts       int64
}

// newLayeredFrames writes to queues: those of the best layer, and of the renditions that are layers.
func newLayeredFrames(j *Job, queues []*layerQueue) *layeredFrames {
	l := &layeredFrames{best: newPassthroughFrames(queues[0], j)}
	l.place, l.behind = l.best.place, int64(maxBehind)*depay.H264.ClockRate()/int64(time.Second)
	for i, rendition := range j.opts.layers() {
		other := &layerFrames{passthroughFrames: newPassthroughFrames(queues[1+i], j), number: rendition.Layer}
		other.ask, other.extras = func() {}, new(atomic.Int64) // the best one asks for all, and counts for ffmpeg's progress
		l.others = append(l.others, other)
	}
	return l
}

// WriteFrame writes a picture, or keeps it until the best layer's is there. One of a layer that is no rendition is left out.
func (l *layeredFrames) WriteFrame(f depay.Frame) error {
	if f.Layer == 0 {
		return l.lead(f)
	}
	for _, o := range l.others {
		if o.number == f.Layer {
			if len(o.waiting) == maxWaiting {
				return fault(LayersApart, f.PTS)
			}
			o.waiting = append(o.waiting, f)
			return l.writeWaiting(o)
		}
	}
	return nil
}

func (l *layeredFrames) Close() error { return nil }

// lead writes a picture of the best layer, and what waited for it.
func (l *layeredFrames) lead(f depay.Frame) error {
	if err := l.best.WriteFrame(f); err != nil {
		return err
	}
	if !l.best.begun {
		return nil
	}
	if !f.Filler {
		l.shown[l.count%memory] = shownPicture{f.RTPTime, l.best.newest}
		l.count++
	}
	for _, o := range l.others {
		if err := l.writeWaiting(o); err != nil {
			return err
		}
		if err := l.keepUp(o); err != nil {
			return err
		}
	}
	return nil
}

// writeWaiting writes the pictures of a layer whose place is known.
func (l *layeredFrames) writeWaiting(o *layerFrames) error {
	for len(o.waiting) > 0 && l.count > 0 {
		f := o.waiting[0]
		pts, known := l.placeOf(f.RTPTime)
		if !known && l.best.last < pts+l.behind {
			return nil
		}
		o.waiting = o.waiting[1:]
		if !o.begun && pts != 0 {
			continue // keepUp tells when none comes that belongs to the first
		}
		f.PTS = pts
		if err := l.together(o, o.WriteFrame(f)); err != nil {
			return err
		}
	}
	return nil
}

// placeOf returns where the picture of a layer belongs: where the best layer's is that was taken at the same instant or, as far as
// is known until that comes, as long after the newest one as it was taken after that.
func (l *layeredFrames) placeOf(timestamp uint32) (pts int64, known bool) {
	newest := l.shown[(l.count-1)%memory]
	ahead := int64(int32(timestamp - newest.timestamp))
	if ahead > l.place/2 {
		return newest.pts + ahead, false
	}
	nearest, off := newest, ahead
	for i := l.count - 2; i >= max(l.count-memory, 0); i-- {
		s := l.shown[i%memory]
		if ahead = int64(int32(timestamp - s.timestamp)); abs(ahead) < abs(off) {
			nearest, off = s, ahead
		}
	}
	if abs(off) <= l.place/2 {
		return nearest.pts, true
	}
	return nearest.pts + off, true // the best layer has none
}

func abs(n int64) int64 { return max(n, -n) }

// keepUp repeats pictures of a layer that is far behind the best one: ffmpeg waits for whichever input is behind.
func (l *layeredFrames) keepUp(o *layerFrames) error {
	until := l.best.last - l.behind
	switch {
	case !o.begun && until > 0:
		return fault(LayersApart, l.best.last)
	case !o.begun:
		return nil
	}
	return l.together(o, o.fill(until))
}

// together returns why a layer cannot be a rendition any more, if it cannot: the best one alone might do well.
func (l *layeredFrames) together(o *layerFrames, err error) error {
	if errors.As(err, new(*PassthroughError)) || err == nil && o.begun && l.apart(o) {
		return fault(LayersApart, o.last)
	}
	return err
}

// finish has all layers end with the best one, as far as they can. What goes wrong then does not matter any more.
func (l *layeredFrames) finish() {
	_ = l.best.release()
	for _, o := range l.others {
		until := l.best.last + l.place
		if o.cuts < l.best.cuts {
			until = l.best.cutAt
		}
		if o.begun {
			_ = o.fill(until)
		}
		_ = o.release()
	}
}

// apart reports whether a layer's segments do not begin where those of the best one do.
func (l *layeredFrames) apart(o *layerFrames) bool {
	switch l.best.cuts - o.cuts {
	case 0:
		return o.cutAt != l.best.cutAt
	case 1:
		return o.last >= l.best.cutAt
	}
	return true
}

// layerQueue is the way of a layer's pictures to its pipe. ffmpeg opens its inputs one after the other, and reads none before it has
// opened all: who writes to one must not wait for another.
type layerQueue struct {
	frames chan depay.Frame
	gone   chan struct{} // closed when nothing takes them any more
}

func newLayerQueue() *layerQueue {
	return &layerQueue{frames: make(chan depay.Frame, queuedFrames), gone: make(chan struct{})}
}

// WriteFrame waits for room. The error is that of a pipe that nobody reads.
func (q *layerQueue) WriteFrame(f depay.Frame) error {
	select {
	case q.frames <- f:
		return nil
	case <-q.gone:
		return syscall.EPIPE
	}
}

// Close lets the pipe end once it has taken all.
func (q *layerQueue) Close() error {
	close(q.frames)
	return nil
}

func (q *layerQueue) pop() (f depay.Frame, ok bool) {
	f, ok = <-q.frames
	return f, ok
}

// leave takes no more frames.
func (q *layerQueue) leave() { close(q.gone) }

// layering takes the pictures of all layers from the job's queue to their own.
type layering struct {
	queue  *queue
	queues []*layerQueue
	frames *layeredFrames
}

func newLayering(j *Job) *layering {
	l := &layering{queue: j.video}
	for range 1 + len(j.opts.layers()) {
		l.queues = append(l.queues, newLayerQueue())
	}
	l.frames = newLayeredFrames(j, l.queues)
	return l
}

// feed runs until the queue is closed or has ended. What goes wrong with a pipe that pipe tells.
func (l *layering) feed() error {
	defer func() {
		l.frames.finish()
		for _, queue := range l.queues {
			_ = queue.Close()
		}
	}()
	for {
		f, ok := l.queue.pop()
		if !ok {
			return nil
		}
		if err := l.frames.WriteFrame(f); err != nil {
			if errors.Is(err, syscall.EPIPE) {
				return nil
			}
			return err
		}
	}
}
