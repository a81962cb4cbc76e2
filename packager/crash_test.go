package packager

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/timeline"
)

func TestRestartGoesOnWhereItWasCut(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 8)
	before := b.body("/live/cam/180p.m3u8")
	for _, r := range ladder {
		enc.fragments(r.Rep, 3)
	}
	b.restart()

	p, body := b.playlist("/live/cam/180p.m3u8")
	require.EqualValues(t, 3, p.SeqNo)
	require.Len(t, p.GetAllSegments(), 7, "the stray .tmp is a segment now")
	segments := p.GetAllSegments()
	require.InDelta(t, 0.6, segments[len(segments)-1].Duration, 0.001)
	require.True(t, strings.HasPrefix(withoutParts(body), withoutParts(before)), "what was published stays")
	for _, s := range segments {
		b.body("/live/cam/" + s.URI)
	}
	require.Contains(t, b.body("/live/cam/manifest.mpd"), `type="dynamic"`)

	_, second, enc := b.epoch("cam")
	require.NotEqual(t, e.Name(), second.Name())
	b.run(second, enc, 1)
	p, _ = b.playlist("/live/cam/180p.m3u8")
	last := p.GetAllSegments()[len(p.GetAllSegments())-1]
	require.True(t, last.Discontinuity)
	require.Equal(t, second.Name()+"/180p-10.m4s", last.URI)
	m, _ := b.manifest("/live/cam/manifest.mpd")
	require.Len(t, m.Periods, 2)
	require.Equal(t, "2026-11-20T19:45:00Z", string(m.AvailabilityStartTime), "unmoved")
}

func TestRestartTwiceSaysTheSame(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	enc.fragments("0", 5)
	require.NoError(t, e.End())
	e, enc = b.next(tl)
	b.run(e, enc, 7)
	require.NoError(t, e.End())
	var bodies [3]string
	for i := range bodies {
		if i > 0 {
			b.restart()
		}
		for _, r := range ladder {
			bodies[i] += b.body("/live/cam/" + r.ID + ".m3u8")
		}
		bodies[i] += b.body("/live/cam/index.m3u8")
	}
	require.Equal(t, bodies[0], bodies[1])
	require.Equal(t, bodies[0], bodies[2])
}

// What is suspended goes on in the next process, as the same broadcast, or ends after a while.
func TestSuspend(t *testing.T) {
	for name, restarts := range map[string]int{"in the same process": 0, "in the next process": 1, "in the one after that": 2} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *Options) { o.Linger = 20 * time.Second })
			tl, e, enc := b.epoch("cam")
			b.run(e, enc, 3)
			began := tl.Info().Started
			require.NoError(t, tl.Suspend())
			require.NoError(t, tl.Suspend())
			before := b.body("/live/cam/180p.m3u8")
			require.NotContains(t, before, "ENDLIST")
			for range restarts {
				b.restart()
			}
			b.clock.Advance(15 * time.Second)
			tl, e, enc = b.epoch("cam")
			b.run(e, enc, 1)
			require.Equal(t, began, tl.Info().Started)
			p, _ := b.playlist("/live/cam/180p.m3u8")
			last := p.GetAllSegments()[len(p.GetAllSegments())-1]
			require.True(t, last.Discontinuity)
			require.Equal(t, e.Name()+"/180p-4.m4s", last.URI)
			require.NoError(t, tl.Suspend())
			b.clock.Advance(21 * time.Second)
			b.keep()
			require.Contains(t, b.body("/live/cam/180p.m3u8"), "#EXT-X-ENDLIST\n")
		})
	}
}

// What the MPD says of a Period stays as it was.
func TestRestartKeepsResync(t *testing.T) {
	b := newBench(t, nil)
	tl, err := b.Open("cam")
	require.NoError(t, err)
	e, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder, KeyFrames: time.Second})
	require.NoError(t, err)
	e.SetZero(b.clock.Now())
	b.run(e, newEncoder(t, e), 4)
	resync := regexp.MustCompile(`<Resync[^>]*>`)
	before := resync.FindAllString(b.body("/live/cam/manifest.mpd"), -1)
	require.NotEmpty(t, before)
	b.restart()
	require.Equal(t, before, resync.FindAllString(b.body("/live/cam/manifest.mpd"), -1))
}

