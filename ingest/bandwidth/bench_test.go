package bandwidth

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// audience are viewers of one network.
type audience struct {
	name    string
	viewers int
	layers  []float64
}

var audiences = []audience{{"layers", 1, layers}, {"two", 2, layers}, {"one-layer", 1, layers[2:]}}

// fall is when the network of which the bit rate changes carries a tenth only.
const fallFrom, fallTo = 10 * time.Second, 40 * time.Second

// BenchmarkBandwidth is a minute of a viewer of three layers (150, 500 and 2500 kbit/s), with sound, on simulated networks: one that carries 3 Mbit/s,
// but a tenth of it from 10 to 40 s, and ten whose bit rate stays what it is; of two such viewers who share each of them; and of one who gets the
// best layer alone. BANDWIDTH_SVG names a file for a plot of the bit rates over time.
func BenchmarkBandwidth(b *testing.B) {
	var plots []plot
	for _, bitrate := range []float64{0, 100 * kilo, 200 * kilo, 300 * kilo, 450 * kilo, 800 * kilo, mega, 1.5 * mega, 2 * mega, 3.2 * mega, 10 * mega} {
		name, of := fmt.Sprintf("%v", bitrate/kilo), steady(bitrate)
		if bitrate == 0 {
			name, of = "3000-300-3000", func(at time.Duration) float64 {
				if at < fallFrom || at >= fallTo {
					return 3 * mega
				}
				return 300 * kilo
			}
		}
		for _, a := range audiences {
			b.Run("network="+name+"kbit/viewer="+a.name, func(b *testing.B) {
				var all []*viewer
				for b.Loop() {
					all = a.watch(b, of)
				}
				report(b, all, of, bitrate == 0)
				plots = append(plots, plot{name + " kbit/s, " + a.name, of, all})
			})
		}
	}
	if path := os.Getenv("BANDWIDTH_SVG"); path != "" {
		require.NoError(b, os.WriteFile(path, drawing(plots), 0o644))
	}
}

// watch is the minute.
func (a audience) watch(t testing.TB, of func(time.Duration) float64) (all []*viewer) {
	for range a.viewers {
		v := newViewer(t, link(of), a.layers...)
		if len(all) > 0 {
			v.join(all[0])
		}
		all = append(all, v)
	}
	runAll(time.Minute, all...)
	return all
}

// report tells how viewers have fared: the worst of them, and what they use of the network together.
func report(b *testing.B, all []*viewer, of func(time.Duration) float64, changes bool) {
	carried, used, layer, switches, freezes := 0.0, 0.0, len(layers), 0, 0
	var down, settled, sound time.Duration
	for at := time.Duration(0); at < time.Minute; at += 100 * time.Millisecond {
		carried += of(at) / 600
	}
	for _, v := range all {
		used += v.bitrate(0, time.Minute)
		layer, switches, freezes = min(layer, v.current), max(switches, len(v.switches)), freezes+len(v.freezes)
		sound = max(sound, longest(v.sound, 15*time.Second, fallTo))
		for _, at := range v.switches {
			if changes && at < fallTo {
				down = max(down, at-fallFrom)
			} else {
				settled = max(settled, at)
			}
		}
	}
	if changes {
		b.ReportMetric(down.Seconds(), "down-s")
		settled = max(settled-fallTo, 0)
	}
	b.ReportMetric(float64(layer), "layer")
	b.ReportMetric(100*used/carried, "%used")
	b.ReportMetric(float64(switches), "switches")
	b.ReportMetric(settled.Seconds(), "adapted-s")
	b.ReportMetric(float64(freezes), "freezes")
	b.ReportMetric(sound.Seconds()*1000, "sound-ms")
}

// BenchmarkShare is two minutes of two, three and four viewers of three layers who share one of thirteen networks, and come one after the other,
// six times each: how many of them have once changed twice within ten seconds after the first minute, and how many have a layer less
// in the end than their part of the network carries.
func BenchmarkShare(b *testing.B) {
	all, restless, short := 0, 0, 0
	for b.Loop() {
		for seed := range uint32(6) {
			for _, bitrate := range []float64{0.9, 1.1, 1.3, 1.6, 2, 2.5, 3, 3.5, 4, 5, 5.5, 6.5, 8} {
				for n := 2; n <= 4; n++ {
					viewers := together(b, n, bitrate*mega, 1000*seed)
					runAll(2*time.Minute, viewers...)
					for _, v := range viewers {
						all++
						if v.restless() {
							restless++
						}
						if v.short(bitrate * mega / float64(n)) {
							short++
						}
					}
				}
			}
		}
	}
	b.ReportMetric(float64(all), "viewers")
	b.ReportMetric(100*float64(restless)/float64(all), "%restless")
	b.ReportMetric(100*float64(short)/float64(all), "%short")
}

// short reports whether a part of a network, in bit/s, carries a better layer with a fifth to spare.
func (v *viewer) short(part float64) bool {
	next := v.current + 1
	return next < len(v.options) && part > 1.2*(v.options[next].Rate+soundBytes*8*50)
}
