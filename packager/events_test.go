package packager

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/conformance"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
)

// telling begins an epoch whose video has events.
func (b *bench) telling(stream string) (*Stream, *live.Epoch, *encoder) {
	s, err := b.Open(stream)
	require.NoError(b.t, err)
	renditions := append([]timeline.Rendition{}, ladder...)
	for i := range renditions {
		renditions[i].Events = renditions[i].Video
	}
	e, err := s.BeginEpoch(timeline.EpochOptions{Renditions: renditions})
	require.NoError(b.t, err)
	e.SetZero(b.clock.Now())
	return s, e, newEncoder(b.t, e)
}

// told is an event as players read it: when, and what.
type told struct {
	seconds float64
	text    string
}

// eventsOf reads the events of media, each of which is to stand right in front of a moof.
func eventsOf(t *testing.T, media string) (events []told) {
	t.Helper()
	before := ""
	for r := bytes.NewReader([]byte(media)); r.Len() > 0; {
		box, err := mp4.DecodeBox(uint64(len(media)-r.Len()), r)
		require.NoError(t, err)
		if e, ok := box.(*mp4.EmsgBox); ok {
			require.Equal(t, cmaf.SchemeID3, e.SchemeIDURI)
			require.Equal(t, timeline.EventValue, e.Value)
			at := float64(e.PresentationTime) / float64(e.TimeScale)
			require.EqualValues(t, time.Duration(at*1e9).Round(time.Millisecond).Milliseconds(), e.ID)
			_, text, _ := strings.Cut(string(e.MessageData), "\x03"+timeline.EventValue+"\x00")
			events = append(events, told{at, text})
		}
		require.False(t, before == "emsg" && box.Type() != "moof" && box.Type() != "emsg", "%s behind an event", box.Type())
		before = box.Type()
	}
	return events
}

// What is told is in front of the fragment of its time, in all renditions of video alike, and again at the beginning of each segment; parts are
// bytes of the segments; all of it is as specified.
func TestEvents(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Record = true })
	s, e, enc := b.telling("cam")
	e.Tell(50*time.Millisecond, "a")
	for _, r := range ladder {
		enc.fragments(r.Rep, 2)
		b.take(e, r.Rep)
	}
	e.Tell(450*time.Millisecond, "b")
	e.Tell(500*time.Millisecond, "c")
	e.Tell(700*time.Millisecond, "d")
	b.take(e, "")
	for _, rep := range []string{"1", "0", "2"} {
		enc.fragments(rep, 4)
		b.take(e, rep)
	}
	e.Tell(100*time.Millisecond, "late")
	b.run(e, enc, 2)
	for _, id := range []string{"180p", "90p"} {
		requireParts(t, b, s, e, id)
	}
	e.Tell(5*time.Second, "e")
	b.run(e, enc, 5)
	for _, id := range []string{"180p", "90p"} {
		first := b.body("/live/cam/" + e.Name() + "/" + id + "-1.m4s")
		require.Equal(t, []told{{0, "a"}, {0.5, "c"}, {0.7, "d"}, {0.8, "late"}}, eventsOf(t, first))
		require.Equal(t, []told{{2, "late"}}, eventsOf(t, b.body("/live/cam/"+e.Name()+"/"+id+"-2.m4s")))
		require.Equal(t, []told{{4, "late"}, {5, "e"}}, eventsOf(t, b.body("/live/cam/"+e.Name()+"/"+id+"-3.m4s")))
		require.Equal(t, []told{{6, "e"}}, eventsOf(t, b.body("/live/cam/"+e.Name()+"/"+id+"-4.m4s")))
		requireCMAF(t, b, e, id, 8)
	}
	requireSame(t, filepath.Join(e.Dir(), "seg-2-00001.m4s"), filepath.Join(e.Dir(), "out", "audio-1.m4s"))
	mpd := b.body("/live/cam/manifest.mpd")
	require.Equal(t, 1, strings.Count(mpd, "<InbandEventStream"))
	require.NotContains(t, mpd[strings.Index(mpd, `contentType="audio"`):], "InbandEventStream")

	recorded, err := os.ReadFile(filepath.Join(s.Recording().Dir(), "video-1-3.m4s"))
	require.NoError(t, err)
	require.Equal(t, []told{{4, "late"}, {5, "e"}}, eventsOf(t, string(recorded)))
	b.restart()
	b.recover()
	mpd = b.body("/recordings/cam/" + s.Recording().Info().Name + "/manifest.mpd")
	require.InDelta(t, 14, decode(t, filepath.Join(s.Recording().Dir(), "index.m3u8")), 0.1)
	require.Equal(t, 1, strings.Count(mpd, `<InbandEventStream schemeIdUri="https://aomedia.org/emsg/ID3" value="urn:sluice:faces"/>`))
}

// requireParts is true of a first segment whose parts are its bytes, and of which any can be asked for.
func requireParts(t *testing.T, b *bench, s *Stream, e *live.Epoch, id string) {
	t.Helper()
	base := "/live/cam/" + e.Name() + "/" + id + "-1"
	whole, joined := b.body(base+".m4s"), ""
	segment, _ := timeline.FindSegment(s.playlist(id).Segments, 1)
	for part := range segment.Parts {
		joined += b.body(fmt.Sprintf("%s.%d.m4s", base, part))
	}
	require.True(t, whole == joined, "%d parts", len(segment.Parts))
	require.Equal(t, "bytes 10-19/"+fmt.Sprint(len(whole)), b.get(base+".m4s", "Range", "bytes=10-19").Header().Get("Content-Range"))
}

