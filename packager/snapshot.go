package packager

import (
	"bytes"
	"compress/gzip"
	"maps"
	"strconv"
	"sync"
)

// snapshot is everything that viewers can ask a Timeline for, at one moment. It is never changed: the next one replaces it.
type snapshot struct {
	documents map[string]*document // the multivariant playlist and the MPD, by file name
	views     map[string]*view     // the media playlists, by rendition
	newest    map[string]int64     // by rendition: number of its newest whole segment
	epoch     string               // the newest epoch, empty once the stream has ended
	ready     bool                 // every rendition can be played
	ended     bool
	changed   chan struct{} // closed when a newer snapshot is there
}

// document is one manifest. It is rendered when the first viewer asks for it, and once.
type document struct {
	render func() []byte
	mime   []string   // header values, shared by all answers
	pool   *sync.Pool // of *gzip.Writer, which are large

	once      sync.Once
	plain     variant
	packOnce  sync.Once
	compacted variant
}

// variant is the document in one content coding.
type variant struct {
	body         []byte
	etag, length []string
}

func (d *document) identity() *variant {
	d.once.Do(func() { d.plain = newVariant(d.render()); d.render = nil })
	return &d.plain
}

func (d *document) gzip() *variant {
	d.packOnce.Do(func() {
		var b bytes.Buffer
		w := d.pool.Get().(*gzip.Writer)
		defer d.pool.Put(w)
		w.Reset(&b)
		w.Write(d.identity().body) // a bytes.Buffer takes all
		w.Close()
		d.compacted = newVariant(b.Bytes())
	})
	return &d.compacted
}

func newVariant(body []byte) variant {
	return variant{body: body, etag: []string{etag(body)}, length: []string{strconv.Itoa(len(body))}}
}

// publish makes a new snapshot of what has changed and wakes who waits for it.
func (t *Timeline) publish() {
	old := t.snap.Load()
	next := &snapshot{
		documents: make(map[string]*document, 2),
		views:     make(map[string]*view, len(t.listings)),
		newest:    make(map[string]int64, len(t.listings)),
		ready:     t.becomeReady(),
		ended:     t.ended,
		changed:   make(chan struct{}),
	}
	if n := len(t.epochs); n > 0 && !t.ended {
		next.epoch = t.epochs[n-1].name
		for _, k := range t.epochs[n-1].tracks {
			next.newest[k.ID] = t.epochs[n-1].base - 1
		}
	}
	for _, l := range t.listings {
		next.views[l.id] = old.views[l.id]
		if l.stale || old.views[l.id] == nil {
			next.views[l.id], l.stale = t.view(l), false
		}
		if len(l.segments) > 0 {
			next.newest[l.id] = l.last()
		}
	}
	t.publishManifests(old, next)
	t.snap.Store(next)
	close(old.changed)
	for id, v := range old.views {
		if next.views[id] != v {
			close(v.changed)
		}
	}
}

// publishManifests renews the two documents that change only with the set of epochs and their rates.
func (t *Timeline) publishManifests(old, next *snapshot) {
	if !t.mpdStale {
		for _, name := range [...]string{multivariant, manifest} {
			if d := old.documents[name]; d != nil {
				next.documents[name] = d
			}
		}
		return
	}
	if fresh := t.manifestDocuments(); fresh != nil {
		maps.Copy(next.documents, fresh)
		t.mpdStale = false
	}
}

// becomeReady tells whether manifests can be answered, and wakes who waits for it.
func (t *Timeline) becomeReady() bool {
	if n := len(t.epochs); !t.ready && n > 0 && t.epochs[n-1].complete() {
		t.ready, t.playedAt = true, t.p.opts.Wall()
		close(t.playable)
	}
	return t.ready
}
