package broadcast

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// How the runs of ffmpeg of one broadcast follow each other.
const (
	restartAfter = 500 * time.Millisecond // after ffmpeg's second failure in a row; doubles with each
	maxRestarts  = 5                      // failures in a row after which a stream is given up
	steadyAfter  = 10 * time.Second       // a run this long ends a row of failures
)

// maxLogs bounds the logs that the ffmpegs of one broadcast leave.
const maxLogs = 999

// encode starts an encoding. A failure to start counts like an early exit. One that may copy waits for a key frame first.
//
// It reads the tracks of the publisher and all those that viewers have had: fillers carry on what this publisher does not
// send, because players wait for ever for a rendition that they have begun to play and that has nothing any more.
func (b *Broadcast) encode() {
	video, audio := b.publisher.codecs()
	b.videoIn, b.audioIn = cmp.Or(video, b.videoIn), cmp.Or(audio, b.audioIn)
	e, err := newRun(b, b.videoIn, b.audioIn)
	switch {
	case err != nil:
		e = failedRun(b.videoIn, b.audioIn, err)
	case b.mayCopy() && !b.copying.quiet:
		e.waits = true
		b.requestKeyFrame()
	default:
		e.fail(e.start(transcode.Rendition{}))
	}
	b.run = e
}

// opening is the picture that stands while none come: the newest one that ffmpeg can begin with.
func (b *Broadcast) opening(video depay.Codec) []byte {
	if b.publisher != nil && !b.copying.quiet || b.newest.Codec != video {
		return nil
	}
	return b.newest.Data
}

// suspend ends an ffmpeg whose output is lost: it would go on without a word, with a hole that playlists cannot tell. The
// next one begins once the disk can be written.
func (b *Broadcast) suspend(now time.Time, fault string) {
	b.log.Warn("ffmpeg is stopped until the disk can be written", "because", fault)
	b.endRun()
	b.restarts++
	b.retryAt = now
}

// runEnded sees to an ffmpeg that exited by itself: the next one, at once if this is its first failure in a row, or the end
// when none ever worked. With nobody there it is fed fillers, so that the stream goes on for its viewers.
func (b *Broadcast) runEnded(cause error) error {
	if cause == nil {
		cause = errors.New("ffmpeg ended by itself")
	}
	plain := b.giveUpTransform(cause)
	reduced := !plain && b.reduce(cause)
	var copied *transcode.CopyError
	if errors.As(cause, &copied) {
		b.copyEnded(copied)
	}
	again := plain || reduced || copied != nil || b.copyFailed()
	if again || time.Since(b.run.began) > steadyAfter {
		b.failures = 0
	}
	_ = b.run.end(b.log) // cause says the same
	b.run = nil
	b.failures++
	if b.options.Disk().Fault != "" {
		b.failures = 0 // not ffmpeg is to blame: the next one waits for the disk
	} else if !again && (!b.timelineLives() || b.failures > maxRestarts) {
		return cause
	}
	b.restarts++
	pause := pauseAfter(b.failures)
	if copied == nil {
		b.log.Warn("ffmpeg has failed, starting it again", "error", cause, "in", pause)
	} else {
		b.log.Info("starting ffmpeg anew", "because", copied)
	}
	b.retryAt = time.Now().Add(pause)
	return nil
}

// pauseAfter is the pause before ffmpeg is started again: none after its first failure in a row.
func pauseAfter(failures int) time.Duration {
	if failures < 2 {
		return 0
	}
	return restartAfter << (failures - 2)
}

func (b *Broadcast) endRun() {
	if b.run == nil {
		return
	}
	if err := b.run.end(b.log); err != nil {
		b.log.Warn("ffmpeg ended with an error", "error", err)
	}
	b.run = nil
}

// logFile is where the words of the next ffmpeg are kept: with the recording, or without one as long as the epoch's media; ""
// for nowhere.
func (b *Broadcast) logFile(e *packager.Epoch) string {
	if b.runs++; b.runs > maxLogs {
		return ""
	}
	if r := b.timeline.Recording(); r != nil {
		return filepath.Join(r.Dir(), fmt.Sprintf("ffmpeg-%d.log", b.runs))
	}
	return filepath.Join(e.Dir(), "ffmpeg.log")
}
