package dash

import (
	"cmp"
	"strconv"
	"time"
	"unicode/utf8"
)

// Append appends the manifest's XML to dst and returns the extended buffer, which it does not allocate when dst has room.
func (m *MPD) Append(dst []byte) []byte {
	w := writer{dst}
	w.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"`)
	w.text("profiles", cmp.Or(m.Profiles, ProfileLive))
	w.text("type", cmp.Or(m.Type, Static))
	w.time("availabilityStartTime", m.AvailabilityStartTime)
	w.time("publishTime", m.PublishTime)
	w.duration("mediaPresentationDuration", m.MediaPresentationDuration)
	w.duration("minimumUpdatePeriod", m.MinimumUpdatePeriod)
	w.always("minBufferTime", m.MinBufferTime)
	w.duration("timeShiftBufferDepth", m.TimeShiftBufferDepth)
	w.duration("suggestedPresentationDelay", m.SuggestedPresentationDelay)
	w.duration("maxSegmentDuration", m.MaxSegmentDuration)
	w.raw(">\n")
	w.location(m.Location)
	w.service(m.Service)
	for i := range m.Periods {
		w.period(&m.Periods[i])
	}
	w.descriptors("  <UTCTiming", m.UTCTimings)
	w.raw("</MPD>\n")
	return w.b
}

// writer appends elements and attributes. Attributes with a zero value are left out.
type writer struct{ b []byte }

func (w *writer) period(p *Period) {
	w.raw("  <Period")
	w.text("id", p.ID)
	w.always("start", p.Start)
	w.duration("duration", p.Duration)
	w.raw(">\n")
	for i := range p.EventStreams {
		w.events(&p.EventStreams[i])
	}
	for i := range p.AdaptationSets {
		w.adaptationSet(&p.AdaptationSets[i])
	}
	w.raw("  </Period>\n")
}

func (w *writer) location(url string) {
	if url != "" {
		w.raw("  <Location>")
		w.b = appendEscaped(w.b, url)
		w.raw("</Location>\n")
	}
}

func (w *writer) events(s *EventStream) {
	w.raw("    <EventStream")
	w.text("schemeIdUri", s.Scheme)
	w.text("value", s.Value)
	w.number("timescale", uint64(s.Timescale))
	if s.PresentationTimeOffset > 0 {
		w.number("presentationTimeOffset", s.PresentationTimeOffset)
	}
	w.raw(">\n")
	for _, e := range s.Events {
		w.raw("      <Event")
		w.number("presentationTime", e.Time)
		w.number("duration", e.Duration)
		w.number("id", e.ID)
		w.raw("/>\n")
	}
	w.raw("    </EventStream>\n")
}

func (w *writer) adaptationSet(a *AdaptationSet) {
	w.raw("    <AdaptationSet")
	w.number("id", uint64(max(a.ID, 0)))
	w.text("contentType", a.ContentType)
	w.text("mimeType", a.MimeType)
	w.text("lang", a.Lang)
	if a.SegmentAlignment {
		w.text("segmentAlignment", "true")
	}
	w.positive("startWithSAP", a.StartWithSAP)
	w.positive("maxWidth", a.MaxWidth)
	w.positive("maxHeight", a.MaxHeight)
	w.text("frameRate", a.FrameRate)
	w.positive("selectionPriority", a.Priority)
	w.raw(">\n")
	w.descriptors("      <InbandEventStream", a.InbandEvents)
	for i := range a.References {
		w.reference(&a.References[i])
	}
	w.descriptors("      <Role", a.Roles)
	w.template("      ", a.Template)
	for i := range a.Representations {
		w.representation(&a.Representations[i])
	}
	w.raw("    </AdaptationSet>\n")
}

func (w *writer) representation(r *Representation) {
	w.raw("      <Representation")
	w.text("id", r.ID)
	w.text("mimeType", r.MimeType)
	w.text("codecs", r.Codecs)
	w.number("bandwidth", uint64(max(r.Bandwidth, 0)))
	w.positive("width", r.Width)
	w.positive("height", r.Height)
	w.text("sar", r.SAR)
	w.text("frameRate", r.FrameRate)
	w.positive("audioSamplingRate", r.AudioSamplingRate)
	if len(r.AudioChannels) == 0 && r.Template == nil && r.Resync == nil {
		w.raw("/>\n")
		return
	}
	w.raw(">\n")
	w.descriptors("        <AudioChannelConfiguration", r.AudioChannels)
	w.resync(r.Resync)
	w.template("        ", r.Template)
	w.raw("      </Representation>\n")
}

func (w *writer) template(indent string, t *SegmentTemplate) {
	if t == nil {
		return
	}
	w.raw(indent)
	w.raw("<SegmentTemplate")
	w.number("timescale", uint64(t.Timescale))
	if t.PresentationTimeOffset > 0 {
		w.number("presentationTimeOffset", t.PresentationTimeOffset)
	}
	if t.Duration > 0 {
		w.number("duration", t.Duration)
	}
	w.number("startNumber", t.StartNumber)
	if t.EndNumber > 0 {
		w.number("endNumber", t.EndNumber)
	}
	w.text("media", t.Media)
	w.text("initialization", t.Initialization)
	w.seconds("availabilityTimeOffset", t.AvailabilityTimeOffset)
	if t.Incomplete {
		w.text("availabilityTimeComplete", "false")
	}
	if len(t.Timeline) == 0 {
		w.raw("/>\n")
		return
	}
	w.raw(">\n")
	w.timeline(indent, t.Timeline)
	w.raw(indent)
	w.raw("</SegmentTemplate>\n")
}

func (w *writer) timeline(indent string, runs []S) {
	w.raw(indent)
	w.raw("  <SegmentTimeline>\n")
	for i, s := range runs {
		w.raw(indent)
		w.raw("    <S")
		if i == 0 || runs[i-1].End() != s.T {
			w.number("t", s.T)
		}
		w.number("d", s.D)
		w.positive("r", int(s.R))
		w.raw("/>\n")
	}
	w.raw(indent)
	w.raw("  </SegmentTimeline>\n")
}

func (w *writer) descriptors(element string, all []Descriptor) {
	for _, d := range all {
		w.raw(element)
		w.text("schemeIdUri", d.Scheme)
		w.text("value", d.Value)
		w.raw("/>\n")
	}
}

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

func (w *writer) open(name string) {
	w.b = append(w.b, ' ')
	w.b = append(w.b, name...)
	w.b = append(w.b, `="`...)
}

func (w *writer) number(name string, n uint64) {
	w.open(name)
	w.b = append(strconv.AppendUint(w.b, n, 10), '"')
}

func (w *writer) positive(name string, n int) {
	if n > 0 {
		w.number(name, uint64(n))
	}
}

func (w *writer) always(name string, d Duration) {
	w.open(name)
	w.b = append(d.append(w.b), '"')
}

func (w *writer) duration(name string, d Duration) {
	if d != 0 {
		w.always(name, d)
	}
}

func (w *writer) time(name string, t time.Time) {
	if !t.IsZero() {
		w.open(name)
		w.b = append(t.UTC().AppendFormat(w.b, "2006-01-02T15:04:05.999999999Z"), '"')
	}
}

func (w *writer) text(name, s string) {
	if s != "" {
		w.open(name)
		w.b = append(appendEscaped(w.b, s), '"')
	}
}

// appendEscaped appends s as text, or as the inside of a quoted attribute. What XML cannot hold becomes U+FFFD.
func appendEscaped(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&#34;"...)
		case r < ' ', r == 0xfffe, r == 0xffff:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}
