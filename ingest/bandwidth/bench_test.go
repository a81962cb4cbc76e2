package bandwidth

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkBandwidth is a minute of a viewer of three layers (150, 500 and 2500 kbit/s), with sound, on simulated networks: one that carries 3 Mbit/s,
// but a tenth of it from 10 to 40 s, and ten whose bit rate stays what it is.
func BenchmarkBandwidth(b *testing.B) {
	for _, bitrate := range []float64{0, 100 * kilo, 200 * kilo, 300 * kilo, 450 * kilo, 800 * kilo, mega, 1.5 * mega, 2 * mega, 3.2 * mega, 10 * mega} {
		name, of := fmt.Sprintf("network=%vkbit", bitrate/kilo), steady(bitrate)
		if bitrate == 0 {
			name, of = "network=3000-300-3000kbit", func(at time.Duration) float64 {
				if at < 10*time.Second || at >= 40*time.Second {
					return 3 * mega
				}
				return 300 * kilo
			}
		}
		b.Run(name, func(b *testing.B) {
			var v *viewer
			for b.Loop() {
				v = newViewer(b, link(of), layers...)
				v.run(time.Minute)
			}
			v.report(b, of)
		})
	}
}

// report tells how the viewer has fared.
func (v *viewer) report(b *testing.B, of func(time.Duration) float64) {
	carried := 0.0
	for at := time.Duration(0); at < time.Minute; at += 100 * time.Millisecond {
		carried += of(at) / 600
	}
	settled := 0.0
	for _, at := range v.switches {
		settled = at.Seconds()
	}
	b.ReportMetric(float64(v.current), "layer")
	b.ReportMetric(100*v.bitrate(0, time.Minute)/carried, "%used")
	b.ReportMetric(float64(len(v.switches)), "switches")
	b.ReportMetric(settled, "settled-s")
	b.ReportMetric(float64(v.freezes), "freezes")
	b.ReportMetric(longest(v.sound, 15*time.Second, 40*time.Second).Seconds()*1000, "sound-ms")
}
