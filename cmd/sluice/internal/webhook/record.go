package webhook

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
)

// maxLine is the longest line of a journal, in bytes: a message, and what is around it.
const maxLine = maxBody + 4<<10

// record is a line of a journal: the checksum (CRC-32 of IEEE 802.3, as eight hexadecimal digits) of what follows, and that as JSON.
type record struct {
	Add  *message `json:"add,omitempty"`  // it is in the queue
	Done string   `json:"done,omitempty"` // id of a message that is in it no more
}

// checksum is how many bytes of a line are before its JSON.
const checksum = 8 + 1

// append adds the line.
func (r record) append(to []byte) []byte {
	text, err := json.Marshal(r)
	if err != nil {
		return to // a message is valid JSON, or it would not be one
	}
	return append(append(fmt.Appendf(to, "%08x ", crc32.ChecksumIEEE(text)), text...), '\n')
}

// parseRecord reads a line without its end.
func parseRecord(line []byte) (r record, ok bool) {
	if len(line) <= checksum {
		return r, false
	}
	text := line[checksum:]
	if fmt.Sprintf("%08x ", crc32.ChecksumIEEE(text)) != string(line[:checksum]) || json.Unmarshal(text, &r) != nil {
		return r, false
	}
	return r, (r.Add != nil) != (r.Done != "") && (r.Add == nil || r.Add.valid())
}

// readJournal returns what an earlier process has left in the queue, oldest first, and how many lines are damaged. There may be no file.
func readJournal(name string) (left []*message, damaged int, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the events for a webhook: %w", err)
	}
	defer f.Close()
	left, damaged = readRecords(f)
	return left, damaged, nil
}

// readRecords reads a journal, as far as that goes. Lines that are damaged, or longer than any that is written, are left out and counted.
func readRecords(from io.Reader) (left []*message, damaged int) {
	in := bufio.NewReaderSize(from, maxLine)
	q := replay{open: map[string]*message{}}
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case err == nil:
			if !q.apply(line[:len(line)-1]) {
				damaged++
			}
		case errors.Is(err, bufio.ErrBufferFull):
			damaged++
			err = skipLine(in)
		case len(line) > 0:
			damaged++ // the process ended in its middle
		}
		if err != nil {
			return q.left(), damaged
		}
	}
}

// replay is what the records so far have left in the queue.
type replay struct {
	all  []*message // also some that are in it no more
	open map[string]*message
}

// apply reads a line, and reports whether it can be read.
func (q *replay) apply(line []byte) bool {
	r, ok := parseRecord(line)
	switch {
	case !ok:
		return false
	case r.Add == nil:
		delete(q.open, r.Done)
	case q.open[r.Add.ID] == nil:
		q.open[r.Add.ID] = r.Add
		if q.all = append(q.all, r.Add); len(q.all) > 2*maxQueued {
			q.all = q.left()
		}
	}
	return true
}

// left are the messages that are still in the queue, the newest as many as it may hold.
func (q *replay) left() (left []*message) {
	for _, m := range q.all {
		if q.open[m.ID] == m {
			left = append(left, m)
		}
	}
	for len(left) > maxQueued {
		delete(q.open, left[0].ID)
		left = left[1:]
	}
	return left
}

// skipLine reads up to the end of a line. The error is that of the reader.
func skipLine(in *bufio.Reader) error {
	for {
		if _, err := in.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
