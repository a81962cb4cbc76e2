package mediatest

// Endless reads one piece over and over.
type Endless struct {
	Piece []byte
	at    int
}

// Read implements io.Reader.
func (e *Endless) Read(b []byte) (int, error) {
	n := copy(b, e.Piece[e.at:])
	e.at = (e.at + n) % len(e.Piece)
	return n, nil
}
