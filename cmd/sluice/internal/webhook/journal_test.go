package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/disk"
)

// written is a journal of so many messages, of which the first have been taken.
func written(t testing.TB, messages, taken int) (text []byte, ids []string) {
	for n := range messages {
		m, err := newMessage(event("cam", n))
		require.NoError(t, err)
		text, ids = record{Add: m}.append(text), append(ids, m.ID)
	}
	for _, id := range ids[:taken] {
		text = record{Done: id}.append(text)
	}
	return text, ids
}

func idsOf(messages []*message) (ids []string) {
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	return ids
}

// Of a journal that is damaged everything is read that is not.
func TestDamagedJournal(t *testing.T) {
	text, ids := written(t, 5, 2)
	lines := bytes.SplitAfter(text, []byte("\n"))
	flipped := bytes.Clone(text)
	flipped[len(lines[0])+len(lines[1])+len(lines[2])+60] ^= 1 // of the fourth
	for name, tc := range map[string]struct {
		text    []byte
		left    []string
		damaged int
	}{
		"whole":               {text, ids[2:], 0},
		"nothing":             {nil, nil, 0},
		"cut in its last":     {text[:len(text)-3], ids[1:], 1},
		"a bit has flipped":   {flipped, []string{ids[2], ids[4]}, 1},
		"zeros behind":        {append(bytes.Clone(text), make([]byte, 100_000)...), ids[2:], 1},
		"garbage between":     {append(append(bytes.Clone(lines[2]), strings.Repeat("x", 3*maxLine)+"\n\n{}\n"...), text...), ids[2:], 3},
		"the same again":      {append(bytes.Clone(lines[4]), text...), []string{ids[4], ids[2], ids[3]}, 0},
		"done without adding": {append(bytes.Join(lines[5:], nil), lines[0]...), ids[:1], 0},
	} {
		t.Run(name, func(t *testing.T) {
			left, damaged := readRecords(bytes.NewReader(tc.text))
			require.Equal(t, tc.left, idsOf(left))
			require.Equal(t, tc.damaged, damaged)
		})
	}
}

// A journal stays small however many events there have been, and one that is deleted is made again.
func TestJournalIsCompacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs, dir := newReceivers(t), t.TempDir()
		file := filepath.Join(dir, fileName(onlyURL))
		h, stop := start(t, rs.options(dir, onlyURL))
		defer stop()
		largest := int64(0)
		for n := range 3 * compactAfter {
			h.Tell(event("cam", n))
			synctest.Wait()
			info, err := os.Stat(file)
			require.NoError(t, err)
			largest = max(largest, info.Size())
		}
		one, _ := written(t, 1, 1)
		require.Less(t, largest, int64((compactAfter/2+10)*(len(one)+10)))
		require.NoError(t, os.RemoveAll(dir))
		rs.refuse(http.StatusInternalServerError)
		h.Tell(event("cam", 0))
		synctest.Wait()
		left, _, err := readJournal(file)
		require.NoError(t, err)
		require.Len(t, left, 1)
	})
}

// failingFS is a disk that can be written while it is not broken.
type failingFS struct {
	disk.OS
	broken atomic.Bool
}

var errDisk = errors.New("no space left on device")

func (f *failingFS) Temporary(dir string) (disk.File, error) {
	if f.broken.Load() {
		return nil, errDisk
	}
	return f.OS.Temporary(dir)
}

func (f *failingFS) Append(name string) (disk.File, error) {
	file, err := f.OS.Append(name)
	return &failingFile{file, f}, err
}

type failingFile struct {
	disk.File
	of *failingFS
}

// Write writes half of what it is given while the disk is broken.
func (f *failingFile) Write(b []byte) (int, error) {
	if f.of.broken.Load() {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, errDisk
	}
	return f.File.Write(b)
}

