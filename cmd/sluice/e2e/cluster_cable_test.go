package e2e

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// cable is a way to an address over TCP. While it is cut nothing comes through, in one direction or in both, and nobody is told.
type cable struct {
	address            string // host:port of its near end
	to                 string // its far end
	outbound, answered gate
}

// gate is shut for a while.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // nil: it is open
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case shut && g.open == nil:
		g.open = make(chan struct{})
	case !shut && g.open != nil:
		close(g.open)
		g.open = nil
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open != nil {
		<-open
	}
}

// newCable makes one that is there until the end of the test.
func newCable(t testing.TB, to string) *cable {
	t.Helper()
	w := &cable{address: freeAddress(t), to: to}
	listener, err := net.Listen("tcp", w.address)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = listener.Close()
		w.cut(false, false)
	})
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go w.join(near)
		}
	}()
	return w
}

// cut has what is sent, or what is answered, not come through from now on.
func (w *cable) cut(sent, answered bool) {
	w.outbound.set(sent)
	w.answered.set(answered)
}

func (w *cable) join(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer far.Close()
	ended := make(chan struct{}, 2)
	carry := func(to, from net.Conn, g *gate) {
		_, _ = io.Copy(gated{to, g}, from)
		ended <- struct{}{}
	}
	go carry(far, near, &w.outbound)
	go carry(near, far, &w.answered)
	<-ended
}

// gated writes while a gate is open.
type gated struct {
	net.Conn
	*gate
}

func (g gated) Write(b []byte) (int, error) {
	g.pass()
	return g.Conn.Write(b)
}
