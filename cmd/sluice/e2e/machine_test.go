package e2e

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// cost is what a test takes of the machine, as measured: its CPU seconds, with those of its services, their encoders and the
// browser, by those that it lasts when it has the machine to itself.
type cost struct {
	quarters int  // of a core
	long     bool // it lasts half a minute or more
}

var (
	light = cost{quarters: 1} // a service that encodes a small picture of a clip
	paged = cost{quarters: 2} // a page in a browser, or a service that has more to do
	busy  = cost{quarters: 3} // pages that play what a clip's encoder makes
	heavy = cost{quarters: 4} // pages that play and publish, and an encoder that has to keep up with them
	whole = cost{quarters: 6} // as many pages as the machine bears
)

// atLength is of a test that lasts half a minute or more.
func atLength(c cost) cost { return cost{c.quarters, true} }

// machine is what tests that run beside each other share: each waits until there is room for what it costs. The long ones begin
// first, as one that began late would have the machine to itself in the end; of those and of the others those that cost most, so that cheap
// ones fill what is left beside them. No more begin than the machine has room for by what they cost: of that they use two thirds on average,
// but encoders that fall behind drop pictures, which most tests do not expect.
type machine struct {
	mu      sync.Mutex
	free    int // quarters of a core
	waiting []*turn
}

// turn is one test's.
type turn struct {
	cost
	begun chan struct{}
}

var shared = &machine{free: quarters()}

// quarters is how many of a core there are to share: one in nine may be used twice.
func quarters() int { return 9 * runtime.GOMAXPROCS(0) / 2 }

// alongside has the test run beside others as soon as the machine has room for it. A test that waits for parts of its own which
// run so must not do so itself.
func alongside(t *testing.T, c cost) {
	t.Helper()
	own := shared.queue(c) // those that go.test lets begin at the same time are all in the queue before
	t.Parallel()
	shared.next(0)
	<-own.begun
	t.Attr("begun", "") // scripts/testreport counts from here on
	t.Cleanup(func() { shared.next(own.quarters) })
}

func (m *machine) queue(c cost) *turn {
	c.quarters = min(c.quarters, quarters())
	own := &turn{c, make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, own)
	slices.SortStableFunc(m.waiting, func(a, b *turn) int { return cmp.Compare(b.rank(), a.rank()) })
	return own
}

// rank is greater for those that begin before others.
func (c cost) rank() int {
	if c.long {
		return c.quarters + quarters()
	}
	return c.quarters
}

// next takes back what a test has left and lets begin whom there is room for.
func (m *machine) next(freed int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free += freed
	m.waiting = slices.DeleteFunc(m.waiting, func(own *turn) bool {
		fits := own.quarters <= m.free
		if fits {
			m.free -= own.quarters
			close(own.begun)
		}
		return fits
	})
}
