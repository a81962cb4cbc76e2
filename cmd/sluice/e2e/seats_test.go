package e2e

import (
	"sync"
	"time"
)

// seat is where one or more players watch a stream: a page of a browser, or a program. A player that cannot be opened, or has
// ended, fails no test: it shows no pictures.
type seat interface {
	// lacks says what this machine has not of what the players need; empty for nothing.
	lacks() string
	// open has all players begin anew with the stream whose address below the service ends with a file of the player's own.
	open(stream string)
	// read is what each player shows, in the same order each time, and reset has it counted anew.
	read() []habitual
	reset()
	// hide puts the page behind others, or before them again; it reports false where there is nothing to hide.
	hide(hidden bool) bool
	// close ends the players.
	close()
}

// shown counts what a player shows, from any goroutine.
type shown struct {
	mu      sync.Mutex
	frames  int
	since   time.Time // of the newest
	longest time.Duration
}

// show counts so many new pictures.
func (s *shown) show(more int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest = max(s.longest, time.Since(s.since))
	s.since = time.Now()
	s.frames += more
}

func (s *shown) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames, s.since, s.longest = 0, time.Now(), 0
}

func (s *shown) read(name string) habitual {
	s.mu.Lock()
	defer s.mu.Unlock()
	still := time.Since(s.since)
	return habitual{Name: name, Frames: s.frames, Still: still.Seconds(), Longest: max(s.longest, still).Seconds()}
}
