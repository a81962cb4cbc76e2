package timeline

import (
	"errors"
	"math"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/public/name"
)

const (
	// maxPartTarget is beyond that of any options.
	maxPartTarget = time.Minute
	// spareEpochs is how many epochs may begin before a successor is told of them: its discontinuities are counted from behind them.
	spareEpochs = 1
	// stalled is how much of the decode time each epoch may take beside its segments: what they are rounded up by.
	stalled = time.Second
	// maxSkipped is more numbers than anybody uses while etcd is away.
	maxSkipped = 1 << 20
)

// Numbers are what a broadcast goes on from in another service, such that players take it for the same: what that lists comes behind all that was
// listed, or may still be.
type Numbers struct {
	Broadcast  string        `json:"broadcast"`            // what its recordings have in common
	Next       int64         `json:"next"`                 // media sequence number
	Used       int64         `json:"used"`                 // from which on, at the time At, nothing was listed
	Disc       int64         `json:"disc"`                 // discontinuity number
	Started    time.Time     `json:"started,omitzero"`     // when the broadcast was opened, by which pages know it
	Start      time.Time     `json:"start,omitzero"`       // availabilityStartTime; zero while nothing is listed
	End        time.Time     `json:"end,omitzero"`         // where the media ends that was listed, as far as it is known
	Offset     time.Duration `json:"offset,omitempty"`     // decode time
	PartTarget time.Duration `json:"part,omitempty"`       // PART-TARGET; 0 before the first epoch
	Room       time.Duration `json:"room,omitempty"`       // by which segments may be longer than nominal
	Segment    time.Duration `json:"segment"`              // nominal duration of one
	Target     int           `json:"target"`               // TARGETDURATION
	Renditions []string      `json:"renditions,omitempty"` // that viewers have been offered
	Epoch      Former        `json:"epoch,omitzero"`       // the newest, as DASH players know it
	At         time.Time     `json:"at"`                   // when all this was so
	Closed     bool          `json:"closed,omitempty"`     // nothing more is listed, and it is exact
	Ended      bool          `json:"ended,omitempty"`      // the broadcast has: the next one is another, and only its numbers go on
}

// Former is an epoch of another service: what its Period in the MPD was.
type Former struct {
	Name   string        `json:"name"`
	Disc   int64         `json:"disc"`
	Base   int64         `json:"base"`
	Zero   time.Time     `json:"zero,omitzero"` // wall time of media time 0; zero before it is known
	Offset time.Duration `json:"offset,omitempty"`
}

// Validate refuses what this package never makes.
func (n Numbers) Validate() error {
	bad := func(v int64, most int64) bool { return v < 0 || v > most }
	switch {
	case bad(n.Next, cmaf.MaxTime), bad(n.Used, n.Next), bad(n.Disc, cmaf.MaxTime), bad(int64(n.Target), cmaf.MaxTime):
		return errors.New("number out of range")
	case bad(int64(n.Offset), int64(MaxOffset)), bad(int64(n.PartTarget), int64(maxPartTarget)), bad(int64(n.Room), int64(maxLate)),
		n.Segment <= 0 || n.Segment > time.Minute:
		return errors.New("time out of range")
	case n.Epoch.Name != "" && !IsEpochName(n.Epoch.Name), bad(n.Epoch.Disc, cmaf.MaxTime), bad(n.Epoch.Base, cmaf.MaxTime), bad(int64(n.Epoch.Offset), int64(MaxOffset)):
		return errors.New("epoch")
	case n.Broadcast != "" && !name.Valid(n.Broadcast), len(n.Renditions) > 4*maxRenditions:
		return errors.New("name of a broadcast, or too many renditions")
	}
	for _, id := range n.Renditions {
		if !name.Valid(id) {
			return errors.New("name of a rendition")
		}
	}
	return nil
}

// After are the numbers as somebody has to take them who goes on later. Where what was listed is not known exactly, whoever had them may have gone
// on, without being able to say so, for as long as media came: half as fast again as it should come at most.
func (n Numbers) After(now time.Time) Numbers {
	if n.Closed || n.Segment <= 0 {
		return n
	}
	gone := min(int64(3*max(now.Sub(n.At), 0)/(2*n.Segment)), maxSkipped) + 2
	if more := n.Used + gone - n.Next; more > 0 {
		n.Next += more
		n.Offset += time.Duration(more) * n.Segment
	}
	return n
}