func TestUnclaimedStreamEndsAfterLinger(t *testing.T) {
	var told []string
	b := newBench(t, func(o *Options) {
		o.Linger = 20 * time.Second
		o.OnUnclaimed = func(stream string, _ time.Time) { told = append(told, stream) }
	})
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.Empty(t, b.Waiting())
	b.restart()
	require.Equal(t, []string{"cam"}, b.Waiting())
	b.clock.Advance(19 * time.Second)
	b.keep()
	require.Empty(t, told)
	require.NotContains(t, b.body("/live/cam/180p.m3u8"), "ENDLIST")
	b.clock.Advance(2 * time.Second)
	b.keep()
	require.Contains(t, b.body("/live/cam/180p.m3u8"), "#EXT-X-ENDLIST\n")
	b.restart()
	require.Contains(t, b.body("/live/cam/180p.m3u8"), "#EXT-X-ENDLIST\n")
	require.Empty(t, b.Waiting())
	require.Equal(t, []string{"cam"}, told)
	b.clock.Advance(time.Hour)
	b.restart()
	require.Equal(t, http.StatusNotFound, b.get("/live/cam/index.m3u8").Code)
	require.NoDirExists(t, filepath.Join(b.opts.LiveDir, "cam"))
}

func TestDamagedLogs(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(log []byte) []byte
		listed int
	}{
		{"cut last line", func(b []byte) []byte { return b[:len(b)-7] }, 3},
		{"garbage at the end", func(b []byte) []byte { return append(b, "garbage\n"...) }, 3},
		{"endless line", func(b []byte) []byte { return append(b, bytes.Repeat([]byte("x"), 64<<10)...) }, 3},
		{"number out of range", func(b []byte) []byte {
			return append(b, `{"kind":"segment","id":"180p","msn":-4,"duration":1}`+"\n"...)
		}, 3},
		{"unknown kind", func(b []byte) []byte { return append(b, `{"kind":"later"}`+"\n"...) }, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, nil)
			_, e, enc := b.epoch("cam")
			b.run(e, enc, 3)
			name := filepath.Join(b.opts.LiveDir, "cam", live.LogName)
			log, err := os.ReadFile(name)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(name, test.damage(log), 0o644))
			b.restart()
			p, _ := b.playlist("/live/cam/audio.m3u8")
			require.Len(t, p.GetAllSegments(), test.listed, "what is not in the log is adopted from the disk")
			_, second, enc := b.epoch("cam")
			b.run(second, enc, 1)
			b.restart()
			p, _ = b.playlist("/live/cam/audio.m3u8")
			require.Len(t, p.GetAllSegments(), test.listed+1)
		})
	}
}

func TestVanishedSegmentIsAGap(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 3)
	require.NoError(t, os.Remove(filepath.Join(e.Dir(), timeline.PublicDir, "180p-2.m4s")))
	b.restart()
	p, _ := b.playlist("/live/cam/180p.m3u8")
	require.True(t, p.GetAllSegments()[1].Gap)
}

func TestLogIsCompacted(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 9)
	before := b.body("/live/cam/180p.m3u8")
	b.compact(tl)
	log, err := os.ReadFile(filepath.Join(tl.live.Dir(), live.LogName))
	require.NoError(t, err)
	require.Less(t, bytes.Count(log, []byte("\n")), 240)
	b.run(e, enc, 1)
	after := b.body("/live/cam/180p.m3u8")
	require.NotEqual(t, before, after)
	require.NoError(t, e.End())
	b.restart()
	require.Equal(t, withoutParts(after), withoutParts(b.body("/live/cam/180p.m3u8")))
}

// What could not be written to the log, because the disk was full, is there once it can be.
func TestIncompleteLogIsWrittenAgain(t *testing.T) {
	var full atomic.Bool
	b := newBench(t, nil)
	b.files = fullDisk{full: &full}
	b.restart()
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	full.Store(true)
	b.run(e, enc, 2)
	full.Store(false)
	require.NoError(t, tl.live.Keep())
	b.run(e, enc, 1)
	require.NoError(t, e.End())
	want := b.body("/live/cam/180p.m3u8")
	b.restart()
	require.Equal(t, want, b.body("/live/cam/180p.m3u8"))
}

// fullDisk is a disk whose logs take half of what is written while it is full.
type fullDisk struct {
	disk.OS
	full *atomic.Bool
}

func (d fullDisk) Append(name string) (disk.File, error) {
	f, err := d.OS.Append(name)
	return fullFile{f, d.full}, err
}

type fullFile struct {
	disk.File
	full *atomic.Bool
}

