package conformance

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/packager/cmaf"
)

// inOrder are the fetched segments by number.
func (t *track) inOrder() []*content {
	var all []*content
	for _, msn := range slices.Sorted(maps.Keys(t.segments)) {
		all = append(all, t.segments[msn])
	}
	return all
}

// frame is how long one video frame lasts at the lowest rate that is usual, seconds.
const frame = 1.0 / 15

// checkDurations: over any run of segments the listed durations add up to the media's, to within a frame.
func checkDurations(h *observation, fault func(*Visit, string)) {
	for _, url := range h.urls {
		drift, low, high := 0.0, 0.0, 0.0
		for _, c := range h.tracks[url].inOrder() {
			drift += c.duration - c.seconds()
			low, high = min(low, drift), max(high, drift)
			if high-low > frame {
				fault(h.playlists[url][0].visit, fmt.Sprintf("up to segment %d, listed and real durations differ by %.3f s", c.msn, high-low))
				break
			}
		}
	}
}

// checkContinuous: without a discontinuity, a segment begins at the decode time where the one before it ends.
func checkContinuous(h *observation, fault func(*Visit, string)) {
	for _, url := range h.urls {
		t := h.tracks[url]
		for _, c := range t.inOrder() {
			before := t.segments[c.msn-1]
			if before != nil && before.number == c.number && before.end != c.start {
				fault(h.playlists[url][0].visit, fmt.Sprintf("segment %d starts at %d, the one before ends at %d", c.msn, c.start, before.end))
			}
		}
	}
}

// checkForward: a segment begins no earlier than the one listed before it ends, over a discontinuity too. No specification asks for that;
// libavformat reads next from the playlist with the lowest decode time, and where that goes back in one of them the others wait.
func checkForward(h *observation, fault func(*Visit, string)) {
	for _, url := range h.urls {
		t := h.tracks[url]
		for _, p := range h.playlists[url] {
			var before *content
			for _, s := range p.segments {
				c := t.segments[s.msn]
				if c == nil {
					continue
				}
				if before != nil && float64(c.start)/c.timescale < float64(before.end)/before.timescale-1e-6 {
					fault(p.visit, fmt.Sprintf("segment %d starts at %d, the one before ends at %d", c.msn, c.start, before.end))
				}
				before = c
			}
		}
	}
}

// eachFetched calls do for every variant whose playlists and segments were fetched.
func (h *observation) eachFetched(do func(p *playlist, v variant, video, audio *track)) {
	for _, p := range h.multivariant {
		for _, v := range p.variants {
			main := h.tracks[v.uri]
			if main == nil || len(main.segments) == 0 {
				continue
			}
			var audio *track
			for _, m := range p.media {
				if uri := m["URI"]; m["GROUP-ID"] == v.attributes["AUDIO"] && uri != "" {
					audio = h.tracks[p.visit.resolve(uri)]
				}
			}
			do(p, v, main, audio)
		}
	}
}

// checkCodecsTrue: a playlist says what one of the init segments says; which one was newest then is not known.
func checkCodecsTrue(h *observation, fault func(*Visit, string)) {
	h.eachFetched(func(p *playlist, v variant, main, audio *track) {
		got := strings.Split(v.attributes["CODECS"], ",")
		slices.Sort(got)
		var want []string
		for _, init := range main.inits {
			if want = codecsWith(init, audio); slices.Equal(got, want) {
				return
			}
		}
		fault(p.visit, fmt.Sprintf("%s: %q, the init segments say %q", v.uri, got, want))
	})
}

// codecsWith are the codecs of an init segment and of the audio that goes with it, sorted.
func codecsWith(init cmaf.Init, audio *track) []string {
	codecs := []string{init.Codec}
	if audio != nil {
		for _, sound := range audio.inits {
			codecs = append(codecs, sound.Codec)
		}
	}
	slices.Sort(codecs)
	return slices.Compact(codecs)
}

func checkResolutionTrue(h *observation, fault func(*Visit, string)) {
	h.eachFetched(func(p *playlist, v variant, main, _ *track) {
		got, want := v.attributes["RESOLUTION"], ""
		for _, init := range main.inits {
			if want = fmt.Sprintf("%dx%d", init.Width, init.Height); !init.Video || got == want {
				return
			}
		}
		fault(p.visit, fmt.Sprintf("%s: %s, the init segment says %s", v.uri, got, want))
	})
}

// rates are the bit rates of the variant's segments with their audio, by number, and their mean.
func rates(main, audio *track) (peak, mean, seconds float64) {
	bits := 0.0
	for msn, c := range main.segments {
		rate := c.rate()
		bits += float64(c.bytes) * 8
		if audio != nil && audio.segments[msn] != nil {
			rate += audio.segments[msn].rate()
			bits += float64(audio.segments[msn].bytes) * 8
		}
		seconds += c.seconds()
		if c.seconds() >= 0.5 { // a last segment of a few frames says nothing about a rate
			peak = max(peak, rate)
		}
	}
	return peak, bits / max(seconds, 1e-3), seconds
}

func (c *content) rate() float64 { return float64(c.bytes) * 8 / max(c.seconds(), 1e-3) }

// checkPeak allows a live stream's segments a quarter more than the multivariant playlist that lists them says at last.
func checkPeak(h *observation, fault func(*Visit, string)) {
	h.eachFetched(func(p *playlist, v variant, main, audio *track) {
		peak, _, _ := rates(main, audio)
		if said := float64(v.integer("BANDWIDTH")); peak > 1.25*said {
			fault(p.visit, fmt.Sprintf("%s: says %.0f, peak was %.0f", v.uri, said, math.Round(peak)))
		}
	})
}

// enoughForMean is how much media a mean is taken over, seconds.
const enoughForMean = 30

func checkMean(h *observation, fault func(*Visit, string)) {
	h.eachFetched(func(p *playlist, v variant, main, audio *track) {
		_, mean, seconds := rates(main, audio)
		said := float64(v.integer("AVERAGE-BANDWIDTH"))
		if seconds >= enoughForMean && mean > 1.1*said {
			fault(p.visit, fmt.Sprintf("%s: says %.0f, mean was %.0f", v.uri, said, math.Round(mean)))
		}
	})
}
