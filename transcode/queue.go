package transcode

import (
	"sync"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/vp8"
)

// Bounds of a job's queues: about 2 s of live media. Beyond them ffmpeg is not merely late, it is too slow.
const (
	MaxVideoFrames = 64
	MaxVideoBytes  = 8 << 20
	MaxAudioFrames = 128
	MaxAudioBytes  = 256 << 10
)

// QueueStats counts the frames of one input. In and Repeats are together what was written, dropped, and is queued.
type QueueStats struct {
	In      uint64 // taken by WriteFrame, the dropped ones too
	Dropped uint64 // given up because the queue was full, or because what they refer to was
	Repeats uint64 // repeat frames put in the place of dropped pictures
	Queued  int    // waiting now
	Bytes   int    // waiting now

	Overflows uint64 // times that video was dropped because the queue was full, each up to a keyframe
}

// queue is the bounded way from WriteFrame to the writer of one pipe: any number of goroutines push, one pops.
type queue struct {
	mu     sync.Mutex
	wake   sync.Cond // pop waits for it
	frames []depay.Frame
	first  int // index of the oldest frame in the ring
	stats  QueueStats
	limit  int // bytes
	video  bool
	skip   [1 + maxLayers]bool // video was dropped: what comes before the next key frame of that layer cannot be decoded
	shown  vp8.RepeatOptions
	newest []byte // the newest picture taken: what a decoder shows after all that waits
	closed bool   // nothing more is taken; what waits is still popped
	ended  bool   // nothing more is taken or popped
}

// newQueue returns a queue for one input, or for all layers of the video.
func newQueue(video bool, inputs int) *queue {
	q := &queue{frames: make([]depay.Frame, MaxAudioFrames), limit: MaxAudioBytes, video: video}
	if video {
		q.frames, q.limit = make([]depay.Frame, inputs*MaxVideoFrames), inputs*MaxVideoBytes
	}
	q.wake.L = &q.mu
	return q
}

// push takes f, or drops frames by the queue's policy. open is false when nothing is taken any more; skips is true while
// pictures are dropped up to the next key frame.
func (q *queue) push(f depay.Frame) (skips, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.ended {
		return false, false
	}
	q.stats.In++
	if q.admit(f) {
		q.put(f)
	} else {
		q.stats.Dropped++
		q.repeat(f.PTS)
	}
	return q.skip[f.Layer], true
}

// repeat puts a repeat frame in the place of a dropped picture of VP8 if there is room: an input that falls silent stops the
// whole run, and a publisher may take long to send a key frame, or never send one. With the other codecs it stops for as long.
func (q *queue) repeat(pts int64) {
	if q.shown.Width == 0 || q.full(depay.Frame{}) {
		return
	}
	// A frame that does not parse shows nothing new.
	if h, err := vp8.ParseHeader(q.newest); err == nil {
		q.shown.Segmentation = h.Segmentation
	}
	q.put(depay.Frame{Codec: depay.VP8, PTS: pts, Filler: true, Data: vp8.AppendRepeat(nil, q.shown)})
	q.stats.Repeats++
}

func (q *queue) put(f depay.Frame) {
	if q.video && !repeats(f) && f.Layer == 0 {
		q.newest = f.Data
	}
	if f.Key && f.Codec == depay.VP8 {
		q.shown = vp8.RepeatOptions{Width: f.Width, Height: f.Height}
	}
	q.frames[(q.first+q.stats.Queued)%len(q.frames)] = f
	q.stats.Queued++
	q.stats.Bytes += len(f.Data)
	q.wake.Signal()
}

// repeats reports whether f is a repeat frame: nothing refers to it, and it refers to whatever was shown last.
func repeats(f depay.Frame) bool { return f.Filler && !f.Key }

// admit makes room for f, or says that f is to be dropped. Sound: the oldest goes. Video: a key frame takes the place of
// all that waits, so that what was late is live again; any other picture goes, and with it all up to the next key frame but repeat frames.
func (q *queue) admit(f depay.Frame) bool {
	if len(f.Data) > q.limit {
		q.skip[f.Layer] = q.video
		return false
	}
	if q.video && repeats(f) {
		return !q.full(f)
	}
	if q.video && !f.Key && (q.skip[f.Layer] || q.full(f)) {
		if !q.skip[f.Layer] {
			q.stats.Overflows++
		}
		q.skip[f.Layer] = true
		return false
	}
	if q.video && !q.skip[f.Layer] && q.full(f) {
		q.stats.Overflows++
	}
	for q.full(f) {
		q.removeOldest()
		q.stats.Dropped++
		if q.video {
			q.dropAll()
			for layer := range q.skip {
				q.skip[layer] = true
			}
		}
	}
	q.skip[f.Layer] = false
	return true
}

func (q *queue) full(f depay.Frame) bool {
	return q.stats.Queued == len(q.frames) || q.stats.Bytes+len(f.Data) > q.limit
}

func (q *queue) dropAll() {
	for q.stats.Queued > 0 {
		q.removeOldest()
		q.stats.Dropped++
	}
}

// removeOldest removes the oldest frame; there must be one.
func (q *queue) removeOldest() depay.Frame {
	f := q.frames[q.first]
	q.frames[q.first] = depay.Frame{}
	q.first = (q.first + 1) % len(q.frames)
	q.stats.Queued--
	q.stats.Bytes -= len(f.Data)
	return f
}

// pop waits for the oldest frame. ok is false when the queue was closed and is empty, or has ended.
func (q *queue) pop() (f depay.Frame, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.stats.Queued == 0 && !q.closed && !q.ended {
		q.wake.Wait()
	}
	if q.stats.Queued == 0 || q.ended {
		return depay.Frame{}, false
	}
	return q.removeOldest(), true
}

// close takes nothing more; what waits is still popped.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake.Signal()
}

// end takes and pops nothing more; what waits counts as dropped.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.dropAll()
	q.wake.Signal()
}

func (q *queue) snapshot() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}
