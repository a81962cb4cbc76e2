package packager

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "packager-clip-*")
	if err != nil {
		panic(err)
	}
	clip.dir = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// clip is 25 s of two video renditions and sound, made once by a real encoder.
var clip struct {
	once sync.Once
	dir  string
	err  error
	reps map[string][]clipSegment
}

type clipSegment struct {
	bytes     []byte
	fragments []cmaf.Fragment
}

const clipSegments = 13 // the last is half a segment

var ladder = []timeline.Rendition{
	{ID: "180p", Rep: "0", Video: true, Width: 320, Height: 180, FPS: 30, Bitrate: 600_000},
	{ID: "90p", Rep: "1", Video: true, Width: 160, Height: 90, FPS: 30, Bitrate: 250_000},
	{ID: "audio", Rep: "2", Bitrate: 140_000},
}

// encoderArgs are what the transcoder gives ffmpeg, as far as its files are concerned.
func encoderArgs(dir string, from time.Duration, seconds int, realTime bool) []string {
	pace := []string{}
	if realTime {
		pace = []string{"-re"}
	}
	args := append([]string{"-hide_banner", "-loglevel", "error", "-y"}, pace...)
	args = append(args, "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30")
	args = append(args, pace...)
	return append(args, "-f", "lavfi", "-i", "sine=440:r=48000", "-t", fmt.Sprint(seconds),
		"-map", "0:v", "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30",
		"-pix_fmt", "yuv420p", "-s:v:1", "160x90", "-b:v:0", "500k", "-maxrate:v:0", "500k", "-bufsize:v:0", "500k", "-b:v:1", "200k",
		"-af", "atrim=start_sample=1024", "-c:a", "aac", "-ar", "48000", "-ac", "2", "-b:a", "128k", "-force_key_frames", "expr:gte(t,n_forced*2)", "-sc_threshold", "0",
		"-f", "dash", "-streaming", "1", "-ldash", "1", "-frag_type", "duration", "-frag_duration", "0.2", "-seg_duration", "2",
		"-use_template", "1", "-use_timeline", "0", "-window_size", "100", "-extra_window_size", "100",
		"-write_prft", "1", "-utc_timing_url", "http://127.0.0.1/time", "-format_options", "movflags=+cmaf+frag_discont",
		"-output_ts_offset", fmt.Sprint(from.Seconds()),
		"-init_seg_name", "init-$RepresentationID$.mp4", "-media_seg_name", "seg-$RepresentationID$-$Number%05d$.m4s",
		"-adaptation_sets", "id=0,streams=v id=1,frag_duration=0.1,streams=a", filepath.Join(dir, manifest.MPDName))
}

func ffmpegPath(t testing.TB) string {
	path, err := exec.LookPath("ffmpeg")
	require.NoError(t, err, "ffmpeg is needed: apt-get install ffmpeg")
	return path
}

func loadClip(t testing.TB) {
	t.Helper()
	path := ffmpegPath(t)
	clip.once.Do(func() {
		if out, err := exec.Command(path, encoderArgs(clip.dir, 0, 25, false)...).CombinedOutput(); err != nil {
			clip.err = fmt.Errorf("%w: %s", err, out)
			return
		}
		clip.reps = make(map[string][]clipSegment)
		for _, r := range ladder {
			clip.reps[r.Rep] = readClip(r.Rep)
		}
	})
	require.NoError(t, clip.err)
	require.Len(t, clip.reps["0"], clipSegments)
}

func readClip(rep string) (all []clipSegment) {
	for n := int64(1); ; n++ {
		b, err := os.ReadFile(filepath.Join(clip.dir, encoderSegment(rep, n)))
		if err != nil {
			return all
		}
		f, err := os.Open(filepath.Join(clip.dir, encoderSegment(rep, n)))
		if err != nil {
			return all
		}
		fragments, err := cmaf.NewScanner(cmaf.Defaults{}).Scan(f, int64(len(b)), nil)
		f.Close()
		if err != nil {
			return all
		}
		all = append(all, clipSegment{b, fragments})
	}
}

// encoder writes the clip's files as ffmpeg does: fragment by fragment to NAME.tmp, then a rename.
type encoder struct {
	t    testing.TB
	dir  string
	from time.Duration  // decode time of the clip's beginning
	next map[string]int // by representation: index of the next segment
}

func newEncoder(t testing.TB, e *live.Epoch) *encoder {
	loadClip(t)
	enc := &encoder{t: t, dir: e.Dir(), from: e.Offset(), next: make(map[string]int)}
	for _, r := range ladder {
		b, err := os.ReadFile(filepath.Join(clip.dir, encoderInit(r.Rep)))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(enc.dir, encoderInit(r.Rep)), b, 0o644))
	}
	return enc
}

// media is what the encoder makes of a segment of the clip.
func (enc *encoder) media(rep string, index int) clipSegment {
	s := clip.reps[rep][index]
	s.bytes = bytes.Clone(s.bytes)
	timescale := uint32(15360)
	if rep == "2" {
		timescale = 48000
	}
	from := timeline.ToTicks(enc.from, timescale)
	for _, f := range s.fragments {
		at := s.bytes[int(f.Offset)+bytes.Index(s.bytes[f.Offset:], []byte("tfdt"))+8:]
		binary.BigEndian.PutUint64(at, binary.BigEndian.Uint64(at)+from)
	}
	return s
}

