package client

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/whip"
)

// player is one run of sluice play.
type player struct {
	options  Play
	reporter *reporter
}

// errNothingCame ends a run that has seen and heard nothing.
var errNothingCame = errors.New("neither picture nor sound has come")

// Run connects, counts and records until the stream, the duration or ctx ends, and leaves. It owns every goroutine and
// waits for all.
func (p *player) Run(ctx context.Context) error {
	recording, err := newPlayRecording(p.options.Output)
	if err != nil {
		return err
	}
	var peer *playPeer
	meter := newPlayMeter(recording, func() { peer.requestKeyFrame() })
	if peer, err = newPlayPeer(meter); err != nil {
		return errors.Join(err, recording.Close())
	}
	whep := &whip.Client{Endpoint: p.options.URL, Token: p.options.Token}
	err = negotiate(ctx, p.options.Timeout, p.reporter, whep, peer)
	played := err == nil
	if played {
		err = p.play(ctx, meter, peer)
	}
	left := whep.Delete()
	closed := peer.Close()
	total, failed := meter.finish()
	switch {
	case errors.Is(err, errStreamEnded):
		err, left = nil, nil // the server has ended the session
	case errors.Is(err, errConnectionLost):
		left = nil // nobody is there to leave
	case ctx.Err() != nil:
		err = nil
	}
	if played {
		p.reporter.state("ended: %d pictures (%v), %d sound packets, %d of %d packets lost", total.frames, meter.video, total.sound, total.lost, total.packets+total.lost)
	}
	if err == nil && played && total.frames+total.sound == 0 && ctx.Err() == nil {
		err = errNothingCame
	}
	return errors.Join(err, failed, left, closed)
}

// play prints the rates once a second until the end.
func (p *player) play(ctx context.Context, meter *playMeter, peer *playPeer) error {
	p.reporter.state("playing")
	if p.options.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.options.Duration)
		defer cancel()
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-peer.over:
			return peer.why
		case now := <-ticker.C:
			line, err := meter.line(now)
			if err != nil {
				return nil // finish tells
			}
			p.reporter.rates(line)
		}
	}
}
