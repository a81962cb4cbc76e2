package service

import (
	"context"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster"
	"github.com/sluice-live/sluice/packager/timeline"
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
		TLSOfEtcd: etcd, TLSOfNodes: nodes, Load: s.load, Clock: s.clock.Now, Waiting: s.waiting, Deposed: s.deposed, Logger: s.log,
	})
	open, accompany := s.streams.open, s.streams.accompany
	s.streams.open = func(stream string) (*broadcast.Broadcast, error) {
		ctx, cancel := context.WithTimeout(context.Background(), offerWithin)
		defer cancel()
		if err := s.cluster.Claim(ctx, stream); err != nil {
			return nil, err
		}
		b, err := open(stream)
		if err != nil {
			s.cluster.Release(stream)
		}
		return b, err
	}
	s.streams.accompany = func(b *broadcast.Broadcast) (stop func()) {
		others := accompany(b)
		return func() {
			others()
			s.cluster.Release(b.Stream())
		}
	}
	return nil
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

// deposed ends the publisher of a stream that another node has now.
func (s *Service) deposed(stream string) {
	if b := s.Find(stream); b != nil {
		if p := b.Status().Publisher; p != nil {
			p.Dismiss("the stream goes on at another node of the cluster")
		}
	}
}

// Cluster is the service among others; nil where it stands alone.
func (s *Service) Cluster() *cluster.Node { return s.cluster }
