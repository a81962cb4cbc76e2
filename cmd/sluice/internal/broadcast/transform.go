package broadcast

import (
	"context"

	"github.com/sluice-live/sluice/transcode"
)

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

// setTransform has the video transformed in another way from now on.
func (b *Broadcast) setTransform(to transcode.Transform) {
	before := b.transform
	b.transform, b.transformReason = to, ""
	if to == before {
		return
	}
	b.log.Info("video is transformed", "to", to, "before", before)
	b.passthrough = b.passthrough.anew()
	if b.run != nil && b.video != 0 {
		b.restartRun()
		b.requestKeyFrame()
	}
	if before == transcode.TransformFaces {
		b.loseFaces()
	}
	b.publishStatus(b.state(), nil)
}
