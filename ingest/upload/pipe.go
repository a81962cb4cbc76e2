package upload

import (
	"errors"
	"io"
	"sync"
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

// pipe hands the pieces of a recording to its reader, in order.
type pipe struct {
	mu     sync.Mutex
	pieces [][]byte // nil: a hole
	size   int
	err    error         // what Read ends with
	filled chan struct{} // receives when there is something to read
	freed  chan struct{} // receives when something has been read
}

func newPipe() *pipe {
	return &pipe{filled: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
}

// write appends a piece, which it keeps. Errors: errFull, or what the pipe was closed with.
func (p *pipe) write(piece []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return p.err
	case len(piece) == 0:
		return nil
	case p.size > 0 && (p.size+len(piece) > uploadBuffer || len(p.pieces) >= uploadPieces):
		return errFull
	}
	p.add(piece)
	return nil
}

// add appends a piece, however many there are. The caller holds mu.
func (p *pipe) add(piece []byte) {
	p.pieces = append(p.pieces, piece)
	p.size += len(piece)
	wake(p.filled)
}

// writeWhenFree is write that waits for its turn. It is called by one goroutine.
func (p *pipe) writeWhenFree(piece []byte) error {
	for {
		if err := p.write(piece); !errors.Is(err, errFull) {
			return err
		}
		<-p.freed
	}
}

// append appends what has been waiting for the piece before it, for which there has been room elsewhere.
func (p *pipe) append(piece []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(piece) > 0 {
		p.add(piece)
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
	switch {
	case len(p.pieces) == 0:
		return 0, p.err
	case p.pieces[0] == nil:
		p.pieces = p.pieces[1:]
		return 0, errHole
	}
	n = copy(b, p.pieces[0])
	p.size -= n
	if p.pieces[0] = p.pieces[0][n:]; len(p.pieces[0]) == 0 {
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

var _ io.Reader = (*pipe)(nil)

// wake wakes who waits for c, or will.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
