package hls

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Validate reports everything that a media playlist may not say, joined.
func (p *MediaPlaylist) Validate() error {
	var faults []error
	if p.TargetDuration < 1 {
		faults = append(faults, fmt.Errorf("target duration %d s: less than 1", p.TargetDuration))
	}
	if p.MediaSequence < 0 || p.DiscontinuitySequence < 0 {
		faults = append(faults, fmt.Errorf("negative sequence number: media %d, discontinuity %d", p.MediaSequence, p.DiscontinuitySequence))
	}
	switch p.Type {
	case Live, Event, VOD:
	default:
		faults = append(faults, fmt.Errorf("playlist type %q: not EVENT, VOD or empty", p.Type))
	}
	for i := range p.Segments {
		if err := p.Segments[i].validate(p.TargetDuration); err != nil {
			faults = append(faults, fmt.Errorf("segment %d: %w", p.MediaSequence+int64(i), err))
		}
		if (p.Segments[i].Map == "") != (p.Segments[0].Map == "") {
			faults = append(faults, fmt.Errorf("segment %d: some segments have an init segment and some none", p.MediaSequence+int64(i)))
		}
	}
	return errors.Join(append(faults, p.LowLatency.validate(p))...)
}

// validate reports what the low-latency part of the playlist may not say.
func (l *LowLatency) validate(p *MediaPlaylist) error {
	if l == nil {
		return nil
	}
	var faults []error
	target := time.Duration(p.TargetDuration) * time.Second
	// rfc8216bis §4.4.3.8, Apple's authoring specification 14.3.
	if l.PartTarget < time.Millisecond || l.PartHoldBack < 3*l.PartTarget || l.HoldBack < 3*target || l.SkipUntil < 6*target {
		faults = append(faults, fmt.Errorf("part target %v, hold-back of parts %v, of segments %v, skip boundary %v: not 3, 3 and 6 times the targets",
			l.PartTarget, l.PartHoldBack, l.HoldBack, l.SkipUntil))
	}
	if p.Ended && (l.NextPart != "" || l.NextMap != "" || l.Growing != nil) {
		faults = append(faults, errors.New("an ended playlist goes on"))
	}
	segments := p.Segments
	if l.Growing != nil {
		segments = append(segments[:len(segments):len(segments)], *l.Growing)
	}
	for i := range segments {
		for n, part := range segments[i].Parts {
			if scale := segments[i].Timescale; scale > 0 && part.Duration*1000 > scale*l.PartTarget.Milliseconds() {
				faults = append(faults, fmt.Errorf("segment %d part %d: %d/%d s, longer than %v", i, n, part.Duration, scale, l.PartTarget))
			}
			faults = append(faults, checkQuoted("part's URI", part.URI))
		}
	}
	return errors.Join(append(faults, checkQuoted("hint", l.NextPart), checkQuoted("hint", l.NextMap))...)
}

func (s *Segment) validate(target int) error {
	if s.Timescale <= 0 || s.Duration < 0 {
		return fmt.Errorf("duration %d/%d s", s.Duration, s.Timescale)
	}
	// rfc8216bis §4.4.3.1: rounded to the nearest second, no segment is longer than the target.
	if (s.Duration+s.Timescale/2)/s.Timescale > int64(target) {
		return fmt.Errorf("duration %d/%d s: longer than the target of %d s", s.Duration, s.Timescale, target)
	}
	return errors.Join(checkLine("URI", s.URI), checkQuoted("init segment's URI", s.Map))
}

// Validate reports everything that a multivariant playlist may not say, joined.
func (p *MultivariantPlaylist) Validate() error {
	var faults []error
	if len(p.Variants) == 0 {
		faults = append(faults, errors.New("no variant"))
	}
	groups := make(map[string]bool)
	for i := range p.Audio {
		groups[p.Audio[i].Group] = true
		if err := p.Audio[i].validate(); err != nil {
			faults = append(faults, fmt.Errorf("audio %d: %w", i, err))
		}
	}
	for i := range p.Variants {
		v := &p.Variants[i]
		if (v.Score > 0) != (p.Variants[0].Score > 0) || v.Score < 0 { // rfc8216bis §4.4.6.2
			faults = append(faults, fmt.Errorf("variant %d: score %d beside %d", i, v.Score, p.Variants[0].Score))
		}
		if v.Audio != "" && !groups[v.Audio] {
			faults = append(faults, fmt.Errorf("variant %d: no audio group %q", i, v.Audio))
		}
		if err := v.validate(); err != nil {
			faults = append(faults, fmt.Errorf("variant %d: %w", i, err))
		}
	}
	return errors.Join(faults...)
}

func (a *Audio) validate() error {
	var faults []error
	for _, s := range []struct{ what, value string }{
		{"group", a.Group}, {"name", a.Name}, {"language", a.Language}, {"URI", a.URI},
	} {
		if s.value == "" {
			faults = append(faults, fmt.Errorf("no %s", s.what))
		}
		faults = append(faults, checkQuoted(s.what, s.value))
	}
	return errors.Join(faults...)
}

func (v *Variant) validate() error {
	var faults []error
	if v.Bandwidth <= 0 {
		faults = append(faults, fmt.Errorf("bandwidth %d: not positive", v.Bandwidth))
	}
	if v.AverageBandwidth > v.Bandwidth {
		faults = append(faults, fmt.Errorf("average bandwidth %d: above the bandwidth %d", v.AverageBandwidth, v.Bandwidth))
	}
	if v.Codecs == "" {
		faults = append(faults, errors.New("no codecs"))
	}
	faults = append(faults, checkQuoted("codecs", v.Codecs), checkQuoted("audio group", v.Audio), checkLine("URI", v.URI))
	return errors.Join(faults...)
}

// checkQuoted refuses what a quoted string cannot hold: rfc8216bis §4.2.
func checkQuoted(what, s string) error {
	if strings.ContainsAny(s, "\"\r\n") {
		return fmt.Errorf("%s %q: has a quote or a line break", what, s)
	}
	return nil
}

// checkLine refuses what is no URI line: rfc8216bis §4.1.
func checkLine(what, s string) error {
	if s == "" || s[0] == '#' || strings.ContainsAny(s, " \r\n") {
		return fmt.Errorf("%s %q: empty, a tag, or more than one word", what, s)
	}
	return nil
}
