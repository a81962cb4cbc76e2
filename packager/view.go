package packager

import (
	"time"

	"github.com/sluice-live/sluice/packager/hls"
)

// view is the media playlist of one rendition at one moment, and what it lists. It is never changed.
type view struct {
	id          string
	segments    []Segment
	growing     *Segment // the segment in progress, with at least one part; nil between two
	written     written  // by the newest encoder
	hint        hint     // zero when nothing follows
	partTarget  time.Duration
	target      int       // TARGETDURATION
	made        time.Time // when the newest of it came, with a monotonic reading
	deep        bool      // it reaches back farther than PART-HOLD-BACK
	fresh       *freshPart
	full, delta *document
	changed     chan struct{} // closed when a newer view is there
}

// hint names the part that comes next.
type hint struct {
	epoch string
	msn   int64
	part  int
}

// view makes the rendition's view as of now. Its documents hold on to what they need: rendering does not look at the Timeline.
func (t *Timeline) view(l *listing) *view {
	v := &view{
		id: l.id, segments: l.segments, growing: l.growing, written: t.written(l.id), hint: t.hint(l),
		partTarget: t.partTarget, target: t.p.opts.targetDuration(t.late), made: time.Now(), changed: make(chan struct{}),
	}
	v.deep = v.reaches(holdBack * t.partTarget)
	v.fresh = v.freshPart()
	list := viewed{view: v, opts: &t.p.opts, ended: t.ended, reports: t.reports(l)}
	v.full = t.document(mimeHLS, func() []byte { return list.render(0) })
	if skip := list.skippable(); skip > 0 {
		v.delta = t.document(mimeHLS, func() []byte { return list.render(skip) })
	}
	return v
}

// holdBack is PART-HOLD-BACK in part targets (rfc8216bis §4.4.3.8 asks for two, Apple's authoring specification 14.3 for three).
const holdBack = 3

// reaches reports whether there is more media than d.
func (v *view) reaches(d time.Duration) bool {
	if v.growing != nil {
		d -= v.growing.duration()
	}
	for i := len(v.segments) - 1; i >= 0 && d >= 0; i-- {
		if !v.segments[i].Gap {
			d -= v.segments[i].duration()
		}
	}
	return d < 0
}

// hint is the part of the rendition that comes next: of the running epoch, or of the one that will follow.
func (t *Timeline) hint(l *listing) hint {
	n := len(t.epochs)
	if t.ended {
		return hint{}
	}
	if n == 0 || t.epochs[n-1].ended {
		return hint{epoch: t.nextName, msn: t.nextMSN}
	}
	e := t.epochs[n-1]
	k := e.track(l.id)
	switch g := l.growing; {
	case k == nil:
		return hint{}
	case g == nil:
		return hint{e.name, max(l.last()+1, e.base), 0}
	case k.full(*g) && e.late == 0: // where key frames are late, nobody knows which part is the last of its segment
		return hint{e.name, g.MSN + 1, 0}
	default:
		return hint{e.name, g.MSN, len(g.Parts)}
	}
}

// written is how far an encoder's files of a rendition have got, which may be other than what is listed.
type written struct {
	epoch string // empty until its initialization segment is there
	msn   int64  // of the segment in progress
	size  int64  // bytes of that
}

func (t *Timeline) written(id string) written {
	if n := len(t.epochs); n > 0 {
		if k := t.epochs[n-1].track(id); k != nil && k.init != nil {
			return written{k.epoch.name, k.msn(), k.usable()}
		}
	}
	return written{}
}

// reports say how far the other renditions are (rfc8216bis §4.4.5.4).
func (t *Timeline) reports(of *listing) (reports []hls.Report) {
	for _, l := range t.listings {
		if l == of {
			continue
		}
		r := hls.Report{URI: l.id + ".m3u8", MSN: l.last(), Part: -1}
		newest, found := l.find(r.MSN)
		if l.growing != nil {
			newest, found = *l.growing, true
		}
		if found {
			r.MSN, r.Part = newest.MSN, len(newest.Parts)-1
		}
		reports = append(reports, r)
	}
	return reports
}

// last is the number of the newest whole segment; before the first, the number before the one in progress.
func (v *view) last() int64 {
	if n := len(v.segments); n > 0 {
		return v.segments[n-1].MSN
	}
	return v.growing.MSN - 1
}

// segment finds a segment, whole or in progress.
func (v *view) segment(epoch string, msn int64) (s Segment, ok bool) {
	if v.growing != nil && v.growing.MSN == msn {
		s, ok = *v.growing, true
	} else {
		s, ok = findSegment(v.segments, msn)
	}
	return s, ok && s.epoch.name == epoch
}

