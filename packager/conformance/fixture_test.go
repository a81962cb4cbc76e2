package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/hls"
)

// The fixture is a live stream of 60 s in segments of 2 s, one video and one audio rendition, whose encoder was started
// anew after 30 s: everything that it shows is as it should be. Visits are made each second.
const (
	base    = "http://example.test/live/cam/"
	length  = 30 // segments
	restart = 15 // first segment of the second epoch
	window  = 10 // segments
	depth   = 20 * time.Second
)

var zero = time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC)

// bx makes a box; words makes 32-bit fields.
func bx(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return slices.Concat(words(uint32(8+len(body))), []byte(kind), body)
}

func words(fields ...uint32) []byte {
	var b []byte
	for _, f := range fields {
		b = binary.BigEndian.AppendUint32(b, f)
	}
	return b
}

// rendition is one of the fixture's two.
type rendition struct {
	id        string
	timescale int64
	frame     int64 // ticks
	size      int64 // bytes of a frame
}

var (
	video = rendition{"180p", 15360, 512, 300}
	audio = rendition{"audio", 48000, 1024, 170}
)

func (r rendition) init(extra ...[]byte) []byte {
	fixed := make([]byte, 78)
	fixed[24], fixed[25], fixed[27] = 1, 64, 180
	entry := bx("avc1", fixed, bx("avcC", []byte{1, 0x42, 0xc0, 0x0d, 0xff, 0xe0, 0}))
	if r == audio {
		fixed = make([]byte, 28)
		fixed[17] = 2
		binary.BigEndian.PutUint32(fixed[24:], 48000<<16)
		decoder := slices.Concat([]byte{4, 17, 0x40}, make([]byte, 12), []byte{5, 2, 0x11, 0x90})
		entry = bx("mp4a", fixed, bx("esds", words(0), []byte{3, 22, 0, 0, 0}, decoder))
	}
	stsd := bx("stsd", words(0, 1), entry)
	mdia := bx("mdia", bx("mdhd", words(0, 0, 0, uint32(r.timescale), 0, 0)), bx("minf", bx("stbl", stsd)))
	trak := bx("trak", bx("tkhd", words(0, 0, 0, 1), make([]byte, 68)), mdia, bytes.Join(extra, nil))
	return slices.Concat(bx("ftyp", []byte("iso6"), words(512), []byte("iso6cmfc")), bx("moov", trak, bx("mvex", bx("trex", words(0, 1, 1, 0, 0, 0)))))
}

// edge is where segment n of an epoch starts, ticks: at the first frame at or after n times 2 s.
func (r rendition) edge(n int64) int64 {
	return (n*2*r.timescale + r.frame - 1) / r.frame * r.frame
}

// chunk is one CMAF chunk.
func (r rendition) chunk(start, frames int64, key bool, composition uint32) []byte {
	first := uint32(0x02000000)
	if !key {
		first = 0x01010000
	}
	moof := func(offset uint32) []byte {
		entries := words()
		for i := range frames {
			entries = append(entries, words(composition*uint32(1-min(i, 1)))...)
		}
		return bx("moof", bx("mfhd", words(0, 1)), bx("traf",
			bx("tfhd", words(0x020038, 1, uint32(r.frame), uint32(r.size), 0x01010000)),
			bx("tfdt", words(0x01000000, uint32(start>>32), uint32(start))),
			bx("trun", words(0x01000805, uint32(frames), offset, first), entries)))
	}
	return slices.Concat(moof(uint32(len(moof(0))+8)), bx("mdat", make([]byte, frames*r.size)))
}

// media is the segment with number n of the stream.
func (r rendition) media(n int64) []byte {
	local := n - epochStart(n)
	start := r.edge(local)
	return append(bx("styp", []byte("msdh"), words(0)), r.chunk(r.offset(n)+start, (r.edge(local+1)-start)/r.frame, true, 0)...)
}

// offset is the decode time with which segment n's epoch begins, ticks: more than the length of the one before it.
func (r rendition) offset(n int64) int64 {
	if n < restart {
		return 0
	}
	return (2*restart*8 + 1) * r.timescale / 8
}

func epochStart(n int64) int64 {
	if n < restart {
		return 0
	}
	return restart
}

func epochName(n int64) string { return map[bool]string{true: "aaaa", false: "bbbb"}[n < restart] }

func (r rendition) mediaName(n int64) string {
	return fmt.Sprintf("%s/%s-%d.m4s", epochName(n), r.id, n)
}
func (r rendition) initName(n int64) string { return epochName(n) + "/" + r.id + "-init.mp4" }

