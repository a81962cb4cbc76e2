package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/whip"
)

// publisher is one run of sluice publish.
type publisher struct {
	options  Publish
	reporter *reporter
	counts   counters
}

// Run connects, sends until the source or ctx ends, and leaves. That ctx
// ends is a regular end. It owns every goroutine and waits for all.
func (p *publisher) Run(ctx context.Context) error {
	o, why, err := probe(ctx, p.options)
	if err != nil {
		return err
	}
	if why != "" {
		p.reporter.state("pictures are encoded: those of the file cannot be sent as they are, since %s", why)
	}
	session := &whip.Client{Endpoint: o.URL, Token: o.Token}
	servers := session.Servers(ctx)
	connected, err := p.publish(ctx, o, session, servers)
	if named := session.Named(); err != nil && !connected && ctx.Err() == nil && len(servers) == 0 && len(named) > 0 {
		p.reporter.state("no connection: trying again by the STUN and TURN servers that the answer named")
		_, err = p.publish(ctx, o, session, named)
	}
	if err == nil {
		p.reporter.state("ended: %d pictures, %d sound packets sent", p.counts.video.frames.Load(), p.counts.audio.frames.Load())
	}
	return err
}

// publish is one session, by these ICE servers.
func (p *publisher) publish(ctx context.Context, o Publish, session *whip.Client, servers []whip.Server) (connected bool, err error) {
	peer, err := newSendPeer(o, servers)
	if err != nil {
		return false, err
	}
	var reports errgroup.Group
	for _, sender := range peer.senders() {
		reports.Go(func() error { return peer.readReports(sender, &p.counts) })
	}
	err = negotiate(ctx, o.Timeout, p.reporter, session, peer)
	if connected = err == nil; connected {
		err = p.send(ctx, o, peer)
	}
	left := session.Delete()
	closed := errors.Join(peer.Close(), reports.Wait())
	switch {
	case ctx.Err() != nil:
		err = nil
	case errors.Is(err, errConnectionLost):
		left = nil // nobody is there to leave
	}
	return connected, errors.Join(err, left, closed)
}

// negotiator is the WebRTC side of a session.
type negotiator interface {
	Offer(ctx context.Context) (string, error)
	Connect(ctx context.Context, answer string) error
	trickle(ctx context.Context, offer string, tell func(ctx context.Context, fragment string) error)
}

// negotiate gets the peer connected within the timeout.
func negotiate(ctx context.Context, timeout time.Duration, r *reporter, session *whip.Client, peer negotiator) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not connected after %s", config.FormatDuration(timeout)))
	defer cancel()
	r.state("connecting to %s", session.Endpoint)
	offer, err := peer.Offer(ctx)
	if err != nil {
		return err
	}
	answer, err := session.Offer(ctx, offer, func(err error) { r.state("waiting: %v", err) })
	if err != nil {
		return err
	}
	var trickling sync.WaitGroup
	defer trickling.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	trickling.Go(func() { peer.trickle(ctx, offer, session.Trickle) })
	return peer.Connect(ctx, answer)
}

// send runs the source and sends what it makes, until it ends.
func (p *publisher) send(ctx context.Context, o Publish, peer *sendPeer) error {
	switch {
	case o.copied != nil && o.copied.codec == peer.codec.name:
		p.reporter.state("live: pictures are sent as they are in the file, %s", peer.codec.name)
	case o.NoVideo || len(o.codecs) == 1:
		p.reporter.state("live")
	default:
		p.reporter.state("live: the server has chosen %s", peer.codec.name)
	}
	g, ctx := errgroup.WithContext(ctx)
	ctx, done := context.WithCancel(ctx)
	defer done()
	source, err := newMediaSource(ctx, o, peer.codec)
	if err != nil {
		return err
	}
	g.Go(func() error {
		defer done()
		return source.Run(func() error { return p.feed(ctx, source, peer) })
	})
	g.Go(func() error {
		p.reporter.Run(ctx, &p.counts)
		return nil
	})
	g.Go(func() error {
		select {
		case <-peer.over:
			return errConnectionLost
		case <-ctx.Done():
			return nil
		}
	})
	return g.Wait()
}

// drain is how long after its last packet a session goes on at most, so that
// lost ones can be sent again: until the receiver has reported the last one of
// each track, which it does once a second (RFC 3550 §6.4.2).
const drain = 2 * time.Second

// feed sends both tracks of the source in step.
func (p *publisher) feed(ctx context.Context, source *mediaSource, peer *sendPeer) error {
	step := pace{origin: source.Start}
	g, ctx := errgroup.WithContext(ctx)
	if source.Video != nil {
		g.Go(func() error {
			pictures := newPictureReader(source.Video, peer.codec, source.rate)
			return sendVideo(ctx, pictures, &step, peer.rtpSender(peer.video, peer.codec.payloader(), videoClock, &p.counts.video))
		})
	}
	if source.Audio != nil {
		g.Go(func() error {
			return sendAudio(ctx, source.Audio, &step, peer.rtpSender(peer.audio, audioPayloader(), audioClock, &p.counts.audio))
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	p.counts.video.waitReceived(ctx)
	p.counts.audio.waitReceived(ctx)
	return nil
}
