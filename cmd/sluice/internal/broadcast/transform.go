package broadcast

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-live/sluice/transcode"
)

// transforming is what the pictures of a broadcast are transformed to, and why not.
type transforming struct {
	to     transcode.Transform
	reason string // why it was given up, else ""
}

// Transform changes what the video is transformed to, by another ffmpeg if one runs, which viewers see as a discontinuity. It returns
// when that has been taken up, with ErrEnded if the broadcast has ended, or with the error of ctx.
func (b *Broadcast) Transform(ctx context.Context, to transcode.Transform) error {
	select {
	case b.transforms <- to:
		return nil
	case <-b.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// change has the video transformed in another way from now on.
func (b *Broadcast) change(to transcode.Transform) {
	before := b.transforming.to
	b.transforming = transforming{to: to}
	if to == before {
		return
	}
	b.log.Info("pictures are transformed", "to", to, "before", before)
	if b.run != nil && b.videoIn != 0 {
		b.endRun()
		b.encode()
		b.requestKeyFrame()
	}
	b.publishStatus(b.state(), nil)
}

// giveUpTransform goes on without a transform with which ffmpeg has not lasted: it may lack the filter, or the machine be too slow
// for it.
func (b *Broadcast) giveUpTransform(cause error) bool {
	to := b.transforming.to
	if to == transcode.TransformNone || b.run == nil || time.Since(b.run.began) > steadyAfter || b.options.Disk().Fault != "" {
		return false
	}
	b.transforming = transforming{reason: fmt.Sprintf("The pictures are not transformed to %q: ffmpeg failed with that.", to)}
	b.log.Warn("transform is given up", "transform", to, "error", cause)
	return true
}
