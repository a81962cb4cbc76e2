package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// multivariantRules are those that one multivariant playlist shows.
func multivariantRules() []rule[*playlist] {
	return []rule[*playlist]{
		{"HLS authoring 9.11 EXT-X-INDEPENDENT-SEGMENTS", checkIndependent},
		{"rfc8216bis §4.4.6.2 BANDWIDTH", checkBandwidth},
		{"HLS authoring 9.14 AVERAGE-BANDWIDTH", checkAverage},
		{"HLS authoring 9.1 CODECS", checkCodecs},
		{"HLS authoring 9.2 RESOLUTION", checkResolution},
		{"HLS authoring 9.15 FRAME-RATE", checkFrameRate},
		{"rfc8216bis §4.4.6.1 audio groups", checkGroups},
		{"HLS authoring 8.10 LANGUAGE", checkLanguage},
		{"rfc8216bis §4.4.6.1 CHANNELS", checkChannels},
		{"HLS authoring 2.3 AAC", checkAAC},
		{"rfc8216bis §4.4.6.2 SCORE", checkScore},
	}
}

// codecFamilies are the first elements of the names of pictures' codecs (RFC 6381 §3.3).
func codecFamilies() []string { return []string{"avc1", "avc3", "vp09", "av01", "hvc1", "hev1"} }

// video reports whether the variant has pictures.
func (v variant) video() bool {
	return slices.ContainsFunc(codecFamilies(), func(f string) bool { return strings.Contains(v.attributes["CODECS"], f) })
}

// eachVariant returns the first fault that check finds, with the variant's URI.
func eachVariant(p *playlist, check func(variant) string) string {
	for _, v := range p.variants {
		if fault := check(v); fault != "" {
			return v.uri + ": " + fault
		}
	}
	return ""
}

func eachMedia(p *playlist, check func(attributes) string) string {
	for _, m := range p.media {
		if fault := check(m); fault != "" {
			return m["NAME"] + ": " + fault
		}
	}
	return ""
}

func checkIndependent(p *playlist) string {
	if !p.has("EXT-X-INDEPENDENT-SEGMENTS") {
		return "missing"
	}
	return ""
}

func checkBandwidth(p *playlist) string {
	return eachVariant(p, func(v variant) string {
		if v.integer("BANDWIDTH") <= 0 {
			return fmt.Sprintf("%q", v.attributes["BANDWIDTH"])
		}
		return ""
	})
}

func checkAverage(p *playlist) string {
	return eachVariant(p, func(v variant) string {
		if average := v.integer("AVERAGE-BANDWIDTH"); average <= 0 || average > v.integer("BANDWIDTH") {
			return fmt.Sprintf("%q with BANDWIDTH %d", v.attributes["AVERAGE-BANDWIDTH"], v.integer("BANDWIDTH"))
		}
		return ""
	})
}

func checkCodecs(p *playlist) string {
	return eachVariant(p, func(v variant) string {
		if v.attributes["CODECS"] == "" {
			return "missing"
		}
		return ""
	})
}

var resolutionPattern = regexp.MustCompile(`^\d+x\d+$`)

func checkResolution(p *playlist) string {
	return eachVariant(p, func(v variant) string {
		if v.video() && !resolutionPattern.MatchString(v.attributes["RESOLUTION"]) {
			return fmt.Sprintf("%q", v.attributes["RESOLUTION"])
		}
		return ""
	})
}

var frameRatePattern = regexp.MustCompile(`^\d+\.\d{3}$`)

func checkFrameRate(p *playlist) string {
	return eachVariant(p, func(v variant) string {
		if v.video() && !frameRatePattern.MatchString(v.attributes["FRAME-RATE"]) {
			return fmt.Sprintf("%q is not a number with three decimals", v.attributes["FRAME-RATE"])
		}
		return ""
	})
}

func checkGroups(p *playlist) string {
	return eachVariant(p, func(v variant) string {
		group := v.attributes["AUDIO"]
		for _, m := range p.media {
			if m["TYPE"] == "AUDIO" && m["GROUP-ID"] == group && m["NAME"] != "" {
				return ""
			}
		}
		if group != "" {
			return fmt.Sprintf("no EXT-X-MEDIA of group %q", group)
		}
		return ""
	})
}

func checkLanguage(p *playlist) string {
	return eachMedia(p, func(m attributes) string {
		if m["LANGUAGE"] == "" {
			return "missing"
		}
		return ""
	})
}

func checkChannels(p *playlist) string {
	return eachMedia(p, func(m attributes) string {
		if m["TYPE"] == "AUDIO" && m.integer("CHANNELS") <= 0 {
			return "missing"
		}
		return ""
	})
}

// checkAAC: what has sound has it as AAC, which every player takes.
func checkAAC(p *playlist) string {
	return eachVariant(p, func(v variant) string {
		if v.attributes["AUDIO"] != "" && !strings.Contains(v.attributes["CODECS"], "mp4a.40.2") {
			return fmt.Sprintf("codecs %q", v.attributes["CODECS"])
		}
		return ""
	})
}

// checkScore: of all variants or of none, and positive; and where codecs differ, so that players that weigh them by codec do not.
func checkScore(p *playlist) string {
	families := make(map[string]bool)
	scored := 0
	for _, v := range p.variants {
		families[v.attributes["CODECS"][:min(4, len(v.attributes["CODECS"]))]] = true
		if v.attributes["SCORE"] != "" {
			scored++
		}
	}
	switch {
	case scored > 0 && scored < len(p.variants), scored == 0 && len(families) > 1:
		return fmt.Sprintf("%d of %d variants of %d codecs", scored, len(p.variants), len(families))
	case scored == 0:
		return ""
	}
	return eachVariant(p, func(v variant) string {
		if v.integer("SCORE") <= 0 {
			return fmt.Sprintf("%q", v.attributes["SCORE"])
		}
		return ""
	})
}
