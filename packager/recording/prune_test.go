package recording

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const day = 24 * time.Hour

// TestFloodDeletesItsOwn: a stream that fills the space for recordings loses its own, the oldest first, and never those of others.
func TestFloodDeletesItsOwn(t *testing.T) {
	for name, limit := range map[string]func(o *Options, s *shelf){
		"max-bytes": func(o *Options, _ *shelf) { o.MaxBytes = 1 << 20 },
		"min-free": func(o *Options, s *shelf) {
			o.MinFree = 17 << 20
			o.Free = func(string) int64 { return 18<<20 - s.used() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, nil)
			limit(&s.opts, s)
			s.restart()
			first := s.record("quiet", 1, 100<<10)
			for range 5 {
				s.record("flood", 1, 300<<10)
				s.Retain()
			}
			second := s.record("quiet", 1, 100<<10)
			s.Retain()
			require.DirExists(t, first.Dir())
			require.DirExists(t, second.Dir())
			left := s.left()
			require.Len(t, left, 4, "two of each")
			require.LessOrEqual(t, s.used(), int64(1<<20))
		})
	}
}

// TestRunningFloodStops: so it is with a recording that still runs, which stops; the broadcast goes on in another.
func TestRunningFloodStops(t *testing.T) {
	s := newShelf(t, func(o *Options) { o.MaxBytes = 1 << 20 })
	quiet := s.record("quiet", 1, 500<<10)
	flood, err := s.Begin("flood")
	require.NoError(t, err)
	source, err := flood.CreateSource("webm")
	require.NoError(t, err)
	_, err = source.Write(make([]byte, 700<<10))
	require.NoError(t, err)
	s.Retain()
	require.True(t, flood.Over())
	require.Equal(t, StateFailed, flood.Info().State)
	require.Contains(t, flood.Info().Error, "more bytes than allowed: flood takes most")
	s.Keep()
	s.Retain()
	require.DirExists(t, quiet.Dir())
	require.NoDirExists(t, flood.Dir())
	require.NoError(t, source.Close())
}

// TestLongRecordingStaysAlone: where nobody else's recordings are in danger the one that runs goes on.
func TestLongRecordingStaysAlone(t *testing.T) {
	s := newShelf(t, func(o *Options) { o.MaxBytes = 1 << 20 })
	older := s.record("cam", 1, 100<<10)
	r, err := s.Begin("cam")
	require.NoError(t, err)
	source, err := r.CreateSource("webm")
	require.NoError(t, err)
	_, err = source.Write(make([]byte, 2<<20))
	require.NoError(t, err)
	s.Retain()
	require.False(t, r.Over())
	require.NoDirExists(t, older.Dir())
	require.NoError(t, source.Close())
}

// used is what all recordings take.
func (s *shelf) used() (sum int64) {
	for _, dir := range s.dirs() {
		info, _ := readInfo(dir)
		sum += info.Bytes
	}
	return sum
}

// TestKeepWithAClockThatIsWrong starts the service with clocks that jump: no recording goes that the service has not known for that long,
// but for a day of each pause.
func TestKeepWithAClockThatIsWrong(t *testing.T) {
	const keep = 7 * day
	type step struct {
		name  string
		start time.Duration // by how much the clock is ahead of that of the step before at the start
		runs  time.Duration // how long the service runs then
		left  int           // recordings, of two at the beginning
	}
	for name, steps := range map[string][]step{
		"as it should be":            {{"a day later", day, time.Hour, 2}, {"six days later", 12 * time.Hour, 6 * day, 0}},
		"a year ahead":               {{"ahead", 365 * day, time.Hour, 2}, {"put right", -365*day + time.Hour, time.Hour, 2}, {"seven days", 0, 7 * day, 0}},
		"a year ahead, and stays":    {{"ahead", 365 * day, 5 * day, 2}, {"two days", 0, 2 * day, 0}},
		"a year ahead twice":         {{"ahead", 365 * day, time.Hour, 2}, {"again", 365 * day, 4 * day, 2}, {"a day", 0, 2 * day, 0}},
		"not set":                    {{"1970", -57 * 365 * day, day, 2}, {"set", 57*365*day + 2*day, time.Hour, 2}},
		"not set, then a year ahead": {{"1970", -57 * 365 * day, day, 2}, {"set wrongly", 58 * 365 * day, time.Hour, 2}},
		"off for a month":            {{"later", 30 * day, 5 * day, 2}, {"running", 0, 2 * day, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, func(o *Options) { o.Keep = keep })
			for range 2 {
				s.record("cam", 1, 100)
				s.Retain()
			}
			for _, step := range steps {
				s.now = s.now.Add(step.start)
				s.restart()
				for end := s.now.Add(step.runs); s.now.Before(end); s.now = s.now.Add(time.Hour) {
					s.Retain()
				}
				require.Len(t, s.left(), step.left, step.name)
			}
		})
	}
}

// TestKeepAfterAnUpdate has no word of when the service was last seen: the newest recording says that, and so it does when the file is
// damaged.
func TestKeepAfterAnUpdate(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, file string){
		"an earlier version": func(t *testing.T, file string) { require.NoError(t, os.Remove(file)) },
		"damaged":            func(t *testing.T, file string) { require.NoError(t, os.WriteFile(file, []byte("x"), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, func(o *Options) { o.Keep = 7 * day })
			s.record("cam", 1, 100)
			s.Retain()
			change(t, filepath.Join(s.opts.Dir, clockFile))
			s.now = s.now.Add(365 * day)
			s.restart()
			s.Retain()
			require.Len(t, s.left(), 1)
			newer := s.record("cam", 1, 100)
			s.now = s.now.Add(6*day + time.Hour)
			s.Retain()
			require.Equal(t, []string{"cam/" + newer.Info().Name}, s.left(), "what was recorded since has the age that it seems to have")
		})
	}
}