// viewed is all that the two documents of a view say.
type viewed struct {
	*view
	opts    *Options
	ended   bool
	reports []hls.Report
}

func (v *view) targetDuration() time.Duration { return time.Duration(v.target) * time.Second }

// skipUntil is CAN-SKIP-UNTIL, the least that rfc8216bis §4.4.3.8 allows.
func (v *view) skipUntil() time.Duration { return 6 * v.targetDuration() }

// skippable is how many segments a delta update may leave out: those that end before the skip boundary (rfc8216bis §6.2.5.1).
func (v viewed) skippable() int {
	if v.ended {
		return 0
	}
	boundary, n := v.skipUntil(), len(v.segments)
	for n > 0 && boundary > 0 {
		n--
		boundary -= v.segments[n].duration()
	}
	return n
}

// recent is the index of the first segment whose parts are listed: those that begin less than three target durations before the end
// of the playlist (rfc8216bis §6.2.2).
func (v viewed) recent() int {
	left, n := 3*v.targetDuration(), len(v.segments)
	if v.growing != nil {
		left -= v.growing.duration()
	}
	for n > 0 && v.segments[n-1].duration() <= left {
		n--
		left -= v.segments[n].duration()
	}
	return n
}

// render makes the playlist, or with skip a delta update without the first segments.
func (v viewed) render(skip int) []byte {
	p := v.playlist(skip)
	return p.Append(make([]byte, 0, 512+len(p.Segments)*192+4*8<<10))
}

func (v viewed) playlist(skip int) hls.MediaPlaylist {
	first := v.growing
	if len(v.segments) > 0 {
		first = &v.segments[0]
	}
	p := hls.MediaPlaylist{
		TargetDuration: v.target, MediaSequence: first.MSN,
		DiscontinuitySequence: first.epoch.disc,
		Segments:              make([]hls.Segment, 0, len(v.segments)-skip),
		Ended:                 v.ended, Skipped: skip,
	}
	// rfc8216bis §6.2.2: the sequence counts the discontinuities that have left; one that the first segment carries has not.
	if first.discontinuity() {
		p.DiscontinuitySequence--
	}
	initURI, recent := v.firstMap(), v.recent()
	for i := range v.segments {
		s := &v.segments[i]
		if i > 0 && s.epoch != v.segments[i-1].epoch {
			initURI = mapOf(v.id, *s, initURI)
		}
		if i < skip {
			p.SkippedMap = initURI
			continue
		}
		p.Segments = append(p.Segments, v.entry(s, initURI, i >= recent))
	}
	p.LowLatency = v.lowLatency(initURI)
	return p
}

// entry describes a segment under its public name.
func (v viewed) entry(s *Segment, initURI string, withParts bool) hls.Segment {
	e := hls.Segment{
		URI:      s.epoch.name + "/" + segmentName(v.id, s.MSN),
		Duration: s.Duration, Timescale: int64(s.Timescale),
		Map: initURI, Gap: s.Gap,
		ProgramDateTime: s.wall(),
		Discontinuity:   s.discontinuity(),
	}
	if withParts && len(s.Parts) > 0 {
		e.Parts = make([]hls.Part, len(s.Parts))
		for i, part := range s.Parts {
			e.Parts[i] = hls.Part{
				URI:      s.epoch.name + "/" + partName(v.id, s.MSN, i),
				Duration: part.Duration, Independent: part.Independent && !part.Gap, Gap: part.Gap,
			}
		}
	}
	return e
}

func (v viewed) lowLatency(initURI string) *hls.LowLatency {
	l := &hls.LowLatency{
		PartTarget: v.partTarget, PartHoldBack: holdBack * v.partTarget,
		HoldBack: 3 * v.targetDuration(), SkipUntil: v.skipUntil(),
		Reports: v.reports,
	}
	if v.growing != nil && !v.ended {
		initURI = mapOf(v.id, *v.growing, initURI)
		growing := v.entry(v.growing, initURI, true)
		l.Growing = &growing
	}
	if v.hint.epoch != "" {
		l.NextPart = v.hint.epoch + "/" + partName(v.id, v.hint.msn, v.hint.part)
		if next := v.hint.epoch + "/" + initName(v.id); next != initURI {
			l.NextMap = next
		}
	}
	return l
}

// firstMap is the initialization segment of the first segment: the first there is, since either all segments name one or none.
func (v viewed) firstMap() string {
	for i := range v.segments {
		if uri := mapOf(v.id, v.segments[i], ""); uri != "" {
			return uri
		}
	}
	if v.growing != nil {
		return mapOf(v.id, *v.growing, "")
	}
	return ""
}
