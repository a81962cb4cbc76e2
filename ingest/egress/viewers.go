package egress

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/panics"
)

// Viewers are those of all streams. A viewer belongs to the name of a stream: publishers come and go.
type Viewers struct {
	forwarders *Forwarders
	batches    Transports
	linger     time.Duration
	onCount    func(stream string, viewers int) // may be nil

	mu      sync.Mutex
	live    map[string][]*media.Track // what is published, by stream
	streams map[string]*streamViewers // that have viewers
}

// Transports are those of the addresses that packets are sent to: over UDP, and over TCP, where they are only counted.
type Transports struct{ UDP, TCP *Batches }

// streamViewers are the viewers of a stream. They are there while there are any.
type streamViewers struct {
	viewers map[*Viewer]struct{}
	away    *time.Timer // ends them; nil while somebody publishes
	dropped atomic.Uint64
	arrived int // of them, those that have connected
}

// NewViewers makes what Run runs. linger is how long viewers stay connected while nobody publishes their stream. onCount, if not nil, hears
// how many viewers of a stream are connected when one more is, and must not block.
func NewViewers(f *Forwarders, b Transports, linger time.Duration, onCount func(stream string, viewers int)) *Viewers {
	return &Viewers{forwarders: f, batches: b, linger: linger, onCount: onCount, live: map[string][]*media.Track{}, streams: map[string]*streamViewers{}}
}

// Count is how many viewers a stream has.
type Count struct {
	Viewers int    // that are connected, but for relays
	Dropped uint64 // packets that they were too slow for, since there have been viewers
}

// Count counts the viewers of a stream, as it is published or transformed.
func (vs *Viewers) Count(stream string) (count Count) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, name := range []string{stream, Transformed(stream)} {
		of := vs.streams[name]
		if of == nil {
			continue
		}
		count.Dropped += of.dropped.Load()
		for v := range of.viewers {
			if v.session.State() == session.StateConnected && !v.session.Shared() {
				count.Viewers++
			}
		}
	}
	return count
}

// Transformed is what is published of a stream once it has been transformed, among the streams; no stream can be called so.
func Transformed(stream string) string { return stream + "?transformed" }

// Empty reports whether no stream has viewers or is published.
func (vs *Viewers) Empty() bool {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return len(vs.streams)+len(vs.live) == 0
}

// join makes the viewer follow whoever publishes the stream, now and later.
func (vs *Viewers) join(v *Viewer, stream string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	of := vs.streams[stream]
	if of == nil {
		of = &streamViewers{viewers: map[*Viewer]struct{}{}}
		vs.streams[stream] = of
	}
	v.dropped = &of.dropped
	of.viewers[v] = struct{}{}
	if tracks, live := vs.live[stream]; live {
		v.Follow(tracks)
	} else {
		vs.endUnlessPublished(stream, of)
	}
}

// arrived notes that a viewer of a stream, which it joined under the name from, has connected. A relay is none.
func (vs *Viewers) arrived(v *Viewer, stream, from string) {
	if v.session.Shared() {
		return
	}
	vs.mu.Lock()
	v.arrived = true
	vs.streams[from].arrived++
	viewers := 0
	for _, name := range []string{stream, Transformed(stream)} {
		if of := vs.streams[name]; of != nil {
			viewers += of.arrived
		}
	}
	vs.mu.Unlock()
	if vs.onCount != nil {
		vs.onCount(stream, viewers)
	}
}

func (vs *Viewers) leave(v *Viewer, stream string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	of := vs.streams[stream]
	if v.arrived {
		of.arrived--
	}
	delete(of.viewers, v)
	if len(of.viewers) > 0 {
		return
	}
	if of.away != nil {
		of.away.Stop()
	}
	delete(vs.streams, stream)
}

// Published makes the viewers of the stream go on with these tracks.
func (vs *Viewers) Published(stream string, tracks []*media.Track) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.live[stream] = tracks
	of := vs.streams[stream]
	if of == nil {
		return
	}
	if of.away != nil {
		of.away.Stop()
		of.away = nil
	}
	for v := range of.viewers {
		v.Follow(tracks)
	}
}

// Unpublished ends the viewers of the stream unless somebody publishes it in time.
func (vs *Viewers) Unpublished(stream string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	delete(vs.live, stream)
	if of := vs.streams[stream]; of != nil {
		vs.endUnlessPublished(stream, of)
	}
}

// End ends the viewers of a stream, however it stands.
func (vs *Viewers) End(stream string, why error) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if of := vs.streams[stream]; of != nil {
		for v := range of.viewers {
			v.session.Close(why)
		}
	}
}

// endUnlessPublished ends the viewers of the stream after a while. The caller holds mu.
func (vs *Viewers) endUnlessPublished(stream string, of *streamViewers) {
	if of.away != nil {
		return
	}
	of.away = panics.AfterFunc(vs.linger, nil, "the end of the viewers", func() {
		vs.mu.Lock()
		defer vs.mu.Unlock()
		if _, live := vs.live[stream]; live {
			return
		}
		for v := range of.viewers {
			v.session.Close(session.ErrStreamEnded)
		}
	})
}
