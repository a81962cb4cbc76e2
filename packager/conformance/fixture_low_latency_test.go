package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/hls"
)

// The low-latency fixture is a stream of 26 s in segments of ten parts, seen part by part; video has a key frame each second.
const (
	perSegment = 10 // parts
	versions   = 130
	partLength = 200 * time.Millisecond
)

func (r rendition) perPart() int64 { return map[rendition]int64{video: 6, audio: 10}[r] } // frames

// parts are the chunks of segment n, with what they last in ticks; styp belongs to the first.
func (r rendition) parts(n int64) (chunks [][]byte, durations []int64) {
	for k := range int64(perSegment) {
		start := r.edge(n) + k*r.perPart()*r.frame
		end := start + r.perPart()*r.frame
		if k == perSegment-1 {
			end = r.edge(n + 1)
		}
		var head []byte
		if k == 0 {
			head = bx("styp", []byte("msdh"), words(0))
		}
		frames := (end - start) / r.frame
		chunks = append(chunks, slices.Concat(head, r.prft(start), r.chunk(start, frames, r.key(k), 0)))
		durations = append(durations, end-start)
	}
	return chunks, durations
}

func (r rendition) key(k int64) bool { return r == audio || k%5 == 0 }

// prft says that the media was captured at its time.
func (r rendition) prft(ticks int64) []byte {
	at := zero.Add(time.Duration(ticks * int64(time.Second) / r.timescale))
	seconds := uint32(at.Unix() + 2_208_988_800)
	fraction := uint32(uint64(at.Nanosecond()) << 32 / uint64(time.Second))
	return bx("prft", words(0x01000000, 1, seconds, fraction), binary.BigEndian.AppendUint64(nil, uint64(ticks)))
}

func (r rendition) partName(n, k int64) string { return fmt.Sprintf("aaaa/%s-%d.%d.m4s", r.id, n, k) }

// segmentAt describes segment n with its first parts.
func (r rendition) segmentAt(n, parts int64) hls.Segment {
	start := r.edge(n)
	s := hls.Segment{
		URI: r.mediaName(n), Map: r.initName(n), Duration: r.edge(n+1) - start, Timescale: r.timescale,
		ProgramDateTime: zero.Add(time.Duration(start * int64(time.Second) / r.timescale)),
	}
	_, durations := r.parts(n)
	for k := range parts {
		s.Parts = append(s.Parts, hls.Part{URI: r.partName(n, k), Duration: durations[k], Independent: r == video && r.key(k)})
	}
	return s
}

// listed is the playlist once so many parts are there.
func (r rendition) listed(count int64, ended bool) hls.MediaPlaylist {
	end, parts := count/perSegment, count%perSegment
	p := hls.MediaPlaylist{TargetDuration: 2, MediaSequence: max(0, end-window), Ended: ended}
	for n := p.MediaSequence; n < end; n++ {
		p.Segments = append(p.Segments, r.segmentAt(n, map[bool]int64{true: perSegment}[n >= end-3]))
	}
	other, last := map[rendition]rendition{video: audio, audio: video}[r], count-1
	p.LowLatency = &hls.LowLatency{
		PartTarget: 214 * time.Millisecond, PartHoldBack: 642 * time.Millisecond, HoldBack: 6 * time.Second, SkipUntil: 12 * time.Second,
		Reports: []hls.Report{{URI: other.id + ".m3u8", MSN: last / perSegment, Part: int(last % perSegment)}},
	}
	if parts > 0 {
		growing := r.segmentAt(end, parts)
		p.LowLatency.Growing = &growing
	}
	if !ended {
		p.LowLatency.NextPart = r.partName(end, parts)
	}
	return p
}

// delta leaves out what is older than 14 s.
func (r rendition) delta(count int64) []byte {
	p := r.listed(count, false)
	p.Skipped = len(p.Segments) - 7
	p.SkippedMap = p.Segments[0].Map
	p.Segments = p.Segments[p.Skipped:]
	return p.Append(nil)
}

func lowLatencyMPD() []byte {
	reference := func(id, scale string) string {
		return `<ProducerReferenceTime id="` + id + `" inband="true" type="encoder" wallClockTime="2026-11-20T19:45:00Z" presentationTime="0"><UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/></ProducerReferenceTime>` +
			`<Resync type="1" dT="` + scale + `" marker="true"/><SegmentTemplate timescale="` + scale + `"`
	}
	return []byte(strings.NewReplacer(
		"isoff-live:2011", "isoff-live:2011,http://www.dashif.org/guidelines/low-latency-live-v5",
		" startNumber=", ` availabilityTimeOffset="1.8" availabilityTimeComplete="false" startNumber=`,
		"<Period ", `<ServiceDescription id="0"><Latency referenceId="1" target="1000" min="500" max="3000"/><PlaybackRate min="0.96" max="1.04"/></ServiceDescription><Period `,
		`<SegmentTemplate timescale="15360"`, reference("1", "15360"),
		`<SegmentTemplate timescale="48000"`, reference("2", "48000"),
	).Replace(string(mpd(1, false))))
}

// lowLatencyFixture are the visits.
func lowLatencyFixture() []Visit { return slices.Clone(makeLowLatencyFixture()) }

var makeLowLatencyFixture = sync.OnceValue(func() []Visit {
	var all []Visit
	for count := int64(5); count <= versions; count++ {
		at := zero.Add(time.Duration(count)*partLength + 20*time.Millisecond)
		add := func(name, query string, body []byte) *Visit {
			all = append(all, Visit{At: at, URL: base + name + query, Status: http.StatusOK, Header: headers(name), Body: body})
			return &all[len(all)-1]
		}
		add("manifest.mpd", "", lowLatencyMPD())
		if count == 5 {
			add("index.m3u8", "", multivariant())
		}
		last := count - 1
		query := fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d", last/perSegment, last%perSegment)
		for _, r := range []rendition{video, audio} {
			if count == 5 {
				add(r.initName(0), "", r.init())
			}
			if count > 90 && count%5 == 0 && count < versions {
				add(r.id+".m3u8", query+"&_HLS_skip=YES", r.delta(count))
			}
			p := r.listed(count, count == versions)
			add(r.id+".m3u8", query, p.Append(nil))
			chunks, _ := r.parts(last / perSegment)
			add(r.partName(last/perSegment, last%perSegment), "", chunks[last%perSegment])
			if count%perSegment == 0 {
				v := add(r.mediaName(last/perSegment), "", bytes.Join(chunks, nil))
				v.Asked, v.Begun = at.Add(-1700*time.Millisecond), at.Add(-1650*time.Millisecond)
			}
		}
	}
	return all
})
