package packager

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/sluice-live/sluice/internal/name"
	"github.com/sluice-live/sluice/packager/cmaf"
)

// Kinds of records in timeline.log.
const (
	recordOpen     = "open"      // a broadcast begins, or is continued after a crash
	recordEpoch    = "epoch"     // an ffmpeg run begins
	recordZero     = "zero"      // its media time 0 is known
	recordPart     = "part"      // a part of the segment in progress is about to be listed
	recordGap      = "gap"       // a part is about to be given up
	recordSegment  = "segment"   // a segment is about to be listed
	recordEpochEnd = "epoch-end" // the ffmpeg run has ended
	recordEnd      = "end"       // the broadcast has ended
)

// Bounds on timeline.log.
const (
	maxRecord  = 16 << 10 // bytes of a line
	maxRecords = 4 << 20  // lines; compaction keeps it far below
)

// record is one line of timeline.log: JSON, appended by one write.
type record struct {
	Kind  string    `json:"kind"`
	At    time.Time `json:"at,omitzero"`
	Start time.Time `json:"start,omitzero"` // open, zero: availabilityStartTime

	Epoch      string        `json:"epoch,omitempty"` // epoch-end: of the one that will follow, as playlists announce it
	Fresh      bool          `json:"fresh,omitempty"`
	Disc       int64         `json:"disc,omitempty"`
	Base       int64         `json:"base,omitempty"`
	Renditions []Rendition   `json:"renditions,omitempty"`
	Keys       time.Duration `json:"keys,omitempty"` // epoch: ns between key frames
	Late       time.Duration `json:"late,omitempty"` // epoch: ns by which its segments may be longer than nominal
	Room       time.Duration `json:"room,omitempty"` // epoch: ns by which segments of the broadcast may be longer than nominal

	ID       string `json:"id,omitempty"` // of the rendition, and so on for a segment or a part
	MSN      int64  `json:"msn,omitempty"`
	Part     int    `json:"part,omitempty"`     // index
	Key      bool   `json:"key,omitempty"`      // independent
	Time     int64  `json:"time,omitempty"`     // ticks
	Duration int64  `json:"duration,omitempty"` // ticks
	Size     int64  `json:"size,omitempty"`     // bytes
}

func epochRecord(e *Epoch) record {
	r := record{Kind: recordEpoch, Epoch: e.name, Fresh: e.fresh, Disc: e.disc, Base: e.base, Keys: e.keys, Late: e.late, Room: e.timeline.late, At: e.timeline.p.opts.Wall()}
	for _, k := range e.tracks {
		r.Renditions = append(r.Renditions, k.Rendition)
	}
	return r
}

// openRecord says where the numbers of the broadcast go on.
func (t *Timeline) openRecord() record {
	return record{Kind: recordOpen, At: t.started, Start: t.ast, Base: t.nextMSN, Disc: t.nextDisc}
}

func segmentRecord(id string, s Segment) record {
	return record{Kind: recordSegment, ID: id, MSN: s.MSN, Time: s.Start, Duration: s.Duration, Size: s.Size}
}

func partRecord(id string, msn int64, index int, p Part) record {
	return record{Kind: recordPart, ID: id, MSN: msn, Part: index, Key: p.Independent, Time: p.Start, Duration: p.Duration, Size: p.Size}
}

func gapRecord(id string, msn int64, index int, p Part) record {
	return record{Kind: recordGap, ID: id, MSN: msn, Part: index, Time: p.Start, Duration: p.Duration}
}

// validate refuses what this package never writes.
func (r record) validate() error {
	bad := func(n, most int64) bool { return n < 0 || n > most }
	switch {
	case bad(r.Disc, cmaf.MaxTime), bad(r.Base, cmaf.MaxTime), bad(r.MSN, cmaf.MaxTime):
		return errors.New("number out of range")
	case bad(r.Time, cmaf.MaxTime), bad(r.Duration, cmaf.MaxTime), bad(r.Size, maxSegmentSize), bad(int64(r.Keys), cmaf.MaxTime),
		bad(int64(r.Late), int64(maxLate)), bad(int64(r.Room), int64(maxLate)):
		return errors.New("time or size out of range")
	case r.Kind == recordEpoch && !name.Valid(r.Epoch), r.Kind == recordEpochEnd && r.Epoch != "" && !name.Valid(r.Epoch):
		return fmt.Errorf("epoch name %q", r.Epoch)
	case r.Kind == recordEpoch:
		return EpochOptions{Renditions: r.Renditions}.Validate()
	case r.Kind == recordSegment && (!name.Valid(r.ID) || r.Duration == 0):
		return fmt.Errorf("segment of rendition %q, %d ticks", r.ID, r.Duration)
	case r.Kind == recordGap && r.Duration == 0:
		return errors.New("gap without duration")
	case (r.Kind == recordPart || r.Kind == recordGap) && (!name.Valid(r.ID) || r.Part < 0 || r.Part >= maxParts):
		return fmt.Errorf("part %d of rendition %q", r.Part, r.ID)
	}
	return nil
}

// logFile appends to a timeline.log. It is used under its Timeline's lock.
type logFile struct {
	file  *os.File
	sink  io.Writer // the file
	lines int
	dirty bool // written, not yet synced
	torn  bool // a record is missing, and may have left half a line
}

func openLog(name string) (*logFile, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open timeline.log: %w", err)
	}
	return &logFile{file: f, sink: f}, nil
}

// append writes records at once. They are in the page cache then, so they survive the end of the process; sync makes them survive
// more.
func (l *logFile) append(records ...record) error {
	if l == nil {
		return nil // the log itself is being read
	}
	var lines []byte
	for i := range records {
		line, err := json.Marshal(&records[i])
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	l.lines += len(records)
	l.dirty = true
	_, err := l.sink.Write(lines)
	l.torn = l.torn || err != nil
	return err
}

func (l *logFile) sync() error { return l.pending()() }

// pending returns what makes the records so far durable; it may run without the lock.
func (l *logFile) pending() func() error {
	if l == nil || !l.dirty {
		return func() error { return nil }
	}
	l.dirty = false
	return l.file.Sync
}

// lost reports whether the file has been deleted, or replaced by somebody else.
func (l *logFile) lost() bool {
	there, err := os.Stat(l.file.Name())
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	own, err := l.file.Stat()
	return err == nil && !os.SameFile(own, there)
}

func (l *logFile) close() error { return errors.Join(l.sync(), l.file.Close()) }

// readLog reads the records up to the first line that is torn or that this package did not write: what follows such a line
// cannot be trusted to continue it. It returns how many bytes are good.
func readLog(r io.Reader) (records []record, good int64, err error) {
	lines := bufio.NewReaderSize(r, maxRecord)
	for len(records) < maxRecords {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF {
			return records, good, nil
		}
		if err == bufio.ErrBufferFull {
			return records, good, fmt.Errorf("line %d of timeline.log: more than %d bytes", len(records)+1, maxRecord)
		}
		if err != nil {
			return records, good, fmt.Errorf("read timeline.log: %w", err)
		}
		var rec record
		if err := errors.Join(json.Unmarshal(line, &rec), rec.validate()); err != nil {
			return records, good, fmt.Errorf("line %d of timeline.log: %w", len(records)+1, err)
		}
		records = append(records, rec)
		good += int64(len(line))
	}
	return records, good, fmt.Errorf("timeline.log: more than %d lines", maxRecords)
}