func (f fullFile) Write(b []byte) (int, error) {
	if !f.full.Load() {
		return f.File.Write(b)
	}
	n, err := f.File.Write(b[:len(b)/2])
	return n, errors.Join(err, syscall.ENOSPC)
}

// A log that is rewritten while nothing is listed keeps the numbers all the same.
func TestNumbersOutliveCompaction(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	require.NoError(t, tl.End())
	next, err := b.Open("cam")
	require.NoError(t, err)
	require.NoError(t, tl.live.Keep(), "the old one has nothing to do with the log any more")
	b.compact(next)
	b.restart()
	_, e, enc = b.epoch("cam")
	b.run(e, enc, 1)
	p, body := b.playlist("/live/cam/180p.m3u8")
	require.EqualValues(t, 3, p.SeqNo)
	require.Contains(t, body, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n")
}

// A process that starts with another wall clock than the one before it goes on with the numbers, and its times are right.
func TestClockSteppedBeforeRestart(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			b := recordBench(t, func(o *Options) { o.Keep = 2 * time.Hour })
			tl, e, enc := b.epoch("old")
			b.run(e, enc, 1)
			require.NoError(t, tl.End())
			_, e, enc = b.epoch("cam")
			b.run(e, enc, 3)
			for _, move := range []time.Duration{step, -step} { // the wall clock goes wrong, and right again
				b.clock.Advance(move)
				b.restart()
				_, e, enc = b.epoch("cam")
				b.run(e, enc, 3)
			}
			b.recordings.Retain()
			require.Len(t, b.Recordings(), 4)

			p, _ := b.playlist("/live/cam/180p.m3u8")
			segments := p.GetAllSegments()
			require.EqualValues(t, 4, p.SeqNo)
			require.Len(t, segments, 6)
			require.WithinDuration(t, b.clock.Now(), segments[5].ProgramDateTime, 3*time.Second)
			mpd, err := dash.Parse([]byte(b.body("/live/cam/manifest.mpd")))
			require.NoError(t, err)
			last := mpd.Periods[len(mpd.Periods)-1]
			require.WithinDuration(t, b.clock.Now().Add(-6*time.Second), mpd.AvailabilityStartTime.Add(time.Duration(last.Start)), time.Second)
			for i := 1; i < len(mpd.Periods); i++ {
				require.Greater(t, mpd.Periods[i].Start, mpd.Periods[i-1].Start)
				require.Zero(t, mpd.Periods[i-1].Duration, "until the next one starts")
			}
		})
	}
}

// A number that was logged is never used again, whether its media is there or not: players would take what follows for what they have.
// Nor do decode times go back.
func TestLoggedNumbersAreNotUsedAgain(t *testing.T) {
	const logged = 6
	for name, lost := range map[string]string{"nothing": "none", "everything": "*", "initialization segments": "*/*init*", "what is newest": "*.tmp"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			_, e, enc := b.epoch("cam")
			b.run(e, enc, logged-1)
			for _, r := range ladder {
				enc.fragments(r.Rep, 3)
			}
			b.take(e, "")
			require.Contains(t, b.body("/live/cam/180p.m3u8"), fmt.Sprintf(`URI="%s/180p-%d.0.m4s"`, e.Name(), logged))
			files, err := filepath.Glob(filepath.Join(e.Dir(), lost))
			require.NoError(t, err)
			require.Equal(t, lost != "none", len(files) > 0)
			for _, file := range files {
				require.NoError(t, os.RemoveAll(file))
			}
			b.clock.Advance(3 * time.Second)
			for range 2 {
				b.restart()
			}
			_, second, enc := b.epoch("cam")
			require.Greater(t, second.Offset(), 10*time.Second)
			b.run(second, enc, 1)
			for _, id := range []string{"180p", "audio"} {
				p, body := b.playlist("/live/cam/" + id + ".m3u8")
				segments := p.GetAllSegments()
				last := segments[len(segments)-1]
				require.Equal(t, fmt.Sprintf("%s/%s-%d.m4s", second.Name(), id, logged+1), last.URI, body)
				require.EqualValues(t, logged+1, p.SeqNo+uint64(len(segments))-1)
				require.Contains(t, body, "#EXT-X-DISCONTINUITY")
			}
			m, _ := b.manifest("/live/cam/manifest.mpd")
			require.Equal(t, "2026-11-20T19:45:00Z", string(m.AvailabilityStartTime), "unmoved")
		})
	}
}