func (r rendition) playlist(count int64, ended bool) []byte {
	p := hls.MediaPlaylist{TargetDuration: 2, MediaSequence: max(0, count-window), Ended: ended}
	if p.MediaSequence > restart {
		p.DiscontinuitySequence = 1
	}
	for n := p.MediaSequence; n < count; n++ {
		local := n - epochStart(n)
		ticks := epochStart(n)*2*r.timescale + r.edge(local)
		p.Segments = append(p.Segments, hls.Segment{
			URI: r.mediaName(n), Map: r.initName(n), Duration: r.edge(local+1) - r.edge(local), Timescale: r.timescale,
			Discontinuity: n == restart, ProgramDateTime: zero.Add(time.Duration(ticks * int64(time.Second) / r.timescale)),
		})
	}
	return p.Append(nil)
}

func multivariant() []byte {
	return (&hls.MultivariantPlaylist{
		Audio:    []hls.Audio{{Group: "audio", Name: "Sound", Language: "und", Channels: 2, URI: "audio.m3u8", Default: true}},
		Variants: []hls.Variant{{URI: "180p.m3u8", Bandwidth: 140_000, AverageBandwidth: 138_000, Codecs: "avc1.42C00D,mp4a.40.2", Width: 320, Height: 180, FrameRate: 30, Audio: "audio"}},
	}).Append(nil)
}

func mpd(count int64, ended bool) []byte {
	second := dash.Duration(time.Second)
	m := dash.MPD{
		Type: dash.Dynamic, AvailabilityStartTime: zero, PublishTime: zero.Add(time.Second), MinBufferTime: 2 * second,
		MinimumUpdatePeriod: 2 * second, TimeShiftBufferDepth: dash.Duration(depth), SuggestedPresentationDelay: 6 * second,
		MaxSegmentDuration: 2 * second, UTCTimings: []dash.Descriptor{{Scheme: dash.SchemeISO, Value: "/time"}},
		Periods: []dash.Period{mpdPeriod(0)},
	}
	if count > restart {
		m.Periods = append(m.Periods, mpdPeriod(restart))
		m.Periods[0].Duration, m.PublishTime = 2*restart*second, zero.Add(2*restart*time.Second)
	}
	if ended {
		m.Type, m.MinimumUpdatePeriod, m.TimeShiftBufferDepth, m.MediaPresentationDuration = dash.Static, 0, 0, 2*length*second
		m.SuggestedPresentationDelay = 0
	}
	return m.Append(nil)
}

func mpdPeriod(n int64) dash.Period {
	template := func(r rendition) *dash.SegmentTemplate {
		return &dash.SegmentTemplate{
			Timescale: uint32(r.timescale), PresentationTimeOffset: uint64(r.offset(n)), Duration: uint64(2 * r.timescale), StartNumber: uint64(n),
			Media: epochName(n) + "/$RepresentationID$-$Number$.m4s", Initialization: epochName(n) + "/$RepresentationID$-init.mp4",
		}
	}
	set := func(id int, kind string, r rendition, rep dash.Representation) dash.AdaptationSet {
		rep.ID = r.id
		return dash.AdaptationSet{ID: id, ContentType: kind, MimeType: kind + "/mp4", SegmentAlignment: true, StartWithSAP: 1, Template: template(r), Representations: []dash.Representation{rep}}
	}
	return dash.Period{ID: epochName(n), Start: dash.Duration(time.Duration(n) * 2 * time.Second), AdaptationSets: []dash.AdaptationSet{
		set(0, "video", video, dash.Representation{Codecs: "avc1.42C00D", Bandwidth: 80_000, Width: 320, Height: 180}),
		set(1, "audio", audio, dash.Representation{Codecs: "mp4a.40.2", Bandwidth: 70_000, AudioSamplingRate: 48000}),
	}}
}

// fixture makes the visits; the stream has ended at the last two seconds.
func fixture() []Visit {
	var all []Visit
	for second := int64(3); second <= 2*length+1; second++ {
		at := zero.Add(time.Duration(second) * time.Second).Add(300 * time.Millisecond)
		count, ended := min(second/2, length), second >= 2*length
		add := func(name string, body []byte) {
			all = append(all, Visit{At: at, URL: base + name, Status: http.StatusOK, Header: headers(name), Body: body})
		}
		add("index.m3u8", multivariant())
		add("manifest.mpd", mpd(count, ended))
		for _, r := range []rendition{video, audio} {
			add(r.id+".m3u8", r.playlist(count, ended))
			if n := count - 1; second%2 == 0 || second == 3 {
				add(r.mediaName(n), r.media(n))
				if n == epochStart(n) {
					add(r.initName(n), r.init())
				}
			}
		}
	}
	return all
}

func headers(name string) http.Header {
	h := http.Header{}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Date, Age, Content-Length, Content-Range")
	kinds := map[string]string{"m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".mp4": "video/mp4", ".m4s": "video/iso.segment"}
	h.Set("Content-Type", kinds[name[len(name)-4:]])
	h.Set("Cache-Control", "max-age=1")
	if v := (Visit{URL: name}); v.media() {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		return h
	}
	h.Set("ETag", `"1"`)
	h.Set("Content-Encoding", "gzip")
	h.Set("Date", zero.Format(http.TimeFormat))
	return h
}