// A disk that is full keeps no event from being told. When it has space again, the journal has all that waits.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs, dir, files := newReceivers(t), t.TempDir(), &failingFS{}
		o := rs.options(dir, onlyURL)
		o.files = files
		h, stop := start(t, o)
		defer stop()
		h.Tell(event("cam", 0))
		synctest.Wait()
		files.broken.Store(true)
		for n := range 20 {
			h.Tell(event("cam", 1+n))
			synctest.Wait()
		}
		require.Equal(t, counts(21), rs.numbers("one.example.org", "cam"))
		require.True(t, h.States()[0].Unkept)
		rs.refuse(http.StatusInternalServerError)
		for i := range 3 {
			h.Tell(event(fmt.Sprint("cam", i), 0))
		}
		files.broken.Store(false)
		<-time.After(keepAgain + time.Second)
		require.False(t, h.States()[0].Unkept)
		left, damaged, err := readJournal(filepath.Join(dir, fileName(onlyURL)))
		require.NoError(t, err)
		require.Len(t, left, 3)
		require.Zero(t, damaged)
	})
}

// stuckFS is a disk on which a write does not return until it is let go.
type stuckFS struct {
	disk.OS
	free chan struct{}
}

func (f stuckFS) Append(name string) (disk.File, error) {
	file, err := f.OS.Append(name)
	return stuckFile{file, f.free}, err
}

type stuckFile struct {
	disk.File
	free chan struct{}
}

func (f stuckFile) Write(b []byte) (int, error) {
	<-f.free
	return f.File.Write(b)
}

// A disk that does not answer keeps no event from being told, and is written once it does.
func TestDiskDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs, dir, files := newReceivers(t), t.TempDir(), stuckFS{free: make(chan struct{})}
		o := rs.options(dir, onlyURL)
		o.files = files
		h, stop := start(t, o)
		defer stop()
		for n := range 20 {
			h.Tell(event("cam", n))
			synctest.Wait()
		}
		require.Equal(t, counts(20), rs.numbers("one.example.org", "cam"))
		rs.refuse(http.StatusInternalServerError)
		h.Tell(event("cam", 20))
		synctest.Wait()
		close(files.free)
		synctest.Wait()
		left, _, err := readJournal(filepath.Join(dir, fileName(onlyURL)))
		require.NoError(t, err)
		require.Len(t, left, 1)
	})
}

// A disk that stands still costs no memory: then the whole queue is written, instead of what has happened to it.
func TestPendingRecordsAreBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	left, err := newMessage(event("cam", 0))
	require.NoError(t, err)
	j := newJournal(disk.OS{}, file, slog.New(slog.DiscardHandler), func() []*message { return []*message{left} })
	for range 3 * maxPending {
		j.add(left)
		j.done(left.ID)
		require.LessOrEqual(t, len(j.pending), maxPending)
	}
	j.close()
	read, damaged, err := readJournal(file)
	require.NoError(t, err)
	require.Equal(t, []string{left.ID}, idsOf(read))
	require.Zero(t, damaged)
}

// A directory that cannot be made stops the start.
func TestNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := New(newReceivers(t).options(filepath.Join(file, "webhooks"), onlyURL))
	require.ErrorContains(t, err, "make the directory of webhooks")
}

// Whatever is in the file: what is read of it can be told, is there once, and reads the same from a journal of it.
func FuzzReadRecords(f *testing.F) {
	text, _ := written(f, 3, 1)
	f.Add(text)
	f.Add(text[5:])
	f.Add([]byte("00000000 {}\n\n12345678 x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, sealed := range [][]byte{text, seal(text)} {
			left, _ := readRecords(bytes.NewReader(sealed))
			seen := map[string]bool{}
			var again []byte
			for _, m := range left {
				require.True(t, m.valid())
				require.False(t, seen[m.ID])
				seen[m.ID] = true
				again = record{Add: m}.append(again)
			}
			read, damaged := readRecords(bytes.NewReader(again))
			require.Zero(t, damaged)
			require.Equal(t, idsOf(left), idsOf(read))
		}
	})
}

// seal gives each line its checksum, so that the fuzzer gets behind it.
func seal(text []byte) (sealed []byte) {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		line = line[min(checksum, len(line)):]
		sealed = append(fmt.Appendf(sealed, "%08x ", crc32.ChecksumIEEE(line)), append(line, '\n')...)
	}
	return sealed
}
