package recording

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-live/sluice/packager/disk"
)

const (
	clockFile = ".clock" // when the service was last seen running; see age
	maxClock  = 64 << 10 // bytes of it

	// maxAway is the longest time that counts of one during which the service did not run.
	maxAway = 24 * time.Hour
	// maxJumps bounds those that are remembered; the oldest are forgotten first.
	maxJumps = 64
)

// earliest is before any time that a clock can show which has been set.
var earliest = time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)

// age measures how old recordings are, for their retention. A clock that is wrong at a start must not delete them: of the time between
// two runs of the service a day counts at most, whatever the clock says. While the service runs its clock is the monotonic one.
type age struct {
	Seen  time.Time `json:"seen"`            // when the service was last seen running
	Jumps []jump    `json:"jumps,omitempty"` // oldest first
}

// jump is a time that does not count for what was recorded before.
type jump struct {
	Before time.Time     `json:"before"` // when the service was last seen before it
	After  time.Time     `json:"after"`  // what the clock said then
	By     time.Duration `json:"by"`     // ns that do not count
}

// loadAge reads what an earlier process has left. Without that, the newest recording says when the service was seen last.
func (s *Store) loadAge() (a age) {
	b, err := disk.ReadBounded(filepath.Join(s.opts.Dir, clockFile), maxClock)
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.opts.Logger.Warn("the time at which the service was last seen cannot be read; that of the newest recording takes its place", "error", err)
		a = age{}
	}
	if a.Seen.IsZero() {
		for _, dir := range s.dirs() {
			if info, err := readInfo(dir); err == nil {
				a.Seen = latest(a.Seen, info.Started, info.Ended)
			}
		}
	}
	return a
}

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// begin notes the jump that a start may be. It reports whether there was one, whose time does not count.
func (a *age) begin(now time.Time) (jumped bool) {
	a.Jumps = slices.DeleteFunc(a.Jumps, func(j jump) bool { return j.After.After(now) }) // the clock has been put right
	if away := now.Sub(a.Seen); !a.Seen.IsZero() && away > maxAway {
		a.Jumps = append(a.Jumps, jump{Before: a.Seen, After: now, By: away - maxAway})
		a.Jumps = a.Jumps[max(0, len(a.Jumps)-maxJumps):]
		jumped = true
	}
	return jumped
}

// see notes that the service runs. A clock that has not been set says nothing.
func (a *age) see(now time.Time) bool {
	if now.Before(earliest) {
		return false
	}
	a.Seen = now.UTC().Truncate(time.Second)
	return true
}

// of is the age of what ended then.
func (a *age) of(ended, now time.Time) time.Duration {
	old := now.Sub(ended)
	for _, j := range a.Jumps {
		if !ended.After(j.Before) {
			old -= j.By
		}
	}
	return old
}

// seen renews the age's clock, and writes it down.
func (s *Store) seen() {
	now := s.opts.Wall()
	if s.age == nil {
		a := s.loadAge()
		if s.age = &a; a.begin(now) && s.opts.Keep > 0 {
			s.opts.Logger.Warn("the clock is far ahead of when the service was last seen: of the time between only a day counts for record.keep",
				"seen", a.Seen, "now", now)
		}
	}
	if !s.age.see(now) {
		return
	}
	b, err := json.Marshal(s.age)
	if err == nil {
		err = disk.WriteFile(s.opts.Files, filepath.Join(s.opts.Dir, clockFile), false, b)
	}
	if err != nil && !s.unseen {
		s.opts.Logger.Warn("when the service was last seen could not be written", "error", err)
	}
	s.unseen = err != nil
}