// Numbers are what another service may go on from if this one lists so many more segments at most: those below Next, which is to be the limit then.
// ahead 0 is for who lists nothing more.
func (t *Timeline) Numbers(ahead int64) Numbers {
	n := Numbers{
		Broadcast: t.broadcast, Used: t.used(), Disc: t.nextDisc, Started: t.started, Start: t.start, End: t.edge(), Offset: t.nextOffset, PartTarget: t.partTarget, Room: t.late,
		Segment: t.cfg.Segment, Target: t.cfg.TargetDuration(t.late), At: t.cfg.Wall(), Ended: t.ended,
	}
	n.Next = n.Used + ahead
	if n.Renditions = t.Before(); len(t.listings) > 0 {
		n.Renditions = nil
	}
	for _, l := range t.listings {
		n.Renditions = append(n.Renditions, l.id)
	}
	if t.newestEnd.After(n.End) {
		n.End = t.newestEnd
	}
	e := t.newest()
	if e != nil && !e.zero.IsZero() {
		n.Epoch = Former{e.name, e.disc, e.base, e.zero, e.offset}
	}
	if e != nil && !e.ended {
		n.Disc, n.Offset = e.disc+1, max(n.Offset, e.offset+time.Duration(n.Used-e.base)*t.cfg.Segment)
	}
	if n.Closed = ahead == 0 && (e == nil || e.ended); !n.Closed {
		n.Disc += spareEpochs
		n.Offset += time.Duration(ahead)*t.cfg.Segment + (1+spareEpochs)*(t.late+stalled)
	}
	n.Offset = (n.Offset + offsetStep - 1).Truncate(offsetStep)
	return n
}

// used is the number behind that of the newest segment, which may be in progress, of the rendition that is ahead.
func (t *Timeline) used() int64 {
	next := t.nextMSN
	for _, l := range t.listings {
		next = max(next, l.last()+1)
		if l.growing != nil {
			next = max(next, l.growing.MSN+1)
		}
	}
	return next
}

// SetLimit allows numbers below the limit. What has been listed stays.
func (t *Timeline) SetLimit(limit int64) {
	if t.limit == limit {
		return
	}
	t.limit = limit
	t.touch()
	if t.cfg.Fenced && limit != Unlimited {
		t.limited = true
		t.note(t.limitRecord())
	}
}

// limitRecord says which numbers are allowed: so far a restart may list what ffmpeg had written.
func (t *Timeline) limitRecord() Record { return Record{Kind: recordLimit, Base: t.limit} }

// Limited reports whether it is known which numbers are allowed.
func (t *Timeline) Limited() bool { return !t.cfg.Fenced || t.limited }

// Allows reports whether something of that number may be listed.
func (t *Timeline) Allows(msn int64) bool { return msn < t.limit }

// Unlimited is the limit of who lists what he likes.
const Unlimited = math.MaxInt64

// Broadcast is what its recordings have in common, wherever they are.
func (t *Timeline) Broadcast() string { return t.broadcast }

// Before are the renditions that viewers were offered before the broadcast came here.
func (t *Timeline) Before() []string {
	if t.taken == nil {
		return nil
	}
	return t.taken.Renditions
}

// Continue goes on with the numbers of another service, whose media is not here: what comes lists nothing of before.
func Continue(cfg Config, n Numbers) *Timeline {
	t := New(cfg)
	t.take(n)
	return t
}

func (t *Timeline) take(n Numbers) {
	t.nextMSN, t.nextDisc = max(t.nextMSN, n.Next), max(t.nextDisc, n.Disc)
	if n.Ended {
		return
	}
	t.taken, t.nextOffset = &n, n.Offset
	t.start, t.partTarget, t.late = n.Start, n.PartTarget, n.Room
	if n.Broadcast != "" {
		t.broadcast = n.Broadcast
	}
	if !n.Started.IsZero() {
		t.started = n.Started
	}
	if !n.Start.IsZero() && n.End.After(n.Start) {
		t.end = n.End.Sub(n.Start)
	}
}

// OpenTaken notes what the broadcast goes on from.
func (t *Timeline) OpenTaken() {
	t.Open()
	if t.taken != nil {
		t.note(t.takenRecord(t.openRecord()))
	}
}

// takenRecord says so again, behind the record with which the log begins.
func (t *Timeline) takenRecord(open Record) Record {
	offset := t.taken.Offset
	if len(t.epochs) > 0 {
		offset = t.epochs[0].offset
	}
	return Record{
		Kind: recordNumbers, Start: t.taken.Start, At: t.taken.End, Base: open.Base, Disc: open.Disc, Offset: offset, Room: t.taken.Room, PartTarget: t.taken.PartTarget,
		Broadcast: t.broadcast,
	}
}

// numbers are what a record says.
func (r Record) numbers() Numbers {
	return Numbers{Broadcast: r.Broadcast, Next: r.Base, Disc: r.Disc, Start: r.Start, End: r.At, Offset: r.Offset, Room: r.Room, PartTarget: r.PartTarget}
}

// former is the Period of the epoch that was the newest in the service from which the broadcast has come, as if it had ended where the media here
// begins: dash.js, which plays it, would take it to go on for ever if the MPD did not say so. Its media is not here.
func (t *Timeline) former(next *Period) (p Period, ok bool) {
	if t.taken == nil || t.ended || next.ID != t.taken.Disc || t.taken.Epoch.Zero.IsZero() {
		return p, false
	}
	e := t.taken.Epoch
	p = Period{
		Epoch: e.Name, ID: e.Disc, Start: e.Zero.Sub(t.start), Zero: e.Zero, Origin: e.Offset, First: e.Base, KeyFrames: next.KeyFrames, Renditions: next.Renditions,
	}
	p.Duration = next.Start - p.Start
	return p, p.Duration > 0 && p.Start >= 0
}
