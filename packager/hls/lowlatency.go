package hls

import (
	"strconv"
	"time"
)

// LowLatency is what a playlist says more when it lists partial segments (rfc8216bis appendix B.1).
type LowLatency struct {
	PartTarget time.Duration // no part is longer; the same in all playlists for ever; written in milliseconds
	// PartHoldBack, HoldBack and SkipUntil are the attributes of EXT-X-SERVER-CONTROL (rfc8216bis §4.4.3.8), written in
	// milliseconds. Blocking reload is always offered.
	PartHoldBack, HoldBack, SkipUntil time.Duration

	Growing *Segment // the segment in progress, of which only the parts are listed; nil between two
	// NextPart is the URI of the part that comes next, NextMap of its init segment when that is another one: EXT-X-PRELOAD-HINT
	// (rfc8216bis §4.4.5.3). Empty writes none.
	NextPart, NextMap string
	Reports           []Report
}

// Part is a partial segment (rfc8216bis §4.4.4.9).
type Part struct {
	URI         string
	Duration    int64 // ticks of the segment's time scale
	Independent bool  // decoding can start here
	Gap         bool  // it has no data and is not to be loaded
}

// Report says how far another playlist is (rfc8216bis §4.4.5.4).
type Report struct {
	URI  string
	MSN  int64 // of its newest segment, whole or in progress
	Part int   // index of its newest part; -1 writes none
}

func (l *LowLatency) appendControl(dst []byte) []byte {
	dst = append(dst, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK="...)
	dst = appendMillis(dst, l.PartHoldBack)
	dst = append(dst, ",HOLD-BACK="...)
	dst = appendMillis(dst, l.HoldBack)
	dst = append(dst, ",CAN-SKIP-UNTIL="...)
	dst = appendMillis(dst, l.SkipUntil)
	dst = append(dst, "\n#EXT-X-PART-INF:PART-TARGET="...)
	return append(appendMillis(dst, l.PartTarget), '\n')
}

// appendEdge appends what follows the last whole segment, whose init segment is given.
func (l *LowLatency) appendEdge(dst []byte, initSegment string) []byte {
	if l.Growing != nil {
		dst = l.Growing.appendHead(dst, l.Growing.Map != initSegment)
	}
	for _, hint := range [...]struct{ kind, uri string }{{"MAP", l.NextMap}, {"PART", l.NextPart}} {
		if hint.uri != "" {
			dst = append(dst, "#EXT-X-PRELOAD-HINT:TYPE="...)
			dst = append(dst, hint.kind...)
			dst = append(dst, ",URI="...)
			dst = append(appendQuoted(dst, hint.uri), '\n')
		}
	}
	for i := range l.Reports {
		dst = l.Reports[i].append(dst)
	}
	return dst
}

func (p *Part) append(dst []byte, timescale int64) []byte {
	dst = append(dst, "#EXT-X-PART:DURATION="...)
	dst = appendSeconds(dst, p.Duration, timescale)
	dst = append(dst, ",URI="...)
	dst = appendQuoted(dst, p.URI)
	if p.Independent {
		dst = append(dst, ",INDEPENDENT=YES"...)
	}
	if p.Gap {
		dst = append(dst, ",GAP=YES"...)
	}
	return append(dst, '\n')
}

func (r *Report) append(dst []byte) []byte {
	dst = append(dst, "#EXT-X-RENDITION-REPORT:URI="...)
	dst = appendQuoted(dst, r.URI)
	dst = append(dst, ",LAST-MSN="...)
	dst = strconv.AppendInt(dst, r.MSN, 10)
	if r.Part >= 0 {
		dst = append(dst, ",LAST-PART="...)
		dst = strconv.AppendInt(dst, int64(r.Part), 10)
	}
	return append(dst, '\n')
}

func appendMillis(dst []byte, d time.Duration) []byte {
	ms := d.Milliseconds()
	dst = strconv.AppendInt(dst, ms/1000, 10)
	return appendPadded(append(dst, '.'), ms%1000, 3)
}
