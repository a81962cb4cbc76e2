package pull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// How long the origin may take, and is left alone.
const (
	offerWithin = 10 * time.Second
	askWithin   = 3 * time.Second
	lookEvery   = 500 * time.Millisecond
	leastWait   = 250 * time.Millisecond // before an offer that was refused is made again, which doubles
	mostWait    = 2 * time.Second
	lasting     = 2 * time.Second // a connection that ends before is as none
	// publishers need as long to find out that the origin has gone (RFC 7675 §5.1)
	consent = 30 * time.Second
)

// channelLabel is that of the channel for messages of a stream.
const channelLabel = "sluice"

// Why a connection, and a stream, ends.
var (
	errLost      = errors.New("the origin knows the session no more")
	errAway      = errors.New("the origin has been away for too long")
	errNoConnect = errors.New("no connection to the origin lasts: let UDP pass between this server and its ice.udp")
)

// connection is one to the origin.
type connection struct {
	*session.Session
	at string // the origin's own session
}

// run pulls a stream until its end.
func (ss *Streams) run(s *stream) {
	c, err := ss.open(s)
	if err != nil {
		ss.fail(s, err)
		return
	}
	close(s.settled)
	ss.config.Logger.Info("a stream is pulled from the origin", "stream", s.name)
	without := absence{since: c.Started()}
	for {
		ss.watch(s, c)
		if errors.Is(c.Err(), session.ErrTakenOver) { // by who publishes it here, to whom its viewers belong now
			ss.leaveTo(s)
			return
		}
		wanted := c.heard()
		if errors.Is(c.Err(), errLost) {
			wanted = time.Now().Add(consent)
		}
		if without.ended(c); time.Since(without.since) >= ss.config.Timers.Away {
			err = errNoConnect
			break
		}
		if c, err = ss.again(s, wanted, &without); err != nil {
			break
		}
		ss.counts.resumed.Add(1)
		ss.config.Logger.Info("a stream is pulled from the origin again", "stream", s.name)
	}
	if s.ctx.Err() == nil {
		ss.config.Logger.Info("a stream that was pulled from the origin has ended", "stream", s.name, "reason", err)
		ss.fail(s, err)
	}
}

// watch returns when the connection has ended.
func (ss *Streams) watch(s *stream, c connection) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-s.ctx.Done():
			c.Close(session.ErrDeleted)
			ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), askWithin)
			_ = s.origin.Leave(ctx, c.at) // or it finds out by itself
			cancel()
			<-c.Done()
			return
		case <-c.Closing():
			ss.config.Logger.Info("the connection to the origin has ended", "stream", s.name, "reason", c.Err())
			return
		case now := <-look.C:
			if now.Sub(c.heard()) > ss.config.Timers.Quiet && !ss.lives(s, c) {
				c.Close(errLost)
			}
		}
	}
}

// heard is when the newest packet came, or when there was time for one.
func (c connection) heard() time.Time {
	last := c.Started()
	for _, t := range c.Tracks() {
		if at := t.LastPacket(); at.After(last) {
			last = at
		}
	}
	return last
}

// lives reports whether the origin knows the session. One that does not answer may do so soon.
func (ss *Streams) lives(s *stream, c connection) bool {
	ctx, cancel := context.WithTimeout(s.ctx, askWithin)
	defer cancel()
	lives, err := s.origin.Lives(ctx, c.at)
	return lives || err != nil
}

// absence is the time without a connection that lasts.
type absence struct {
	since time.Time
	wait  time.Duration // before the next offer
}

// ended notes the end of a connection. One that has lasted is made again at once.
func (a *absence) ended(c connection) {
	select {
	case <-c.Connected():
		if now := time.Now(); now.Sub(c.Started()) >= lasting {
			a.since, a.wait = now, 0
		}
	default:
	}
}

