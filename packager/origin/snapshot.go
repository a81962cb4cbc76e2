package origin

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// snapshot is everything that viewers can ask a stream for, at one moment. It is never changed: the next one replaces it.
type snapshot struct {
	*timeline.Snapshot
	playlists    []*playlist
	multivariant *document          // nil while nothing can be played
	signed       *signed[*document] // multivariant playlists
	mpd          *document          // nil before the broadcast has ended: until then there are editions
	plain        *document          // the MPD of whole segments; nil before there is a Presentation
	since        time.Time          // when the Presentation came, with a monotonic reading
	changed      chan struct{}      // closed when a newer snapshot is there
	represented  chan struct{}      // closed when one with another Presentation is there
}

// playlist is that of the rendition; nil when there is none.
func (s *snapshot) playlist(id string) *playlist {
	for _, p := range s.playlists {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// document is one manifest. It is rendered when the first viewer asks for it, and once.
type document struct {
	render func() []byte
	before func() prefix // what precedes what render makes; nil for nothing
	mime   []string      // header values, shared by all answers
	origin *Origin       // whose packers are large

	once      sync.Once
	head      prefix
	plain     variant
	packOnce  sync.Once
	compacted variant
}

// variant is the document in one content coding.
type variant struct {
	head, body   []byte // the one after the other
	etag, length []string
}

func (d *document) identity() *variant {
	d.once.Do(func() {
		if d.before != nil {
			d.head = d.before()
		}
		d.plain = newVariant(d.head.text, d.render(), d.head.crc)
		d.render, d.before = nil, nil
	})
	return &d.plain
}

func (d *document) gzip() *variant {
	d.packOnce.Do(func() {
		plain := d.identity()
		if len(plain.head) > 0 {
			d.compacted = newVariant(d.head.packed, d.head.pack(&d.origin.deflaters, plain.body), d.head.crc)
			return
		}
		var b bytes.Buffer
		w := d.origin.packers.Get().(*gzip.Writer)
		defer d.origin.packers.Put(w)
		w.Reset(&b)
		w.Write(plain.body) // a bytes.Buffer takes all
		w.Close()
		d.compacted = newVariant(nil, b.Bytes(), 0)
	})
	return &d.compacted
}

// newVariant is for a head of that checksum and a body.
func newVariant(head, body []byte, sum uint32) variant {
	return variant{head: head, body: body, etag: []string{etag(len(head), sum, body)}, length: []string{strconv.Itoa(len(head) + len(body))}}
}

// Publish puts a newer snapshot in the place of the one before, and wakes who waits for it. It is called by one goroutine at a time.
func (s *Stream) Publish(of *timeline.Snapshot) {
	old := s.snapshot.Load()
	next := &snapshot{
		Snapshot: of, playlists: make([]*playlist, 0, len(of.Playlists)),
		multivariant: old.multivariant, signed: old.signed, mpd: old.mpd,
		since: old.since, changed: make(chan struct{}), represented: old.represented,
	}
	for _, p := range of.Playlists {
		if before := old.playlist(p.ID); before != nil && before.Playlist == p {
			next.playlists = append(next.playlists, before)
		} else {
			next.playlists = append(next.playlists, s.newPlaylist(p))
		}
	}
	represented := of.Presentation != old.Presentation
	if represented {
		next.since, next.represented = time.Now(), make(chan struct{})
		next.multivariant, next.mpd = s.manifests(of.Presentation)
		next.signed = &signed[*document]{}
	}
	next.plain = s.plainDocument(old, next)
	s.snapshot.Store(next)
	close(old.changed)
	if represented {
		close(old.represented)
	}
	for _, before := range old.playlists {
		if next.playlist(before.ID) != before {
			close(before.changed)
		}
	}
}

// manifests are the two documents that change only with the set of epochs and their rates.
func (s *Stream) manifests(p *timeline.Presentation) (multivariant, mpd *document) {
	if p == nil {
		return nil, nil
	}
	multivariant = s.newMultivariant(p, viewer{})
	mpd = s.document(manifest.MIMEDASH, func() []byte {
		m := s.origin.mpd(p)
		if !p.Ended {
			leaveImplied(m.Periods)
		}
		return m.Append(nil)
	})
	return multivariant, mpd
}

func (s *Stream) newMultivariant(p *timeline.Presentation, v viewer) *document {
	return s.document(manifest.MIMEHLS, func() []byte {
		renditions := named(p.Renditions)
		for i := range renditions {
			renditions[i].Playlist = v.sign(renditions[i].Playlist)
		}
		list := manifest.Multivariant(renditions)
		return list.Append(nil)
	})
}

// multivariantFor is that playlist as it names the others to the viewer.
func (s *Stream) multivariantFor(now *snapshot, v viewer) *document {
	if v.signature == "" {
		return now.multivariant
	}
	return now.signed.of(v.signature, func() *document { return s.newMultivariant(now.Presentation, v) })
}

func (s *Stream) document(mime string, render func() []byte) *document {
	counted := func() []byte {
		s.renders.Add(1)
		return render()
	}
	return &document{mime: []string{mime}, origin: s.origin, render: counted}
}
