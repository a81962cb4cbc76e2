package packager

import (
	"context"
	"errors"
)

// Errors of Open and BeginEpoch that a caller may want to tell apart.
var (
	// ErrLive says that the stream is open already.
	ErrLive = errors.New("stream is live already")
	// ErrEnded says that the Timeline or the Epoch has ended.
	ErrEnded = errors.New("stream has ended")
)

// Packager owns the Timelines of all streams and everything below its two directories.
type Packager struct {
	opts Options
}

// New makes the directories and checks that they can be written. Nothing runs before Run.
func New(opts Options) (*Packager, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	return &Packager{opts: opts.withDefaults()}, nil
}

// Run first recovers what an earlier process left (see recover), then follows the files of all epochs and keeps house until
// ctx ends. It returns when everything that it started has ended; Timelines that are still open then stay open in their
// log, so that the next process continues them.
func (p *Packager) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Open begins a broadcast of the stream, or continues the one that a crash has cut. Names outside of
// [A-Za-z0-9][A-Za-z0-9_-]{0,63} are refused, and ErrLive is returned while the stream's Timeline is open.
func (p *Packager) Open(stream string) (*Timeline, error) {
	return nil, errors.New("not implemented")
}

// Timeline is the newest broadcast of the stream, live or ended a moment ago; nil if there is none.
func (p *Packager) Timeline(stream string) *Timeline { return nil }

// Streams lists the state of all Timelines by name.
func (p *Packager) Streams() []Info { return nil }
