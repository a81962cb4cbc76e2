package forward

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/timeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within is what a step may take on a busy machine.
const within = 2 * time.Minute

// eventually waits for a condition.
func eventually(t *testing.T, is func() bool, what string) {
	t.Helper()
	require.Eventually(t, is, within, 10*time.Millisecond, what)
}

// take is what ffmpeg has made of a medium: an initialization segment, and fragments of a second.
type take struct {
	init      []byte
	info      cmaf.Init
	fragments []cmaf.Fragment
	media     []byte
}

// film makes 24 s of video and sound, once for all tests.
var film = sync.OnceValue(func() map[string]take {
	made := map[string]take{}
	for id, args := range map[string]string{
		"180p":  "-f lavfi -i testsrc2=size=64x48:rate=10 -c:v libx264 -preset ultrafast -tune zerolatency -g 10",
		"large": "-f lavfi -i testsrc2=size=96x64:rate=10 -c:v libx264 -preset ultrafast -tune zerolatency -g 10",
		"hevc":  "-f lavfi -i testsrc2=size=128x96:rate=10 -c:v mpeg4 -g 10", // stands for what is not carried
		"audio": "-f lavfi -i sine=sample_rate=48000 -c:a aac -frag_duration 1000000",
	} {
		args = "-hide_banner -loglevel error " + args + " -t 24 -f mp4 -movflags +frag_keyframe+empty_moov+default_base_moof+cmaf -"
		out, err := exec.Command("ffmpeg", strings.Fields(args)...).Output()
		if err != nil {
			panic("install ffmpeg with apt-get install ffmpeg: " + err.Error())
		}
		moof := bytes.Index(out, []byte("moof")) - 4
		info, _ := cmaf.ParseInit(out[:moof])
		if id == "hevc" {
			info = cmaf.Init{Timescale: 10240, Video: true, Width: 128, Height: 96, Codec: "hvc1", Defaults: cmaf.Defaults{TrackID: 1}}
		}
		fragments, err := cmaf.NewScanner(info.Defaults).Scan(bytes.NewReader(out[moof:]), int64(len(out)-moof), nil)
		if err != nil {
			panic(err)
		}
		made[id] = take{out[:moof], info, fragments, out[moof:]}
	}
	return made
})

// stage is a stream that the test makes, second by second.
type stage struct {
	*testing.T
	dir      string
	timeline *timeline.Timeline
	tracks   []*timeline.Track
	second   int

	mu      sync.Mutex
	newest  *timeline.Snapshot
	watcher map[*func(*timeline.Snapshot)]bool
}

func newStage(t *testing.T, renditions ...string) *stage {
	s := &stage{T: t, dir: t.TempDir(), watcher: map[*func(*timeline.Snapshot)]bool{}}
	s.timeline = timeline.New(timeline.Config{Timing: timeline.Timing{Segment: time.Second, Part: time.Second, Window: time.Minute}, Wall: time.Now})
	s.encode(renditions...)
	return s
}

// encode begins an epoch with these renditions.
func (s *stage) encode(renditions ...string) {
	if s.tracks != nil {
		s.timeline.Newest().Close()
	}
	var options timeline.EpochOptions
	for i, id := range renditions {
		of := film()[id].info
		options.Renditions = append(options.Renditions, timeline.Rendition{
			ID: id, Rep: string(rune('0' + i)), Video: of.Video, Width: of.Width, Height: of.Height, FPS: 10, Bitrate: 100_000,
		})
	}
	e, err := s.timeline.Prepare(options)
	require.NoError(s, err)
	s.timeline.Enter(e)
	s.tracks = e.Tracks()
	require.NoError(s, os.MkdirAll(filepath.Join(s.dir, e.Name()), 0o700))
	for _, track := range s.tracks {
		track.SetInit(film()[track.ID].info)
		s.write(e.Name(), timeline.InitName(track.ID), film()[track.ID].init)
	}
}

func (s *stage) write(epoch, name string, b []byte) {
	require.NoError(s, os.WriteFile(filepath.Join(s.dir, epoch, name), b, 0o600))
}

// add lists so many seconds.
func (s *stage) add(seconds int) {
	for range seconds {
		for _, track := range s.tracks {
			of := film()[track.ID]
			f := of.fragments[s.second]
			s.write(s.timeline.Newest().Name(), timeline.SegmentName(track.ID, track.MSN()), of.media[f.Offset:f.Offset+f.Size])
			part := []timeline.Part{{Size: f.Size, Start: int64(f.DecodeTime), Duration: int64(f.Duration), Independent: true}}
			s.timeline.Grow(track, part, f.Size, 0)
			s.timeline.List(track, s.timeline.Whole(track, part, f.Size))
		}
		s.second++
	}
	s.publish()
}

func (s *stage) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = s.timeline.Snapshot()
	for watcher := range s.watcher {
		(*watcher)(s.newest)
	}
}

func (s *stage) end() {
	s.timeline.Newest().Close()
	s.timeline.Finish(time.Now())
	s.publish()
}

func (s *stage) source() Source {
	return Source{
		Watch: func(watcher func(*timeline.Snapshot)) (stop func()) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.watcher[&watcher] = true
			if s.newest != nil {
				watcher(s.newest)
			}
			return func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.watcher, &watcher)
			}
		},
		Open: func(epoch, file string) (*os.File, error) { return os.Open(filepath.Join(s.dir, epoch, file)) },
	}
}
