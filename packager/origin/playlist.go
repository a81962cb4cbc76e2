package origin

import (
	"time"

	"github.com/sluice-live/sluice/packager/hls"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// playlist is the snapshot of one rendition's media playlist, with its documents. It is never changed.
type playlist struct {
	*timeline.Playlist
	made        time.Time     // when the newest of it came, with a monotonic reading
	holdBack    time.Duration // PART-HOLD-BACK
	deep        bool          // players find a place in it to start at: see awaitStart
	fresh       *freshPart
	full, delta *document
	changed     chan struct{} // closed when a newer one is there
	signature   string        // of the other playlists that it names
	editions    *signed[*playlist]
}

// newPlaylist makes the documents of a playlist; they are rendered when somebody asks.
func (s *Stream) newPlaylist(of *timeline.Playlist) *playlist {
	p := &playlist{Playlist: of, made: time.Now(), fresh: newFreshPart(of), changed: make(chan struct{}), editions: &signed[*playlist]{}}
	p.holdBack = time.Duration(s.origin.timing.HoldBack) * of.PartTarget
	p.deep = len(p.Segments) > 0 && p.reaches(p.holdBack)
	s.write(p)
	return p
}

// write gives the playlist its documents.
func (s *Stream) write(p *playlist) {
	p.full, p.delta = s.document(manifest.MIMEHLS, func() []byte { return p.render(0) }), nil
	if frozen := p.recent() / chunkSegments * chunkSegments; s.origin.timing.Event && frozen > 0 {
		p.full = s.document(manifest.MIMEHLS, func() []byte { return p.renderAfter(frozen) })
		p.full.before = func() prefix { return s.history(p.ID).before(p, frozen) }
	}
	if skip := p.skippable(); skip > 0 {
		p.delta = s.document(manifest.MIMEHLS, func() []byte { return p.render(skip) })
	}
}

// reaches reports whether there is more media than d.
func (p *playlist) reaches(d time.Duration) bool {
	if p.Growing != nil {
		d -= p.Growing.Length()
	}
	for i := len(p.Segments) - 1; i >= 0 && d >= 0; i-- {
		if !p.Segments[i].Gap {
			d -= p.Segments[i].Length()
		}
	}
	return d < 0
}

// segment finds a segment, whole or in progress.
func (p *playlist) segment(epoch string, msn int64) (s timeline.Segment, ok bool) {
	if p.Growing != nil && p.Growing.MSN == msn {
		s, ok = *p.Growing, true
	} else {
		s, ok = timeline.FindSegment(p.Segments, msn)
	}
	return s, ok && s.EpochName() == epoch
}

func (p *playlist) targetDuration() time.Duration {
	return time.Duration(p.TargetDuration) * time.Second
}

// skipUntil is CAN-SKIP-UNTIL, the least that rfc8216bis §4.4.3.8 allows.
func (p *playlist) skipUntil() time.Duration { return 6 * p.targetDuration() }

// skippable is how many segments a delta update may leave out: those that end before the skip boundary (rfc8216bis §6.2.5.1).
func (p *playlist) skippable() int {
	if p.Ended {
		return 0
	}
	boundary, n := p.skipUntil(), len(p.Segments)
	for n > 0 && boundary > 0 {
		n--
		boundary -= p.Segments[n].Length()
	}
	return n
}

// recent is the index of the first segment whose parts are listed: those that begin less than three target durations before the end
// of the playlist (rfc8216bis §6.2.2).
func (p *playlist) recent() int {
	left, n := 3*p.targetDuration(), len(p.Segments)
	if p.Growing != nil {
		left -= p.Growing.Length()
	}
	for n > 0 && p.Segments[n-1].Length() <= left {
		n--
		left -= p.Segments[n].Length()
	}
	return n
}

// render makes the playlist, or with skip a delta update without the first segments.
func (p *playlist) render(skip int) []byte {
	m := p.media(skip)
	m.Skipped = skip
	return m.Append(make([]byte, 0, 512+len(m.Segments)*192+4*8<<10))
}

// renderAfter makes the rest of the playlist after so many segments.
func (p *playlist) renderAfter(segments int) []byte {
	m := p.media(segments)
	return m.AppendRest(make([]byte, 0, 512+len(m.Segments)*192+4*8<<10), m.SkippedMap)
}

// media is the playlist without the first segments.
func (p *playlist) media(without int) hls.MediaPlaylist {
	first := p.Growing
	if len(p.Segments) > 0 {
		first = &p.Segments[0]
	}
	m := hls.MediaPlaylist{
		TargetDuration: p.TargetDuration, MediaSequence: first.MSN,
		DiscontinuitySequence: first.DiscontinuitySequence(),
		Ended:                 p.Ended,
	}
	if p.Event {
		m.Type = hls.Event
	}
	// rfc8216bis §6.2.2: the sequence counts the discontinuities that have left; one that the first segment carries has not.
	if first.Discontinuity() {
		m.DiscontinuitySequence--
	}
	names := initNames{playlist: p}
	if without > 0 {
		m.SkippedMap = names.of(&p.Segments[without-1])
	}
	m.Segments = p.entries(without, len(p.Segments), p.recent(), &names)
	m.LowLatency = p.lowLatency(&names)
	return m
}

// entries describes segments, with their parts from the one at recent on.
func (p *playlist) entries(from, to, recent int, names *initNames) []hls.Segment {
	all := make([]hls.Segment, 0, to-from)
	for i := from; i < to; i++ {
		s := &p.Segments[i]
		all = append(all, p.entry(s, names.of(s), i >= recent))
	}
	return all
}

// entry describes a segment under its public name.
func (p *playlist) entry(s *timeline.Segment, initURI string, withParts bool) hls.Segment {
	e := hls.Segment{
		URI:      s.EpochName() + "/" + timeline.SegmentName(p.ID, s.MSN),
		Duration: s.Duration, Timescale: int64(s.Timescale),
		Map: initURI, Gap: s.Gap,
		ProgramDateTime: s.Wall(),
		Discontinuity:   s.Discontinuity(),
	}
	if withParts && len(s.Parts) > 0 {
		e.Parts = make([]hls.Part, len(s.Parts))
		for i, part := range s.Parts {
			e.Parts[i] = hls.Part{
				URI:      s.EpochName() + "/" + timeline.PartName(p.ID, s.MSN, i),
				Duration: part.Duration, Independent: part.Independent && !part.Gap, Gap: part.Gap,
			}
		}
	}
	return e
}

func (p *playlist) lowLatency(names *initNames) *hls.LowLatency {
	l := &hls.LowLatency{
		PartTarget: p.PartTarget, PartHoldBack: p.holdBack,
		HoldBack: 3 * p.targetDuration(), SkipUntil: p.skipUntil(),
		Reports: make([]hls.Report, len(p.Reports)),
	}
	for i, r := range p.Reports {
		l.Reports[i] = hls.Report{URI: r.ID + p.signature + ".m3u8", MSN: r.MSN, Part: r.Part}
	}
	initURI := names.newest
	if p.Growing != nil && !p.Ended {
		initURI = names.of(p.Growing)
		growing := p.entry(p.Growing, initURI, true)
		l.Growing = &growing
	}
	if p.Hint.Epoch != "" {
		l.NextPart = p.Hint.Epoch + "/" + timeline.PartName(p.ID, p.Hint.MSN, p.Hint.Part)
		if next := p.Hint.Epoch + "/" + timeline.InitName(p.ID); next != initURI {
			l.NextMap = next
		}
	}
	return l
}

// initNames are the URIs of initialization segments, of which the newest is kept: it is that of most segments in a row.
type initNames struct {
	playlist *playlist
	epoch    string
	newest   string
}

// of is the initialization segment of the segment. Before the first there is it is that, since either all segments name one or none.
func (n *initNames) of(s *timeline.Segment) string {
	epoch := s.InitEpoch()
	if epoch == "" {
		epoch = n.playlist.firstInit()
	}
	if epoch != n.epoch {
		n.epoch, n.newest = epoch, ""
		if epoch != "" {
			n.newest = epoch + "/" + timeline.InitName(n.playlist.ID)
		}
	}
	return n.newest
}

// firstInit is the epoch of the first initialization segment, empty where there is none.
func (p *playlist) firstInit() string {
	for i := range p.Segments {
		if epoch := p.Segments[i].InitEpoch(); epoch != "" {
			return epoch
		}
	}
	if p.Growing != nil {
		return p.Growing.InitEpoch()
	}
	return ""
}
