package service

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode"
)

// joinCluster makes the service a node, if it is one: a broadcast is opened once its stream is ours, and given back when it has ended.
func (s *Service) joinCluster() error {
	if !s.cfg.IsNode() {
		return nil
	}
	c := s.cfg.Cluster
	etcd, err := c.TLSOfEtcd()
	if err != nil {
		return err
	}
	nodes, err := c.TLSOfNodes()
	if err != nil {
		return err
	}
	s.cluster = cluster.New(cluster.Options{
		ID: c.Node, URL: c.URL, Etcd: c.Etcd, Secret: string(c.Secret), CacheBytes: s.cfg.Relay.Cache,
		TLSOfEtcd: etcd, TLSOfNodes: nodes, Load: s.load, Clock: s.clock.Now, Waiting: s.waiting, Deposed: s.deposed,
		Numbers: s.numbers, Allow: s.allow, Linger: s.packagerOptions().Linger, Logger: s.log,
	})
	accompany := s.streams.accompany
	s.streams.open = s.openOurs
	s.streams.accompany = func(b *broadcast.Broadcast) (stop func()) {
		others := accompany(b)
		return func() {
			others()
			s.cluster.Release(b.Stream())
		}
	}
	return nil
}

// openOurs opens a stream once it is ours, behind what was listed of it elsewhere.
func (s *Service) openOurs(stream string) (b *broadcast.Broadcast, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), offerWithin)
	defer cancel()
	from, err := s.cluster.Claim(ctx, stream)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.cluster.Release(stream)
		}
	}()
	timeline, err := s.openTimeline(ctx, stream, from)
	if err != nil {
		return nil, err
	}
	if err := s.cluster.Reserve(ctx, stream); err != nil {
		return nil, errors.Join(err, timeline.Yield())
	}
	return s.newBroadcast(stream, timeline), nil
}

// openTimeline goes on from the numbers of another node, or with what is here if that is as new.
func (s *Service) openTimeline(ctx context.Context, stream string, from *cluster.Numbers) (*packager.Stream, error) {
	now := s.clock.Now()
	here := s.packager.Stream(stream)
	if from == nil || from.Node == s.cluster.ID() && here != nil && here.Numbers(0).Used >= from.Used {
		return s.packager.Open(stream)
	}
	next := from.After(now)
	if seen := s.cluster.EdgeAnywhere(ctx, stream); seen.After(next.End) && !seen.After(now) {
		next.End = seen.Add(-overlap)
	} else if died := now.Add(-diedBefore); !next.Closed && died.After(next.End) {
		next.End = died
	}
	own := timeline.Timing{Segment: s.cfg.Segment}.TargetDuration(next.Room)
	if !next.Ended && own != next.Target {
		s.log.Warn("a stream comes from a node with another segment: players may have to begin anew", "stream", stream, "node", from.Node, "segment", next.Segment)
	}
	s.log.Info("a stream goes on here", "stream", stream, "from", from.Node, "next", next.Next, "reserved", from.Next)
	return s.packager.Continue(stream, next)
}

// overlap is how much earlier than what viewers have been told of a stream goes on: hls.js looks for a segment that contains the end of its last one, by
// a count of its own.
const overlap = 50 * time.Millisecond

// diedBefore is how long before a stream is claimed its owner has listed the last of it at least: etcd takes two seconds to find that it has gone, and
// nodes say every two thirds of a second that they have not.
const diedBefore = time.Second

// numbers are what another node may go on from, and by which session media comes.
func (s *Service) numbers(stream string, ahead int64) (now timeline.Numbers, publisher string, ok bool) {
	here := s.packager.Stream(stream)
	if here == nil {
		return now, "", false
	}
	if b := s.Find(stream); b != nil && !b.Ended() {
		if p := b.Status().Publisher; p != nil {
			for _, track := range p.Tracks() {
				if time.Since(track.LastPacket()) < flowsWithin {
					publisher = p.ID()
				}
			}
		}
	}
	return here.Numbers(ahead), publisher, true
}

// flowsWithin is for how long media has not come where none does.
const flowsWithin = 2 * time.Second

// allow lets numbers be listed.
func (s *Service) allow(stream string, limit int64) {
	if here := s.packager.Stream(stream); here != nil {
		here.SetLimit(limit)
	}
}

// load measures how much room there is for more streams.
func (s *Service) load(ctx context.Context, during time.Duration) (cluster.Load, error) {
	idle, err := transcode.IdleCores(ctx, during)
	live := 0
	for _, b := range s.All() {
		if !b.Ended() {
			live++
		}
	}
	room := max(s.cfg.Limits.Streams-live, 0)
	if s.cluster.Skewed() {
		room = 0
	}
	return cluster.Load{Streams: room, Idle: max(idle, 0), Draining: !s.Ready()}, err
}

// waiting lists the streams that have not ended, with those that the last stop has left for their publishers, and the rooms that somebody is in.
func (s *Service) waiting() (streams []string) {
	for _, info := range s.packager.Streams() {
		if info.State != timeline.StateEnded {
			streams = append(streams, info.Stream)
		}
	}
	for _, room := range s.ingest.Rooms().List() {
		streams = append(streams, cluster.Room(room.Name))
	}
	return streams
}

// deposed ends here what another node goes on with.
func (s *Service) deposed(stream string) {
	if b := s.Find(stream); b != nil && !b.Ended() {
		b.Yield()
		return
	}
	if here := s.packager.Stream(stream); here != nil {
		panics.Go(s.log, "the end of a stream that goes on elsewhere", func() {
			if err := here.Yield(); err != nil {
				s.log.Warn("stream has not ended cleanly", "stream", stream, "error", err)
			}
		})
	}
}

// Cluster is the service among others; nil where it stands alone.
func (s *Service) Cluster() *cluster.Node { return s.cluster }
