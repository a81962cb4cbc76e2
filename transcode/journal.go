package transcode

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// maxJournal bounds what is written of ffmpeg's words as they come, in bytes; of what follows the last lines are added at the end.
const maxJournal = 64 << 10

// journal keeps in a file what ffmpeg was asked, what it said, and how it ended. A nil journal keeps nothing. It is used by
// one goroutine at a time. A disk that does not take it changes nothing for the run.
type journal struct {
	file *os.File
	size int // bytes written of what was said
	left int // lines not written
}

func newJournal(name string, argv []string) (*journal, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("keep what ffmpeg says: %w", err)
	}
	j := &journal{file: file}
	j.write(strings.Join(argv, " "))
	return j, nil
}

// write adds a line with the time.
func (j *journal) write(text string) {
	n, _ := fmt.Fprintf(j.file, "%s %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), text)
	j.size += n
}

// add takes a line of standard error.
func (j *journal) add(line []byte) {
	switch {
	case j == nil:
	case j.size >= maxJournal:
		j.left++
	default:
		j.write(string(line))
	}
}

// close adds the last lines, if not all were written, and the end.
func (j *journal) close(last *tail, result error) {
	if j == nil {
		return
	}
	if j.left > 0 {
		j.write(fmt.Sprintf("… %d lines more, at their end: %s", j.left, last))
	}
	if result == nil {
		j.write("ended")
	} else {
		j.write("ended: " + result.Error())
	}
	j.file.Close()
}
