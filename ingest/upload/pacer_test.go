package upload

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// simulation plays a recording: its frames are read when they have come and the one before has been passed on.
type simulation struct {
	pacer   pacer
	began   time.Time
	now     time.Time
	starved time.Time
	newest  *time.Duration
}

func newSimulation() *simulation {
	began := time.Now()
	return &simulation{began: began, now: began}
}

// frame plays a frame that came an offset after the beginning, and returns its time on our clock and by how much after the beginning it was passed on.
func (s *simulation) frame(came, stamp time.Duration) (at, played time.Duration, late bool) {
	arrived := s.began.Add(came)
	if arrived.After(s.now) {
		s.now, s.starved = arrived, arrived
	}
	at, due, late := s.pacer.place(sighting{now: s.now, came: arrived, live: s.now.Sub(s.starved) < liveWithin, stamp: stamp, newest: s.newest})
	if late {
		return at, 0, true
	}
	if due.After(s.now) {
		s.now = due
	}
	if s.newest == nil || at > *s.newest {
		s.newest = &at
	}
	return at, s.now.Sub(s.began), false
}

const frame = 100 * time.Millisecond

// Pieces of a second come when they are whole: each frame leaves a second after it was taken.
func TestUploadPace(t *testing.T) {
	began := time.Now()
	p := &pacer{}
	for piece := range 60 {
		for i := range 10 {
			stamp := time.Duration(piece)*time.Second + time.Duration(i)*frame
			now := began.Add(time.Duration(piece+1) * time.Second)
			at, due, late := p.place(sighting{now: now, came: now, live: true, stamp: stamp})
			require.False(t, late)
			require.Equal(t, stamp, at)
			require.Equal(t, began.Add(stamp+time.Second), due, "piece %d, frame %d", piece, i)
		}
	}
}

// A piece that is late makes all that follows later, until that is forgotten.
func TestUploadPaceOfLatePiece(t *testing.T) {
	began := time.Now()
	p := &pacer{}
	for i := range 1000 {
		stamp := time.Duration(i) * frame
		came := began.Add(stamp)
		if i == 50 {
			came = came.Add(2 * time.Second)
		}
		_, due, late := p.place(sighting{now: came, came: came, live: true, stamp: stamp})
		require.False(t, late)
		want := began.Add(stamp)
		if i >= 50 && i < 50+300 {
			want = want.Add(2 * time.Second)
		}
		if i < 50+150 || i > 50+320 {
			require.Equal(t, want, due, "frame %d", i)
		}
	}
}

// A recorder that pauses does not count the pause: what comes after it is passed on at once, all of it, and later on our clock by the pause.
func TestUploadPaceAfterPause(t *testing.T) {
	s := newSimulation()
	paused := time.Duration(0)
	for i := range 3000 {
		switch i {
		case 100, 400, 1000, 1010:
			paused += 8 * time.Second
		}
		stamp := time.Duration(i) * frame
		at, played, late := s.frame(stamp+paused, stamp)
		require.False(t, late, "frame %d", i)
		require.Equal(t, stamp+paused, played, "frame %d", i)
		require.Equal(t, played, at, "frame %d", i)
	}
}

// Time stamps that jump, forwards or back, change nothing of what is passed on.
func TestUploadPaceOfJumps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for name, jump := range map[string]time.Duration{
		"forwards": time.Hour, "back": -time.Hour, "back a little": -2 * time.Second, "far": 30 * year, "far back": -30 * year,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulation()
			previous := -frame
			for i := range 1000 {
				came := time.Duration(i) * frame
				stamp := came
				if i >= 100 && i < 500 {
					stamp += jump
				}
				at, played, late := s.frame(came, stamp)
				require.False(t, late, "frame %d", i)
				require.Less(t, (played - came).Abs(), 3*time.Second, "frame %d", i)
				require.GreaterOrEqual(t, at, previous-frame, "frame %d", i)
				require.Less(t, (at - played).Abs(), 5*time.Second, "frame %d", i)
				previous = at
			}
		})
	}
}

// What comes after the network stood still is dropped up to what is new enough.
func TestUploadPaceDropsWhatIsTooLate(t *testing.T) {
	const hole = 20 * time.Second
	s := newSimulation()
	dropped, last := 0, time.Duration(0)
	for stamp := time.Duration(0); stamp <= 2*time.Minute; stamp += frame {
		came := stamp
		if stamp > 10*time.Second && stamp < 10*time.Second+hole {
			came = 10*time.Second + hole
		}
		_, played, late := s.frame(came, stamp)
		if late {
			dropped++
			continue
		}
		last = played - stamp
	}
	require.InDelta(t, 150, dropped, 10)
	require.LessOrEqual(t, last, uploadLate+frame, "how late it is in the end")
}

// A recording that lies here already is played at its own pace, with its holes, but for those that nobody would wait for.
func TestUploadPaceOfFile(t *testing.T) {
	s := newSimulation()
	stamp, want := time.Duration(0), time.Duration(0)
	for i := range 500 {
		step := frame
		switch i {
		case 100:
			step = 20 * time.Second
		case 300:
			step = time.Hour
		}
		stamp += step
		if step != time.Hour {
			want += step
		}
		if i == 0 {
			stamp, want = 0, 0
		}
		_, played, late := s.frame(0, stamp)
		require.False(t, late)
		require.InDelta(t, want, played, float64(2*frame), "frame %d", i)
	}
}

// Clocks that differ by 200 ppm for a day neither drop anything nor add to the delay.
func TestUploadPaceOfOtherClocks(t *testing.T) {
	for _, drift := range []float64{1 - 200e-6, 1 + 200e-6} {
		began := time.Now()
		p := &pacer{}
		for i := range 24 * 3600 {
			stamp := time.Duration(i) * time.Second
			came := began.Add(time.Duration(float64(stamp) * drift))
			_, due, late := p.place(sighting{now: came, came: came, live: true, stamp: stamp})
			require.False(t, late)
			require.Less(t, due.Sub(came).Abs(), 20*time.Millisecond, "after %v", stamp)
		}
	}
}

// Whatever time stamps are, no frame waits for longer than a minute, and time goes on.
func FuzzPacer(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 200, 3, 0, 255, 127, 9})
	f.Fuzz(func(t *testing.T, steps []byte) {
		s := newSimulation()
		came, stamp := time.Duration(0), time.Duration(0)
		steps = steps[:min(len(steps), 256)]
		for ; len(steps) > 1; steps = steps[2:] {
			came += time.Duration(steps[0]) * frame
			switch step := time.Duration(int8(steps[1])); {
			case step == 127:
				stamp = math.MaxInt64
			case step == -128:
				stamp = math.MinInt64
			case stamp > -maxStamp && stamp < maxStamp:
				stamp += step * step * step * frame
			default:
				stamp = 0
			}
			before := s.now
			if arrived := s.began.Add(came); arrived.After(before) {
				before = arrived
			}
			_, _, _ = s.frame(came, stamp)
			if waited := s.now.Sub(before); waited > longestWait+uploadLate {
				t.Fatalf("a frame waited for %v", waited)
			}
		}
	})
}