// fragments writes the first n fragments of the representation's next segment to its .tmp.
func (enc *encoder) fragments(rep string, n int) {
	s := enc.media(rep, enc.next[rep])
	f, err := os.OpenFile(enc.path(rep)+".tmp", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(enc.t, err)
	info, err := f.Stat()
	require.NoError(enc.t, err)
	for _, frag := range s.fragments[:n] {
		if frag.Offset >= info.Size() {
			_, err := f.Write(s.bytes[frag.Offset : frag.Offset+frag.Size])
			require.NoError(enc.t, err)
		}
	}
	require.NoError(enc.t, f.Close())
}

func (enc *encoder) path(rep string) string {
	return filepath.Join(enc.dir, encoderSegment(rep, int64(enc.next[rep]+1)))
}

// segment writes the rest of the representation's next segment and renames it.
func (enc *encoder) segment(rep string) {
	enc.fragments(rep, len(clip.reps[rep][enc.next[rep]].fragments))
	require.NoError(enc.t, os.Rename(enc.path(rep)+".tmp", enc.path(rep)))
	enc.next[rep]++
}

// segments writes n whole segments of each representation.
func (enc *encoder) segments(n int) {
	for range n {
		for _, r := range ladder {
			enc.segment(r.Rep)
		}
	}
}

// ffmpeg's names.
func encoderInit(rep string) string { return "init-" + rep + ".mp4" }

func encoderSegment(rep string, number int64) string {
	return fmt.Sprintf("seg-%s-%05d.m4s", rep, number)
}

// clock is a wall clock that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a Packager with a clock of its own.
type bench struct {
	*Packager
	t     testing.TB
	clock *clock
	opts  Options
	files disk.FS
}

// snapshot is what the stream has published last.
func (s *Stream) snapshot() *timeline.Snapshot { return s.viewers.Snapshot() }

// playlist is the rendition's, as it was published last.
func (s *Stream) playlist(id string) *timeline.Playlist { return s.snapshot().Playlist(id) }

// period is what the MPD says of the epoch.
func (s *Stream) period(e *live.Epoch) timeline.Period {
	for _, p := range s.snapshot().Presentation.Periods {
		if p.Epoch == e.Name() {
			return p
		}
	}
	panic("the epoch is not in the MPD")
}

// republish makes the newest snapshot's channels those of the test's bubble, so that waiting for it lets time pass.
func (s *Stream) republish() {
	next := *s.snapshot()
	next.Playlists = slices.Clone(next.Playlists)
	for i, p := range next.Playlists {
		again := *p
		next.Playlists[i] = &again
	}
	if p := next.Presentation; p != nil {
		again := *p
		next.Presentation = &again
	}
	s.viewers.Publish(&next)
}

// compact lets the log be written anew, as it is when somebody has deleted it.
func (b *bench) compact(s *Stream) {
	b.t.Helper()
	log := filepath.Join(s.live.Dir(), live.LogName)
	require.NoError(b.t, os.Remove(log))
	require.NoError(b.t, s.live.Keep())
	require.FileExists(b.t, log)
}

// keep does the housekeeping and the deletions of one second.
func (b *bench) keep() {
	b.Packager.keep()
	b.sweep()
}

func newBench(t testing.TB, edit func(*Options)) *bench {
	dir := t.TempDir()
	b := &bench{t: t, clock: newClock(), files: disk.OS{}, opts: Options{
		LiveDir: filepath.Join(dir, "live"), RecordingsDir: filepath.Join(dir, "recordings"), Window: 12 * time.Second,
	}}
	b.opts.Wall, b.opts.Logger = b.clock.Now, slog.New(slog.DiscardHandler)
	if edit != nil {
		edit(&b.opts)
	}
	b.restart()
	return b
}

// restart is what a new process does after the old one was killed.
func (b *bench) restart() {
	p, err := newPackager(b.opts, b.files)
	require.NoError(b.t, err)
	b.Packager = p
}

// epoch opens the stream and begins an epoch.
func (b *bench) epoch(stream string) (*Stream, *live.Epoch, *encoder) {
	t, err := b.Open(stream)
	require.NoError(b.t, err)
	e, enc := b.next(t)
	return t, e, enc
}

func (b *bench) next(t *Stream) (*live.Epoch, *encoder) {
	e, err := t.BeginEpoch(timeline.EpochOptions{Renditions: ladder})
	require.NoError(b.t, err)
	e.SetZero(b.clock.Now())
	return e, newEncoder(b.t, e)
}

// run writes n segments of everything while the clock goes along.
func (b *bench) run(e *live.Epoch, enc *encoder, n int) {
	for range n {
		enc.segments(1)
		b.clock.Advance(2 * time.Second)
		b.take(e, "")
	}
}

// take takes in what is new of the representation in the epoch's directory, or of all where it is empty.
func (b *bench) take(e *live.Epoch, rep string) {
	name := ""
	if rep != "" {
		name = encoderSegment(rep, 1)
	}
	e.Wake(name)
	for _, s := range b.all() {
		s.live.Follow()
	}
}

func (b *bench) mux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live/{stream}/{file...}", b.ServeLive)
	mux.HandleFunc("GET /recordings", b.ServeRecordingsList)
	mux.HandleFunc("GET /recordings/{stream}/{recording}/{file}", b.ServeRecordings)
	return mux
}

func (b *bench) get(path string, headers ...string) *httptest.ResponseRecorder {
	return b.request(http.MethodGet, path, headers...)
}

func (b *bench) request(method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.mux().ServeHTTP(w, r)
	return w
}

// body is the answer's body, which must be a 200.
func (b *bench) body(path string) string {
	b.t.Helper()
	w := b.get(path)
	require.Equal(b.t, http.StatusOK, w.Code, "%s: %s", path, w.Body)
	return w.Body.String()
}
