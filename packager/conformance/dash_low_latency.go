package conformance

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// profileLowLatency is what DASH-IF's low-latency manifests say that they are.
const profileLowLatency = "http://www.dashif.org/guidelines/low-latency-live-v5"

// lowLatency is what an MPD says for low latency, read by the checker itself.
type lowLatency struct {
	Services []struct {
		Latency []struct {
			Reference string `xml:"referenceId,attr"`
			Target    int64  `xml:"target,attr"` // ms
			Min       int64  `xml:"min,attr"`
			Max       int64  `xml:"max,attr"`
		}
		PlaybackRate []struct {
			Min float64 `xml:"min,attr"`
			Max float64 `xml:"max,attr"`
		}
	} `xml:"ServiceDescription"`
	Timings []timing `xml:"UTCTiming"`
	Periods []struct {
		Sets []lowLatencySet `xml:"AdaptationSet"`
	} `xml:"Period"`
}

type timing struct {
	Scheme string `xml:"schemeIdUri,attr"`
	Value  string `xml:"value,attr"`
}

type lowLatencySet struct {
	ID              string                     `xml:"id,attr"`
	Producers       []producer                 `xml:"ProducerReferenceTime"`
	Resyncs         []resync                   `xml:"Resync"`
	Template        *lowLatencyTemplate        `xml:"SegmentTemplate"`
	Representations []lowLatencyRepresentation `xml:"Representation"`
}

type lowLatencyRepresentation struct {
	ID        string              `xml:"id,attr"`
	Bandwidth int64               `xml:"bandwidth,attr"`
	Producers []producer          `xml:"ProducerReferenceTime"`
	Resyncs   []resync            `xml:"Resync"`
	Template  *lowLatencyTemplate `xml:"SegmentTemplate"`
}

type lowLatencyTemplate struct {
	Timescale float64 `xml:"timescale,attr"`
	Duration  float64 `xml:"duration,attr"`
	Offset    float64 `xml:"availabilityTimeOffset,attr"` // seconds
	Complete  string  `xml:"availabilityTimeComplete,attr"`
}

type producer struct {
	ID     string   `xml:"id,attr"`
	Type   string   `xml:"type,attr"`
	Inband bool     `xml:"inband,attr"`
	Wall   string   `xml:"wallClockTime,attr"`
	Time   int64    `xml:"presentationTime,attr"` // ticks
	Timing []timing `xml:"UTCTiming"`
}

type resync struct {
	Type   int     `xml:"type,attr"`
	Marker bool    `xml:"marker,attr"`
	Most   float64 `xml:"dT,attr"` // ticks of the template's time scale
}

// parseLowLatency reads what was parsed as an MPD before; what cannot be read says nothing.
func parseLowLatency(b []byte) *lowLatency {
	l := &lowLatency{}
	_ = xml.Unmarshal(b, l)
	return l
}

// each calls do for every representation with its set and the template that holds for it.
func (l *lowLatency) each(do func(set *lowLatencySet, r *lowLatencyRepresentation, t *lowLatencyTemplate)) {
	for p := range l.Periods {
		for s := range l.Periods[p].Sets {
			set := &l.Periods[p].Sets[s]
			for r := range set.Representations {
				if t := cmp.Or(set.Representations[r].Template, set.Template); t != nil {
					do(set, &set.Representations[r], t)
				}
			}
		}
	}
}

// chunked reports whether any representation can be taken as it grows.
func (l *lowLatency) chunked() (yes bool) {
	l.each(func(_ *lowLatencySet, _ *lowLatencyRepresentation, t *lowLatencyTemplate) {
		yes = yes || t.Complete == "false"
	})
	return yes
}

// offset is how long before its end a representation's segment is available.
func (l *lowLatency) offset(id string) (offset time.Duration) {
	l.each(func(_ *lowLatencySet, r *lowLatencyRepresentation, t *lowLatencyTemplate) {
		if r.ID == id {
			offset = time.Duration(t.Offset * float64(time.Second))
		}
	})
	return offset
}

// lowLatencyManifestRules are those on a live MPD whose segments can be taken as they grow.
func lowLatencyManifestRules() []rule[manifest] {
	return []rule[manifest]{
		{"DASH-IF low latency §9.X.4.1 profile", checkLowLatencyProfile},
		{"DASH-IF low latency §9.X.4.2 ServiceDescription", checkService},
		{"DASH-IF low latency §9.X.4.3 ProducerReferenceTime", checkProducers},
		{"DASH-IF low latency §9.X.4.5 availabilityTimeOffset", checkOffsets},
		{"DASH-IF low latency §9.X.4.5 Resync", checkResync},
	}
}

