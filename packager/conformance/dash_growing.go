package conformance

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"time"
)

// lowLatencyPresentationRules are those that the MPDs and growing segments show together.
func lowLatencyPresentationRules() []history[*presentation] {
	return []history[*presentation]{
		{"DASH-IF low latency §9.X.4.5 segments are available as they grow", checkGrowing},
		{"DASH-IF low latency §9.X.4.3 prft is as ProducerReferenceTime", checkProducerBoxes},
	}
}

// checkGrowing: what is asked for once it is available, while it grows, is answered with its first chunk at once.
func checkGrowing(d *presentation, fault func(*Visit, string)) {
	d.eachSlot(func(s stream, at slot, url string) {
		offset := s.manifest.low.offset(s.representation.ID)
		whole := s.manifest.AvailabilityStartTime.Add(s.end(at))
		for _, v := range d.byPath[url] {
			if offset <= 0 || v.Asked.IsZero() || v.Asked.Before(whole.Add(-offset)) || v.Asked.After(whole) {
				continue
			}
			chunk := time.Duration(s.manifest.MaxSegmentDuration) - offset
			if v.Status != http.StatusOK || v.Begun.Sub(v.Asked) > chunk+d.options.tolerance() {
				fault(v, fmt.Sprintf("status %d after %v", v.Status, v.Begun.Sub(v.Asked).Round(time.Millisecond)))
			}
		}
	})
}

// producerTolerance is how far what the boxes say about an instant may be off what the MPD says, or as far as Options.Tolerance:
// an encoder that had to wait for its share of a machine stamps what it catches up with late.
const producerTolerance = 500 * time.Millisecond

func checkProducerBoxes(d *presentation, fault func(*Visit, string)) {
	d.eachSlot(func(s stream, _ slot, url string) {
		body, ok := d.body(url)
		p, known := s.producer()
		if !ok || !known || !s.manifest.dynamic() {
			return
		}
		found := false
		for _, box := range producerBoxes(body) {
			found = true
			wall, _ := time.Parse(time.RFC3339Nano, p.Wall)
			apart := float64(int64(box.media)-p.Time) / float64(s.template.Timescale)
			off, bound := box.wall.Sub(wall.Add(time.Duration(apart*float64(time.Second)))), max(producerTolerance, d.options.Tolerance)
			if segment := float64(s.template.Duration) / float64(s.template.Timescale); off > 0 && apart < segment {
				bound += time.Duration(segment * float64(time.Second)) // what a broadcast begins with before its first picture is made at once
			}
			if off.Abs() > bound {
				fault(d.byPath[url][0], fmt.Sprintf("%v off ProducerReferenceTime %s", off.Round(time.Millisecond), p.ID))
				return
			}
		}
		if p.Inband && !found {
			fault(d.byPath[url][0], "inband, but there is no prft")
		}
	})
}

// producer is the reference time of the stream's representation, or of its set.
func (s stream) producer() (found producer, ok bool) {
	for i, period := range s.manifest.low.Periods {
		if s.manifest.Periods[i].ID != s.period.ID {
			continue
		}
		for _, set := range period.Sets {
			for _, r := range set.Representations {
				if all := append(r.Producers, set.Producers...); r.ID == s.representation.ID && len(all) > 0 {
					return all[0], true
				}
			}
		}
	}
	return producer{}, false
}

// producerBox is a prft: this instant of the wall clock is that instant of the media (ISO/IEC 14496-12 §8.16.5).
type producerBox struct {
	wall  time.Time
	media uint64 // ticks
}

// producerBoxes are those of a segment that was parsed before.
func producerBoxes(b []byte) (all []producerBox) {
	for len(b) >= 8 {
		size := int(binary.BigEndian.Uint32(b))
		if size < 8 || size > len(b) {
			break
		}
		if box := b[8:size]; string(b[4:8]) == "prft" && len(box) >= 20 {
			all = append(all, parseProducer(box))
		}
		b = b[size:]
	}
	return all
}

func parseProducer(box []byte) producerBox {
	const from1900To1970 = 2_208_988_800
	ntp := binary.BigEndian.Uint64(box[8:])
	nanos := (ntp & math.MaxUint32) * uint64(time.Second) >> 32
	p := producerBox{wall: time.Unix(int64(ntp>>32)-from1900To1970, int64(nanos))}
	if p.media = uint64(binary.BigEndian.Uint32(box[16:])); box[0] == 1 && len(box) >= 24 {
		p.media = binary.BigEndian.Uint64(box[16:])
	}
	return p
}
