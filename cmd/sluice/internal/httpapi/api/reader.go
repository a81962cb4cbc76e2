// Package api describes the service as the documents of /api/v1: streams, sessions and rooms. Each document is made when it is
// asked for, of what the stages tell at that moment; nothing is kept. The documents leave out what lets somebody who reads
// them end or take over a session. Their fields are documented where they stand; times are UTC, durations seconds.
//
// It starts no goroutine.
package api

import (
	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/timeline"
)

// Reader makes documents of what a service does. It may be used by many goroutines.
type Reader struct {
	Service *service.Service
	Node    string // of a cluster that the service is; "" where it stands alone
}

// Streams describes the streams that have not ended, by name. It is never nil.
func (r Reader) Streams() []Stream {
	streams := []Stream{}
	for _, info := range r.Service.Packager().Streams() {
		if stream, ok := r.Stream(info.Stream); ok && info.State != timeline.StateEnded {
			streams = append(streams, stream)
		}
	}
	return streams
}

// Stream describes a stream: its broadcast, for a while also one that has ended, or what the service's last stop has left of it,
// which waits for its publisher.
func (r Reader) Stream(name string) (Stream, bool) {
	stream, ok := r.find(name)
	stream.Node = r.Node
	return stream, ok
}

func (r Reader) find(name string) (Stream, bool) {
	if b := r.Service.Find(name); b != nil {
		return r.describe(b), true
	}
	t := r.Service.Packager().Stream(name)
	if t == nil {
		return Stream{}, false
	}
	info := t.Info()
	return r.describeCut(info), info.State != timeline.StateEnded
}

// Follow is Stream, with a channel that is closed once there is something newer to tell; nil where nobody will say so.
func (r Reader) Follow(name string) (stream Stream, newer <-chan struct{}, ok bool) {
	if b := r.Service.Find(name); b != nil {
		newer = b.Status().Newer()
	}
	stream, ok = r.Stream(name)
	return stream, newer, ok
}

func (r Reader) describe(b *broadcast.Broadcast) Stream {
	stream := newStream(b)
	stream.Fault = r.Service.Packager().Disk().Fault
	stream.Viewers = r.Service.Ingest().Viewers().Count(b.Stream()).Viewers
	stream.Audience = newAudience(r.Service.Viewers().Stats(b.Stream()), stream.Viewers)
	stream.LadderReason = r.Service.LadderReason()
	stream.Forwards = describeForwards(r.Service.Forwards(b.Stream()))
	return stream
}

// describeCut describes a stream that the service's last stop has cut and that waits for its publisher.
func (r Reader) describeCut(info packager.Info) Stream {
	return Stream{
		Name: info.Stream, State: broadcast.StateInterrupted, StartedAt: info.Started, PlayableAt: info.Playable,
		Renditions: renditionsOf(info.Renditions), LadderReason: r.Service.LadderReason(), URLs: urlsOf(info.Stream),
		Audience: newAudience(r.Service.Viewers().Stats(info.Stream), 0),
	}
}

// Sessions describes all sessions. It is never nil.
func (r Reader) Sessions() []Session {
	sessions := SessionsOf(r.Service.Ingest().Sessions())
	for i := range sessions {
		sessions[i].Node = r.Node
	}
	return sessions
}

// SessionsOf describes all sessions of a registry. It is never nil.
func SessionsOf(registry *session.Registry) []Session {
	sessions := []Session{}
	for _, info := range registry.Infos() {
		sessions = append(sessions, newSession(info))
	}
	return sessions
}

// Rooms describes the rooms that somebody is in. It is never nil.
func (r Reader) Rooms() []Room {
	rooms := []Room{}
	for _, info := range r.Service.Ingest().Rooms().List() {
		rooms = append(rooms, newRoom(info))
	}
	return rooms
}

// Room describes one of them.
func (r Reader) Room(name string) (Room, bool) {
	for _, info := range r.Service.Ingest().Rooms().List() {
		if info.Name == name {
			return newRoom(info), true
		}
	}
	return Room{}, false
}