func checkLowLatencyProfile(m manifest) string {
	if !slices.Contains(strings.Split(m.Profiles, ","), profileLowLatency) {
		return m.Profiles
	}
	return ""
}

func checkService(m manifest) string {
	for _, s := range m.low.Services {
		for _, l := range s.Latency {
			if l.Target <= 0 || l.Min > l.Target || l.Max > 0 && l.Max < l.Target {
				return fmt.Sprintf("latency %+v", l)
			}
		}
		for _, r := range s.PlaybackRate {
			if r.Min > 1 || r.Min <= 0 || r.Max < 1 {
				return fmt.Sprintf("playback rate %+v", r)
			}
		}
		if len(s.Latency) > 0 && len(s.PlaybackRate) > 0 {
			return ""
		}
	}
	return "none with Latency and PlaybackRate"
}

// producers are those of the set and of its representations.
func (s *lowLatencySet) producers() []producer {
	all := slices.Clone(s.Producers)
	for _, r := range s.Representations {
		all = append(all, r.Producers...)
	}
	return all
}

func checkProducers(m manifest) string {
	low := m.low
	known := make(map[string]bool)
	for _, p := range low.Periods {
		here := make(map[string]bool)
		for _, set := range p.Sets {
			if len(set.producers()) == 0 {
				return "none in adaptation set " + set.ID
			}
			for _, producer := range set.producers() {
				if here[producer.ID] {
					return fmt.Sprintf("id %q twice", producer.ID)
				}
				here[producer.ID], known[producer.ID] = true, true
				if fault := producer.check(low.Timings); fault != "" {
					return fmt.Sprintf("id %q: %s", producer.ID, fault)
				}
			}
		}
	}
	for _, s := range low.Services {
		for _, l := range s.Latency {
			if l.Reference != "" && !known[l.Reference] {
				return fmt.Sprintf("Latency refers to %q, which is none", l.Reference)
			}
		}
	}
	return ""
}

func (p producer) check(timings []timing) string {
	_, err := time.Parse(time.RFC3339Nano, p.Wall)
	switch {
	case p.ID == "":
		return "no id"
	case p.Type != "encoder" && p.Type != "captured":
		return fmt.Sprintf("type %q", p.Type)
	case err != nil:
		return fmt.Sprintf("wallClockTime %q", p.Wall)
	case len(p.Timing) != 1 || !slices.Contains(timings, p.Timing[0]):
		return fmt.Sprintf("UTCTiming %v is not one of the MPD's", p.Timing)
	}
	return ""
}

// checkOffsets: every representation, audio too, can be taken as it grows, and that before half of it is there.
func checkOffsets(m manifest) (fault string) {
	m.low.each(func(_ *lowLatencySet, r *lowLatencyRepresentation, t *lowLatencyTemplate) {
		segment := t.Duration / max(t.Timescale, 1)
		if t.Complete != "false" || t.Offset <= segment/2 || t.Offset >= segment {
			fault = fmt.Sprintf("representation %s: availabilityTimeOffset %.3f of %.3f s, availabilityTimeComplete %q", r.ID, t.Offset, segment, t.Complete)
		}
	})
	return fault
}

// checkResync: of each set the representation with the lowest bandwidth says how often decoding can start, no more rarely
// than the latency that is aimed at.
func checkResync(m manifest) string {
	low := m.low
	target := math.Inf(1)
	for _, s := range low.Services {
		for _, l := range s.Latency {
			target = min(target, float64(l.Target)/1000)
		}
	}
	lowest := make(map[*lowLatencySet]*lowLatencyRepresentation)
	scale := make(map[*lowLatencySet]float64)
	low.each(func(set *lowLatencySet, r *lowLatencyRepresentation, t *lowLatencyTemplate) {
		if lowest[set] == nil || r.Bandwidth < lowest[set].Bandwidth {
			lowest[set], scale[set] = r, t.Timescale
		}
	})
	for set, r := range lowest {
		good := slices.ContainsFunc(append(r.Resyncs, set.Resyncs...), func(s resync) bool {
			return (s.Type == 1 || s.Type == 2) && s.Marker && s.Most > 0 && s.Most/scale[set] <= target
		})
		if !good {
			return fmt.Sprintf("representation %s: %+v, the target is %.3f s", r.ID, append(r.Resyncs, set.Resyncs...), target)
		}
	}
	return ""
}
