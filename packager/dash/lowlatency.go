package dash

import (
	"fmt"
	"strconv"
	"time"
)

// ServiceDescription is what the service is made for (annex K).
type ServiceDescription struct {
	ID           int          `xml:"id,attr"` // always written
	Latency      Latency      `xml:"Latency"`
	PlaybackRate PlaybackRate `xml:"PlaybackRate"`
}

// Latency is from the instant that the ProducerReferenceTime of that id gives to the presentation (annex K.3.2), to the millisecond.
type Latency struct {
	Reference        int // always written
	Target, Min, Max time.Duration
}

// PlaybackRate bounds by how much players may hurry or linger; 1 is normal speed (annex K.3.4).
type PlaybackRate struct {
	Min float64 `xml:"min,attr"`
	Max float64 `xml:"max,attr"`
}

// ProducerReferenceTime relates media time to the wall clock (§5.12).
type ProducerReferenceTime struct {
	ID               int        `xml:"id,attr"`   // always written
	Type             string     `xml:"type,attr"` // encoder or captured
	WallClock        time.Time  `xml:"wallClockTime,attr"`
	PresentationTime uint64     `xml:"presentationTime,attr"` // ticks; always written
	UTCTiming        Descriptor `xml:"UTCTiming"`
}

// Resync says where in a segment decoding can start (§5.13).
type Resync struct {
	Type   int    `xml:"type,attr"`   // SAP type
	DT     uint64 `xml:"dT,attr"`     // most ticks between two
	Marker bool   `xml:"marker,attr"` // each is found by its boxes; always written
}

// Seconds is a duration that is written as a plain number of seconds, to the millisecond.
type Seconds time.Duration

// UnmarshalText reads a plain number of seconds.
func (s *Seconds) UnmarshalText(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(f >= 0 && f < 1e9) {
		return fmt.Errorf("seconds %.40q: not a number up to 10^9", text)
	}
	*s = Seconds(f * float64(time.Second))
	return nil
}

func (w *writer) service(s *ServiceDescription) {
	if s == nil {
		return
	}
	w.raw("  <ServiceDescription")
	w.number("id", uint64(max(s.ID, 0)))
	w.raw(">\n    <Latency")
	w.number("referenceId", uint64(max(s.Latency.Reference, 0)))
	w.positive("target", int(s.Latency.Target.Milliseconds()))
	w.positive("max", int(s.Latency.Max.Milliseconds()))
	w.positive("min", int(s.Latency.Min.Milliseconds()))
	w.raw("/>\n    <PlaybackRate")
	w.text("max", strconv.FormatFloat(s.PlaybackRate.Max, 'f', -1, 64))
	w.text("min", strconv.FormatFloat(s.PlaybackRate.Min, 'f', -1, 64))
	w.raw("/>\n  </ServiceDescription>\n")
}

func (w *writer) reference(r *ProducerReferenceTime) {
	w.raw("      <ProducerReferenceTime")
	w.number("id", uint64(max(r.ID, 0)))
	w.text("type", r.Type)
	w.time("wallClockTime", r.WallClock)
	w.number("presentationTime", r.PresentationTime)
	w.raw(">\n")
	w.descriptors("        <UTCTiming", []Descriptor{r.UTCTiming})
	w.raw("      </ProducerReferenceTime>\n")
}

func (w *writer) resync(r *Resync) {
	if r == nil {
		return
	}
	w.raw("        <Resync")
	w.number("type", uint64(max(r.Type, 0)))
	w.number("dT", r.DT)
	w.text("marker", strconv.FormatBool(r.Marker))
	w.raw("/>\n")
}

func (w *writer) seconds(name string, s Seconds) {
	if ms := time.Duration(s).Milliseconds(); ms > 0 {
		w.text(name, strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64))
	}
}
