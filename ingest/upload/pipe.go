package upload

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// What of a recording waits for its time at most; a writer waits when there is more.
const (
	uploadBuffer = 8 << 20 // bytes: some ten seconds of 6 Mbit/s
	uploadPieces = 4096    // each takes memory beside its bytes
)

var (
	// errHole stands where bytes of a recording are missing.
	errHole = errors.New("bytes are missing")
	// errInterrupted ends the reading of what nobody waits for any more.
	errInterrupted = errors.New("the upload has been ended")
	// errFull says that a recording comes faster than it was recorded.
	errFull = errors.New("the buffer is full")
)

// piece is a part of a recording.
type piece struct {
	data []byte // nil: a hole
	size int    // bytes that are reserved for it
	came time.Time
}

// pipe hands the pieces of a recording to its reader, in order. It gives back what was reserved for them as they are read.
type pipe struct {
	budget *budget

	mu      sync.Mutex
	pieces  []piece
	size    int           // bytes that have not been read
	err     error         // what Read ends with
	dropped bool          // nothing is kept any more
	filled  chan struct{} // receives when there is something to read
	freed   chan struct{} // receives when something has been read
	came    time.Time     // when the piece came that was read last
	starved time.Time     // when the reader last had to wait
}

func newPipe(b *budget) *pipe {
	return &pipe{budget: b, filled: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
}

// write appends a piece whose bytes are reserved, and keeps it, unless there is an error: errFull, or what the pipe was closed with.
func (p *pipe) write(data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return p.err
	case len(data) == 0:
		return nil
	case p.size > 0 && (p.size+len(data) > uploadBuffer || len(p.pieces) >= uploadPieces):
		return errFull
	}
	p.add(data)
	return nil
}

// add appends a piece, however many there are. The caller holds mu.
func (p *pipe) add(data []byte) {
	if p.dropped {
		p.budget.release(len(data))
		return
	}
	p.pieces = append(p.pieces, piece{data, len(data), time.Now()})
	p.size += len(data)
	wake(p.filled)
}

// writeWhenFree is write that waits for its turn, and for room among all uploads: it reserves. It is called by one goroutine.
func (p *pipe) writeWhenFree(data []byte) error {
	if err := p.reserve(len(data)); err != nil {
		return err
	}
	for {
		err := p.write(data)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errFull) {
			p.budget.release(len(data))
			return err
		}
		<-p.freed
	}
}

// reserve waits until so many bytes may be held.
func (p *pipe) reserve(n int) error {
	if p.budget.reserve(n) {
		return nil
	}
	poll := time.NewTicker(budgetPoll)
	defer poll.Stop()
	for !p.budget.reserve(n) {
		<-poll.C
		if err := p.closed(); err != nil {
			return err
		}
	}
	return nil
}

func (p *pipe) closed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// append appends what has been waiting for the piece before it, for which there has been room elsewhere.
func (p *pipe) append(data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(data) > 0 {
		p.add(data)
	}
}

// skip notes that a piece is missing.
func (p *pipe) skip() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(nil)
}

// close makes Read end with err once all has been read; io.EOF is the regular end. The first error counts.
func (p *pipe) close(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end(err)
}

// drop is close that forgets at once what has not been read.
func (p *pipe) drop(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, piece := range p.pieces {
		p.budget.release(piece.size)
	}
	p.pieces, p.size, p.dropped = nil, 0, true
	p.end(err)
}

// end is close. The caller holds mu.
func (p *pipe) end(err error) {
	if p.err == nil {
		p.err = err
	}
	wake(p.filled)
	wake(p.freed)
}

// Read implements io.Reader. Where a piece is missing it returns errHole, and goes on behind it.
func (p *pipe) Read(b []byte) (int, error) {
	for {
		if n, err := p.readPiece(b); n > 0 || err != nil {
			return n, err
		}
		<-p.filled
	}
}

func (p *pipe) readPiece(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pieces) == 0 {
		p.starved = time.Now()
		return 0, p.err
	}
	first := &p.pieces[0]
	if first.data == nil {
		p.pieces = p.pieces[1:]
		return 0, errHole
	}
	n = copy(b, first.data)
	p.size, p.came = p.size-n, first.came
	if first.data = first.data[n:]; len(first.data) == 0 {
		p.budget.release(first.size)
		first.data = nil // which the slice beneath keeps
		p.pieces = p.pieces[1:]
	}
	wake(p.freed)
	return n, nil
}

// buffered is how many bytes wait to be read.
func (p *pipe) buffered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size
}

// arrival returns when what was read last came, and when the reader last had to wait.
func (p *pipe) arrival() (came, starved time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.came, p.starved
}

var _ io.Reader = (*pipe)(nil)

// wake wakes who waits for c, or will.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}
