package timeline

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/public/name"
)

// Kinds of records in timeline.log.
const (
	recordOpen     = "open"      // a broadcast begins, or is continued after a crash
	recordEpoch    = "epoch"     // an ffmpeg run begins
	recordZero     = "zero"      // its media time 0 is known
	recordPart     = "part"      // a part of the segment in progress is about to be listed
	recordGap      = "gap"       // a part is about to be given up
	recordSegment  = "segment"   // a segment is about to be listed
	recordCut      = "cut"       // what is before a segment has left, for want of space
	recordEpochEnd = "epoch-end" // the ffmpeg run has ended
	recordEnd      = "end"       // the broadcast has ended
	recordRecord   = "record"    // somebody has begun or stopped recording the broadcast
	recordLimit    = "limit"     // only numbers below it are listed
	recordNumbers  = "numbers"   // the broadcast goes on with the numbers of another service
)

// Bounds on timeline.log.
const (
	maxRecord  = 16 << 10 // bytes of a line
	maxRecords = 4 << 20  // lines; compaction keeps it far below
)

// Record is one line of timeline.log: what is about to be listed, as JSON.
type Record struct {
	Kind  string    `json:"kind"`
	At    time.Time `json:"at,omitzero"`
	Start time.Time `json:"start,omitzero"` // open, zero: availabilityStartTime

	Epoch      string        `json:"epoch,omitempty"` // epoch-end: of the one that will follow, as playlists announce it
	Fresh      bool          `json:"fresh,omitempty"`
	Disc       int64         `json:"disc,omitempty"`
	Base       int64         `json:"base,omitempty"`
	Renditions []Rendition   `json:"renditions,omitempty"`
	Keys       time.Duration `json:"keys,omitempty"`       // epoch: ns between key frames
	Late       time.Duration `json:"late,omitempty"`       // epoch: ns by which its segments may be longer than nominal
	Room       time.Duration `json:"room,omitempty"`       // epoch: ns by which segments of the broadcast may be longer than nominal
	Offset     time.Duration `json:"offset,omitempty"`     // epoch: ns, decode time of its media time 0
	Led        int64         `json:"led,omitempty"`        // zero: how many segments recordings leave out
	On         bool          `json:"on,omitempty"`         // record: begun
	PartTarget time.Duration `json:"partTarget,omitempty"` // numbers: ns, PART-TARGET
	Broadcast  string        `json:"broadcast,omitempty"`  // open, numbers: of which recordings are

	ID       string `json:"id,omitempty"` // of the rendition, and so on for a segment or a part
	MSN      int64  `json:"msn,omitempty"`
	Part     int    `json:"part,omitempty"`     // index
	Key      bool   `json:"key,omitempty"`      // independent
	Time     int64  `json:"time,omitempty"`     // ticks
	Duration int64  `json:"duration,omitempty"` // ticks
	Size     int64  `json:"size,omitempty"`     // bytes
}

func epochRecord(e *Epoch) Record {
	r := Record{Kind: recordEpoch, Epoch: e.name, Fresh: e.fresh, Disc: e.disc, Base: e.base, Keys: e.keys, Late: e.late, Room: e.timeline.late, Offset: e.offset, At: e.timeline.cfg.Wall()}
	for _, k := range e.tracks {
		r.Renditions = append(r.Renditions, k.Rendition)
	}
	return r
}

func zeroRecord(e *Epoch) Record {
	return Record{Kind: recordZero, At: e.zero, Start: e.timeline.start, Led: e.led}
}

// openRecord says where the numbers of the broadcast go on.
func (t *Timeline) openRecord() Record {
	return Record{Kind: recordOpen, At: t.started, Start: t.start, Base: t.nextMSN, Disc: t.nextDisc, Broadcast: t.broadcast}
}

func segmentRecord(id string, s Segment) Record {
	return Record{Kind: recordSegment, ID: id, MSN: s.MSN, Time: s.Start, Duration: s.Duration, Size: s.Size}
}

func partRecord(id string, msn int64, index int, p Part) Record {
	return Record{Kind: recordPart, ID: id, MSN: msn, Part: index, Key: p.Independent, Time: p.Start, Duration: p.Duration, Size: p.Size}
}

func gapRecord(id string, msn int64, index int, p Part) Record {
	return Record{Kind: recordGap, ID: id, MSN: msn, Part: index, Time: p.Start, Duration: p.Duration}
}

