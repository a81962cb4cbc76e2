package broadcast

// RecordAnew is called when a recording of the timeline has been begun or stopped: the source goes with it.
func (b *Broadcast) RecordAnew() {
	select {
	case b.recordings <- struct{}{}:
	default: // it is about to
	}
}

// recordAnew ends the source of a recording that was stopped, and has the one that begins soon have a key frame.
func (b *Broadcast) recordAnew() {
	b.source.flush()
	if r := b.timeline.Recording(); r != nil && !r.Over() {
		b.requestKeyFrame()
	}
}