func requireCMAF(t *testing.T, b *bench, e *live.Epoch, id string, count int) {
	t.Helper()
	base := "/live/cam/" + e.Name() + "/" + id
	var segments [][]byte
	for msn := 1; msn < count; msn++ {
		segments = append(segments, []byte(b.body(fmt.Sprintf("%s-%d.m4s", base, msn))))
	}
	require.Empty(t, conformance.CheckSegments([]byte(b.body(base+"-init.mp4")), segments))
}

func requireSame(t *testing.T, one, other string) {
	t.Helper()
	a, err := os.Stat(one)
	require.NoError(t, err)
	c, err := os.Stat(other)
	require.NoError(t, err)
	require.True(t, os.SameFile(a, c), "%s is %s", one, other)
}

// After a crash in the middle of a segment, what was served of it stays, and what ffmpeg had written beyond that follows.
func TestEventsAfterCrash(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.telling("cam")
	b.run(e, enc, 6)
	e.Tell(12*time.Second, "before")
	for _, r := range ladder {
		enc.fragments(r.Rep, 3)
	}
	b.take(e, "")
	part := b.body("/live/cam/" + e.Name() + "/180p-7.2.m4s")
	public := filepath.Join(e.Dir(), "out", "180p-7.m4s")
	cut, err := os.OpenFile(public, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = cut.WriteString("\x00\x00\x01\x00moof, as far as it had got")
	require.NoError(t, err)
	require.NoError(t, cut.Close())
	for _, r := range ladder {
		enc.fragments(r.Rep, 5)
	}
	b.restart()
	require.Equal(t, part, b.body("/live/cam/"+e.Name()+"/180p-7.2.m4s"))
	for _, id := range []string{"180p", "90p"} {
		require.Equal(t, []told{{12, "before"}}, eventsOf(t, b.body("/live/cam/"+e.Name()+"/"+id+"-7.m4s")))
		requireCMAF(t, b, e, id, 8)
	}
}

// After a loss of power ffmpeg's file may have less than what was published of it: the segment ends where both have the same.
func TestEventsAfterLossOfPower(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.telling("cam")
	b.run(e, enc, 2)
	e.Tell(4*time.Second, "before")
	names := map[string]int64{}
	for _, n := range []int{2, 4} {
		for _, r := range ladder {
			enc.fragments(r.Rep, n)
		}
		b.take(e, "")
		if n == 4 {
			break
		}
		files, err := filepath.Glob(filepath.Join(e.Dir(), "*.tmp"))
		require.NoError(t, err)
		for _, name := range files {
			info, err := os.Stat(name)
			require.NoError(t, err)
			names[name] = info.Size()
		}
	}
	require.Len(t, names, len(ladder))
	for name, size := range names {
		require.NoError(t, os.Truncate(name, size))
	}
	b.restart()
	for _, id := range []string{"180p", "90p", "audio"} {
		body := b.body("/live/cam/" + e.Name() + "/" + id + "-3.m4s")
		fragments, err := cmaf.NewScanner(cmaf.Defaults{}).Scan(strings.NewReader(body), int64(len(body)), nil)
		require.NoError(t, err)
		require.Len(t, fragments, 2, id)
		require.EqualValues(t, len(body), fragments[1].Offset+fragments[1].Size)
	}
}

// scarce is a disk that takes in no byte of files that end so while it is full.
type scarce struct {
	disk.OS
	full string
}

type scarceFile struct {
	disk.File
	of *scarce
}

func (d *scarce) Append(name string) (disk.File, error) {
	f, err := d.OS.Append(name)
	return &scarceFile{f, d}, err
}

func (f *scarceFile) Write(b []byte) (int, error) {
	if f.of.full != "" && strings.HasSuffix(f.Name(), f.of.full) {
		n, _ := f.File.Write(b[:min(7, len(b))])
		return n, errors.New("no space left on device")
	}
	return f.File.Write(b)
}

// A fragment that cannot be written is not listed: the rendition ends before it, and the epoch is to end.
func TestEventsOnFullDisk(t *testing.T) {
	files := &scarce{}
	b := newBench(t, nil)
	b.files = files
	b.restart()
	_, e, enc := b.telling("cam")
	b.run(e, enc, 2)
	enc.fragments("0", 2)
	b.take(e, "0")
	files.full = "180p-3.m4s"
	enc.segments(1)
	b.take(e, "")
	files.full = ""
	require.False(t, e.Lossy())
	b.run(e, enc, 1)
	require.True(t, e.Lossy())
	require.NoError(t, e.End())
	body := b.body("/live/cam/" + e.Name() + "/180p-3.m4s")
	fragments, err := cmaf.NewScanner(cmaf.Defaults{}).Scan(strings.NewReader(body), int64(len(body)), nil)
	require.NoError(t, err)
	require.Len(t, fragments, 2, "and nothing of the third")
	require.EqualValues(t, len(body), fragments[1].Offset+fragments[1].Size)
}
