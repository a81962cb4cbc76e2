package conformance

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
)

type segmentExample struct {
	rule     string
	init     []byte
	segments [][]byte
}

func three() [][]byte { return [][]byte{video.media(0), video.media(1), video.media(2)} }

// with replaces the second of three segments.
func with(second []byte) [][]byte { return [][]byte{video.media(0), second, video.media(2)} }

func segmentExamples() []segmentExample {
	head := video.init()
	noBrand := bytes.ReplaceAll(head, []byte("cmfc"), []byte("mp42"))
	edited := video.init(bx("edts"))
	id3 := withID3(head)
	start := video.edge(1)
	return []segmentExample{
		{"ISO/IEC 23000-19 §7.3.1 init segment", head[:50], three()},
		{wholeChunks, head, with(video.media(1)[:5000])},
		{wholeChunks, head, with(append(video.media(1), bx("styp")...))},
		{"ISO/IEC 23000-19 §7.2 brand", noBrand, three()},
		{"ISO/IEC 23000-19 §7.5.2 boxes at the top", head, with(append(bx("sidx"), video.media(1)...))},
		{"ISO/IEC 23000-19 §7.5.2 boxes at the top", append(slices.Clone(head), bx("meta")...), three()},
		{"ISO/IEC 23000-19 §7.3.2.1 segments start with a key frame", head, with(video.chunk(start, 60, false, 0))},
		{"ISO/IEC 23000-19 §7.3.2.2 decode times go on", head, with(video.chunk(start+1, 60, true, 0))},
		{"ISO/IEC 23000-19 §7.3.2.2 decode times go on", head, with(append(video.chunk(start, 30, true, 0), video.chunk(start, 30, false, 0)...))},
		{"ISO/IEC 23000-19 §9.2.1 no edit list", edited, three()},
		{"ISO/IEC 23000-19 §9.2.1 first picture shows at once", head, with(video.chunk(start, 60, true, 512))},
		{"DASH-IF TM constant segment duration", head, with(video.chunk(start, 45, true, 0))},
		{eventsInFragments, id3, with(append(event(15360, start-1), video.media(1)...))},
		{eventsInFragments, id3, with(append(event(15360, start+60*512), video.media(1)...))},
		{eventsInFragments, id3, with(append(event(90000, start), video.media(1)...))},
		{eventsInFragments, head, with(append(event(15360, start), video.media(1)...))},
	}
}

func TestCheckSegments(t *testing.T) {
	require.Empty(t, CheckSegments(video.init(), three()))
	require.Empty(t, CheckSegments(audio.init(), [][]byte{audio.media(0), audio.media(1), audio.media(2)}))
	chunked := append(video.chunk(video.edge(1), 30, true, 0), video.chunk(video.edge(1)+30*512, 30, false, 0)...)
	require.Empty(t, CheckSegments(video.init(), with(chunked)), "a segment of two chunks")
	require.Empty(t, CheckSegments(withID3(video.init()), with(append(event(15360, video.edge(1)), video.media(1)...))), "an event")
	for _, tt := range segmentExamples() {
		t.Run(tt.rule, func(t *testing.T) {
			got := CheckSegments(tt.init, tt.segments)
			require.True(t, slices.ContainsFunc(got, func(v Violation) bool { return v.Rule == tt.rule }), "found %v", got)
		})
	}
}

// event is one of a time scale and a time.
func event(timescale uint32, at int64) []byte {
	return cmaf.AppendID3Event(nil, cmaf.Event{Timescale: timescale, Time: uint64(at), Value: "x"})
}

func withID3(head []byte) []byte {
	branded, _ := cmaf.BrandID3(head) // the fixture's is whole
	return branded
}