// pause waits for the time of the next offer, and is longer each time.
func (a *absence) pause(ctx context.Context) error {
	pause := time.NewTimer(a.wait)
	defer pause.Stop()
	a.wait = min(max(2*a.wait, leastWait), mostWait)
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// again makes the connection anew, as soon as the origin lets it. wanted is since when a publisher is waited for. The error says why there will be
// none.
func (ss *Streams) again(s *stream, wanted time.Time, without *absence) (connection, error) {
	lost := time.Now()
	for {
		if err := without.pause(s.ctx); err != nil {
			return connection{}, err
		}
		c, err := ss.open(s)
		if err == nil {
			return c, nil
		}
		switch now, status := time.Now(), refused(err).Status; {
		case status == http.StatusConflict && now.Sub(wanted) >= ss.config.Timers.Wanted:
			return c, session.ErrStreamEnded
		case status == http.StatusConflict:
			without.since = now // it is there
		case status == http.StatusUnauthorized || status == http.StatusForbidden:
			return c, session.ErrNoRight
		case isFinal(status):
			return c, err
		case now.Sub(lost) >= ss.config.Timers.Away:
			return c, errAway
		default:
			wanted = now.Add(consent) // publishers find it away, too
		}
	}
}

// isFinal reports whether an origin that refuses so will do so again.
func isFinal(status int) bool {
	return status/100 == 4 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout || status == http.StatusLoopDetected
}

// refused is an error as viewers are told it.
func refused(err error) *refusal.Refusal {
	var why *refusal.Refusal
	if errors.As(err, &why) {
		return why
	}
	return refusal.New(http.StatusServiceUnavailable, "The server that has this stream does not answer: ask again in a second.").After(1)
}

// open makes a connection to the origin, whose media is published once it comes.
func (ss *Streams) open(s *stream) (c connection, err error) {
	defer func() {
		if err != nil {
			ss.counts.failed.Add(1)
		} else {
			ss.counts.begun.Add(1)
		}
	}()
	at := session.NewPull(s.name, s.origin.Address())
	if p := ss.config.Sessions.Reserve(at); p != nil {
		return c, p
	}
	formats := offer.Pullable()
	pc, link, err := ss.config.Peers.Ask(formats...)
	if err != nil {
		ss.config.Sessions.Release(at)
		ss.config.Logger.Error("peer connection could not be made", "error", err)
		return c, err
	}
	c.Session = session.New(at, pc, link, ss.config.Timers.Connect)
	ss.config.Sessions.Start(c.Session)
	if err = ss.negotiate(s, &c); err != nil {
		c.Close(err)
		<-c.Done()
	}
	return c, err
}

// negotiate has the origin answer our offer.
func (ss *Streams) negotiate(s *stream, c *connection) error {
	ctx, cancel := context.WithTimeout(s.ctx, offerWithin)
	defer cancel()
	formats := offer.Pullable()
	offered, err := c.Propose(ctx, &offer.Offer{}, ss.config.PublicIPs, func(sess *session.Session) error {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
			receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
			if _, err := sess.PeerConnection().AddTransceiverFromKind(kind, receive); err != nil {
				return fmt.Errorf("offer %s: %w", kind, err)
			}
		}
		messages, err := sess.PeerConnection().CreateDataChannel(channelLabel, nil)
		if err != nil {
			return fmt.Errorf("offer a data channel: %w", err)
		}
		ss.config.Carry(sess, s.name, messages)
		return nil
	})
	if err != nil {
		return err
	}
	answer, at, err := s.origin.Offer(ctx, offered)
	if err != nil {
		return err
	}
	c.at = at
	taken, p := offer.ParsePulled(answer, formats)
	if p == nil {
		if err = c.Pull(taken, ss.config.Packets); err == nil {
			ss.config.Sessions.Announce(session.NewPublisher(c.Session))
			return nil
		}
	} else {
		err = p
	}
	_ = s.origin.Leave(ctx, at) // or it finds out by itself
	return err
}
