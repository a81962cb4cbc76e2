package packager

import (
	"bytes"
	"compress/gzip"
	"maps"
	"slices"
	"strconv"
	"sync"
)

// snapshot is everything that viewers can ask a Timeline for, at one moment. It is never changed: the next one replaces it.
type snapshot struct {
	documents map[string]*document // the multivariant playlist and the MPD, by file name
	views     map[string]*view     // the media playlists, by rendition
	newest    map[source]int64     // number of the newest segment that is whole, of these two epochs:
	epoch     string               // the newest, empty once the stream has ended
	presented string               // the newest that is in the MPD, which DASH players know
	ready     bool                 // every rendition can be played
	ended     bool
	changed   chan struct{} // closed when a newer snapshot is there
}

// source is a rendition of an epoch.
type source struct{ epoch, rendition string }

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
		newest:    make(map[source]int64, 2*len(t.listings)),
		ready:     t.becomeReady(),
		ended:     t.ended,
		changed:   make(chan struct{}),
	}
	t.publishFiles(next)
	for _, l := range t.listings {
		next.views[l.id] = old.views[l.id]
		if l.stale || old.views[l.id] == nil {
			next.views[l.id], l.stale = t.view(l), false
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

// publishFiles says which segments are whole.
func (t *Timeline) publishFiles(next *snapshot) {
	for i, e := range t.epochs {
		if t.ended || !e.whole && i < len(t.epochs)-1 {
			continue
		}
		next.epoch = e.name
		if e.whole {
			next.presented = e.name
		}
		for _, k := range e.tracks {
			next.newest[source{e.name, k.ID}] = k.msn() - 1
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

// becomeReady reports whether manifests can be answered, and wakes who waits for it.
func (t *Timeline) becomeReady() bool {
	if !t.ready && slices.ContainsFunc(t.epochs, (*Epoch).complete) {
		t.ready, t.playedAt = true, t.p.opts.Wall()
		close(t.playable)
	}
	return t.ready
}