// validate refuses what this package never writes.
func (r Record) validate() error {
	bad := func(n, most int64) bool { return n < 0 || n > most }
	switch {
	case bad(r.Disc, cmaf.MaxTime), bad(r.Base, cmaf.MaxTime), bad(r.MSN, cmaf.MaxTime):
		return errors.New("number out of range")
	case bad(r.Time, cmaf.MaxTime), bad(r.Duration, cmaf.MaxTime), bad(r.Size, MaxSegmentSize), bad(int64(r.Keys), cmaf.MaxTime),
		bad(int64(r.Late), int64(maxLate)), bad(int64(r.Room), int64(maxLate)), bad(r.Led, cmaf.MaxTime),
		bad(int64(r.Offset), int64(MaxOffset)), r.Offset%offsetStep != 0:
		return errors.New("time or size out of range")
	case bad(int64(r.PartTarget), int64(maxPartTarget)), r.Broadcast != "" && !name.Valid(r.Broadcast):
		return fmt.Errorf("PART-TARGET %v, broadcast %q", r.PartTarget, r.Broadcast)
	case r.Kind == recordEpoch && !name.Valid(r.Epoch), r.Kind == recordEpochEnd && r.Epoch != "" && !name.Valid(r.Epoch):
		return fmt.Errorf("epoch name %q", r.Epoch)
	case r.Kind == recordEpoch:
		return EpochOptions{Renditions: r.Renditions}.Validate()
	case r.Kind == recordSegment && (!name.Valid(r.ID) || r.Duration == 0):
		return fmt.Errorf("segment of rendition %q, %d ticks", r.ID, r.Duration)
	case r.Kind == recordGap && r.Duration == 0:
		return errors.New("gap without duration")
	case (r.Kind == recordPart || r.Kind == recordGap) && (!name.Valid(r.ID) || r.Part < 0 || r.Part >= MaxParts):
		return fmt.Errorf("part %d of rendition %q", r.Part, r.ID)
	}
	return nil
}

// ReadRecords reads the records up to the first line that is cut or that this package did not write: what follows such a line
// cannot be trusted to continue it. It returns how many bytes are good.
func ReadRecords(r io.Reader) (records []Record, good int64, err error) {
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
		var rec Record
		if err := errors.Join(json.Unmarshal(line, &rec), rec.validate()); err != nil {
			return records, good, fmt.Errorf("line %d of timeline.log: %w", len(records)+1, err)
		}
		records = append(records, rec)
		good += int64(len(line))
	}
	return records, good, fmt.Errorf("timeline.log: more than %d lines", maxRecords)
}

// BeginsLog reports whether a log that this package writes begins with these records.
func BeginsLog(records []Record) bool { return len(records) > 0 && records[0].Kind == recordOpen }

// AppendRecord appends the record's line to dst.
func AppendRecord(dst []byte, r *Record) ([]byte, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return dst, err
	}
	return append(append(dst, line...), '\n'), nil
}

// LeastRecords is about how many records say what is still so.
func (t *Timeline) LeastRecords() int {
	records := 2
	for _, l := range t.listings {
		records += len(l.segments) + l.parts
	}
	return records
}

// Records say again what is still so: a log of nothing but them is as good as the whole one.
func (t *Timeline) Records() []Record {
	open := t.openRecord()
	if len(t.epochs) > 0 {
		open.Base, open.Disc = t.epochs[0].base, t.epochs[0].disc
	}
	all := []Record{open}
	if t.taken != nil {
		all = append(all, t.takenRecord(open))
	}
	if t.cfg.Fenced && t.limited {
		all = append(all, t.limitRecord())
	}
	if on, asked := t.AskedToRecord(); asked {
		all = append(all, Record{Kind: recordRecord, On: on})
	}
	for _, e := range t.epochs {
		all = append(all, epochRecord(e))
		if !e.zero.IsZero() {
			all = append(all, zeroRecord(e))
		}
		for _, l := range t.listings {
			all = l.records(e, all)
		}
		if e.ended {
			all = append(all, Record{Kind: recordEpochEnd, Epoch: t.nextName})
		}
	}
	if t.ended {
		all = append(all, Record{Kind: recordEnd, At: t.endedAt})
	}
	return all
}

// records appends what the listing has of the epoch.
func (l *listing) records(e *Epoch, all []Record) []Record {
	parts := func(s Segment) {
		for i, p := range s.Parts {
			if p.Gap {
				all = append(all, gapRecord(l.id, s.MSN, i, p))
			}
			if p.Size > 0 {
				all = append(all, partRecord(l.id, s.MSN, i, p))
			}
		}
	}
	begin, _ := slices.BinarySearchFunc(l.segments, e.base, func(s Segment, base int64) int { return cmp.Compare(s.MSN, base) })
	for _, s := range l.segments[begin:] {
		if s.epoch != e {
			break
		}
		parts(s)
		if !s.Gap {
			all = append(all, segmentRecord(l.id, s))
		}
	}
	if l.growing != nil && l.growing.epoch == e {
		parts(*l.growing)
	}
	return all
}
