package conformance

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/dash"
)

// CheckDASH reports the rules of DASH that the visits to one stream's MPD and segments break, each once per resource.
// Other visits are passed over.
func CheckDASH(visits []Visit, o Options) []Violation {
	d := newDASH(visits, o)
	for _, v := range d.all {
		if v.is(".mpd") {
			checkResponse(&d.report, v)
		}
	}
	for i, m := range d.manifests {
		for _, rule := range manifestRules() {
			d.add(rule.name, m.visit, rule.check(m))
		}
		if m.dynamic() && m.low.chunked() {
			for _, rule := range lowLatencyManifestRules() {
				d.add(rule.name, m.visit, rule.check(m))
			}
		}
		if i > 0 {
			for _, rule := range updateRules() {
				d.add(rule.name, m.visit, rule.check(d.manifests[i-1], m))
			}
		}
	}
	for _, rule := range append(presentationRules(), lowLatencyPresentationRules()...) {
		rule.check(d, func(v *Visit, detail string) { d.add(rule.name, v, detail) })
	}
	return d.violations
}

// presentation is what was seen of one stream.
type presentation struct {
	report
	*archive
	options   Options
	manifests []manifest // by time
	visited   []visitedSlot
}

// manifest is one visit of the MPD.
type manifest struct {
	*dash.MPD
	visit *Visit
	low   *lowLatency
}

// newManifest makes known how long Periods last that say nothing: until the next one starts (ISO/IEC 23009-1 §5.3.2.1).
func newManifest(m *dash.MPD, v *Visit) manifest {
	for i := 1; i < len(m.Periods); i++ {
		if before := &m.Periods[i-1]; before.Duration == 0 {
			before.Duration = m.Periods[i].Start - before.Start
		}
	}
	return manifest{m, v, parseLowLatency(v.Body)}
}

func newDASH(visits []Visit, o Options) *presentation {
	d := &presentation{archive: newArchive(visits), options: o}
	for _, v := range d.all {
		if !v.is(".mpd") || v.Status != http.StatusOK {
			continue
		}
		m, err := dash.Parse(v.Body)
		if err == nil {
			err = m.Validate()
		}
		if m != nil {
			d.manifests = append(d.manifests, newManifest(m, v))
		}
		if err != nil {
			d.add("ISO/IEC 23009-1 §5.3.1 MPD", v, err.Error())
		}
	}
	d.visited = d.findVisited()
	return d
}

func (m manifest) dynamic() bool { return m.Type == dash.Dynamic }

// stream is one representation of one period.
type stream struct {
	manifest       manifest
	period         *dash.Period
	set            *dash.AdaptationSet
	representation *dash.Representation
	template       *dash.SegmentTemplate
}

// each calls do for every representation of the manifest.
func (m manifest) each(do func(stream)) {
	for p := range m.Periods {
		for a := range m.Periods[p].AdaptationSets {
			set := &m.Periods[p].AdaptationSets[a]
			for r := range set.Representations {
				s := stream{m, &m.Periods[p], set, &set.Representations[r], set.Template}
				if own := s.representation.Template; own != nil {
					s.template = own
				}
				if s.template != nil && s.template.Timescale > 0 {
					do(s)
				}
			}
		}
	}
}

// init is the absolute URL of the init segment.
func (s stream) init() string {
	return s.manifest.visit.resolve(strings.ReplaceAll(s.template.Initialization, "$RepresentationID$", s.representation.ID))
}

// urls makes the absolute URLs of segments (templates with a width, such as $Number%05d$, are not ours).
func (s stream) urls() func(n uint64) string {
	all := s.manifest.visit.resolve(strings.ReplaceAll(s.template.Media, "$RepresentationID$", s.representation.ID))
	return func(n uint64) string { return strings.ReplaceAll(all, "$Number$", strconv.FormatUint(n, 10)) }
}

// slot is a segment as the manifest has it.
type slot struct {
	number     uint64
	start, end uint64 // presentation times, ticks
	nominal    uint64 // duration, ticks; 0 when the times are exact
}

// maxSlots bounds how many segments of a representation are looked at: nine hours of them.
const maxSlots = 1 << 14

// slots are the segments of the stream that begin before the given time on the MPD's timeline.
func (s stream) slots(until time.Duration) []slot {
	t := s.template
	if s.period.Duration > 0 {
		until = min(until, time.Duration(s.period.Start+s.period.Duration))
	}
	limit := t.PresentationTimeOffset + uint64(max(until-time.Duration(s.period.Start), 0).Seconds()*float64(t.Timescale))
	var all []slot
	for _, run := range t.Timeline {
		for i := int64(0); i <= run.R && len(all) < maxSlots; i++ {
			at := run.T + uint64(i)*run.D
			all = append(all, slot{t.StartNumber + uint64(len(all)), at, at + run.D, 0})
		}
	}
	ends := func() bool { return t.EndNumber > 0 && t.StartNumber+uint64(len(all)) > t.EndNumber }
	for at := t.PresentationTimeOffset; t.Duration > 0 && at < limit && len(all) < maxSlots && !ends(); at += t.Duration {
		all = append(all, slot{t.StartNumber + uint64(len(all)), at, at + t.Duration, t.Duration})
	}
	return all
}

// end is when the whole slot is over, on the MPD's timeline.
func (s stream) end(at slot) time.Duration {
	ticks := at.end - min(at.end, s.template.PresentationTimeOffset)
	return time.Duration(s.period.Start) + time.Duration(float64(ticks)/float64(s.template.Timescale)*float64(time.Second))
}

// track reads the stream's init segment.
func (d *presentation) track(s stream) (cmaf.Init, bool) {
	b, ok := d.body(s.init())
	if !ok {
		return cmaf.Init{}, false
	}
	head, err := cmaf.ParseInit(b)
	return head, err == nil
}
