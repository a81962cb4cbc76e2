package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
)

// wire is one keep-alive connection of HTTP/1.1 that understands no more than it is sent: a thousand viewers made of
// http.Client would measure themselves.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	tail string // of the request, after its path
	body []byte // of the last answer
}

// dialWire connects to a URL without a path. It sends more as header lines, each with its CRLF.
func dialWire(base, more string) (*wire, error) {
	host := strings.TrimPrefix(base, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, in: bufio.NewReader(conn), tail: " HTTP/1.1\r\nHost: " + host + "\r\n" + more + "\r\n"}, nil
}

// get asks for a path and reads the answer into body. As pieces of it come, it tells how many bytes are there.
func (w *wire) get(path string, arrived func(size int)) (status int, err error) {
	if _, err := io.WriteString(w.conn, "GET "+path+w.tail); err != nil {
		return 0, err
	}
	status, length, err := w.readHeader()
	w.body = w.body[:0]
	switch {
	case err != nil:
		return 0, err
	case length < 0:
		err = w.readPieces(httputil.NewChunkedReader(w.in), arrived)
		if err == nil {
			_, err = w.in.ReadSlice('\n') // after the last chunk
		}
	default:
		err = w.readPieces(io.LimitReader(w.in, length), arrived)
		if err == nil && int64(len(w.body)) < length {
			err = io.ErrUnexpectedEOF
		}
	}
	return status, err
}

// readHeader finds the status and how long the body is; -1 is in chunks.
func (w *wire) readHeader() (status int, length int64, err error) {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscanf(string(line), "HTTP/1.1 %d", &status); err != nil {
		return 0, 0, fmt.Errorf("status line %q: %w", line, err)
	}
	length = -1
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil || len(line) == len("\r\n") {
			return status, length, err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		}
	}
}

func (w *wire) readPieces(from io.Reader, arrived func(size int)) error {
	for {
		if len(w.body) == cap(w.body) {
			w.body = append(w.body, make([]byte, max(4096, cap(w.body)))...)[:len(w.body)]
		}
		n, err := from.Read(w.body[len(w.body):cap(w.body)])
		w.body = w.body[:len(w.body)+n]
		if n > 0 && arrived != nil {
			arrived(len(w.body))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// statuses counts answers by their status.
type statuses map[int]int

func (s statuses) add(more statuses) {
	for status, n := range more {
		s[status] += n
	}
}

// faulty counts those that are not 200.
func (s statuses) faulty() (n int) {
	for status, count := range s {
		if status != http.StatusOK {
			n += count
		}
	}
	return n
}
