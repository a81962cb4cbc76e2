package dash

import (
	"encoding/xml"
	"errors"
	"fmt"
)

// MaxMPD is how many bytes of manifest Parse reads.
const MaxMPD = 4 << 20

// Parse reads a manifest; elements and attributes that [MPD] has no field for are passed over. It is what follows
// ffmpeg's own manifest, and what reads ours back. The result can fail Validate.
func Parse(b []byte) (*MPD, error) {
	if len(b) > MaxMPD {
		return nil, fmt.Errorf("manifest of %d bytes: more than %d", len(b), MaxMPD)
	}
	var doc struct {
		XMLName xml.Name `xml:"MPD"`
		MPD
	}
	if err := xml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("parse manifest: %w", err)
	}
	for p := range doc.Periods {
		doc.Periods[p].eachTemplate(func(t *SegmentTemplate) { t.fillTimes() })
	}
	return &doc.MPD, nil
}

func (p *Period) eachTemplate(do func(*SegmentTemplate)) {
	for a := range p.AdaptationSets {
		set := &p.AdaptationSets[a]
		if set.Template != nil {
			do(set.Template)
		}
		for r := range set.Representations {
			if t := set.Representations[r].Template; t != nil {
				do(t)
			}
		}
	}
}

// fillTimes sets the S@t that were left to follow from the run before (ISO/IEC 23009-1 §5.3.9.6.3).
func (t *SegmentTemplate) fillTimes() {
	for i := 1; i < len(t.Timeline); i++ {
		if t.Timeline[i].T == 0 {
			t.Timeline[i].T = t.Timeline[i-1].End()
		}
	}
}

// Validate reports everything that a manifest may not say, joined.
func (m *MPD) Validate() error {
	var faults []error
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	add(m.Type != "" && m.Type != Dynamic && m.Type != Static, "type %q: not dynamic or static", m.Type)
	add(m.MinBufferTime <= 0, "no minBufferTime")
	add(len(m.Periods) == 0, "no period")
	if m.Type == Dynamic {
		add(m.AvailabilityStartTime.IsZero(), "dynamic without availabilityStartTime")
		add(m.PublishTime.IsZero(), "dynamic without publishTime")
		add(m.MinimumUpdatePeriod <= 0 && m.MediaPresentationDuration <= 0, "dynamic without minimumUpdatePeriod or mediaPresentationDuration")
		add(len(m.UTCTimings) == 0, "dynamic without UTCTiming")
	}
	seen := make(map[string]bool)
	for i := range m.Periods {
		p := &m.Periods[i]
		add(p.ID == "", "period %d: no id", i)
		add(seen[p.ID], "period %d: id %q twice", i, p.ID)
		seen[p.ID] = true
		if err := p.validate(); err != nil {
			faults = append(faults, fmt.Errorf("period %q: %w", p.ID, err))
		}
	}
	return errors.Join(faults...)
}

func (p *Period) validate() error {
	var faults []error
	for _, set := range p.AdaptationSets {
		if len(set.Representations) == 0 {
			faults = append(faults, fmt.Errorf("adaptation set %d: no representation", set.ID))
		}
		for _, r := range set.Representations {
			if r.ID == "" || r.Codecs == "" || r.Bandwidth <= 0 {
				faults = append(faults, fmt.Errorf("representation %q: no id, codecs or bandwidth", r.ID))
			}
			if r.Template == nil && set.Template == nil {
				faults = append(faults, fmt.Errorf("representation %q: no segment template", r.ID))
			}
		}
	}
	p.eachTemplate(func(t *SegmentTemplate) { faults = append(faults, t.validate()) })
	return errors.Join(faults...)
}

func (t *SegmentTemplate) validate() error {
	if t.Timescale == 0 || t.Media == "" || (t.Duration > 0) == (len(t.Timeline) > 0) {
		return fmt.Errorf("template %q: needs a time scale, a name and either a duration or a timeline", t.Media)
	}
	return nil
}
