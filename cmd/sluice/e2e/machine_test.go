package e2e

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// What a test costs, in quarters of a core.
const (
	light = 1 // a service that encodes a small picture of a clip
	paged = 3 // a page in a browser besides
	heavy = 4 // several pages, or one that encodes
)

// machine is what tests that run beside each other share: each waits until there is room for what it costs. Those that cost
// most begin first.
type machine struct {
	mu      sync.Mutex
	free    int // quarters of a core
	waiting []*turn
}

// turn is one test's.
type turn struct {
	cost  int
	begun chan struct{}
}

var shared = &machine{free: 4 * runtime.GOMAXPROCS(0)}

// alongside has the test run beside others as soon as the machine has room for it. A test that waits for parts of its own which
// run so must not do so itself.
func alongside(t *testing.T, cost int) {
	t.Helper()
	own := shared.queue(cost) // those that go.test lets begin at the same time are all in the queue before
	t.Parallel()
	shared.next(0)
	<-own.begun
	t.Attr("begun", "") // scripts/testreport counts from here on
	t.Cleanup(func() { shared.next(cost) })
}

func (m *machine) queue(cost int) *turn {
	own := &turn{min(cost, 4*runtime.GOMAXPROCS(0)), make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, own)
	slices.SortStableFunc(m.waiting, func(a, b *turn) int { return cmp.Compare(b.cost, a.cost) })
	return own
}

// next takes back what a test has left and lets begin whom there is room for.
func (m *machine) next(freed int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free += freed
	m.waiting = slices.DeleteFunc(m.waiting, func(own *turn) bool {
		fits := own.cost <= m.free
		if fits {
			m.free -= own.cost
			close(own.begun)
		}
		return fits
	})
}
