package packager

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

const (
	// reserve in bytes is what recordings leave to the live streams, and what those do not go below while they have something that
	// can go early.
	reserve = 16 << 20
	// recordAgain is how long after a recording has failed the next one is tried.
	recordAgain = 10 * time.Second
	// slowDisk is how long the housekeeping of a second may take before that is the disk's fault.
	slowDisk = 3 * time.Second
)

// Disk is the state of the disk under the live streams.
type Disk struct {
	Free  int64  // bytes; -1 while nobody can tell
	Fault string // why live streams cannot be written, for everybody to read; empty when they can
	Loses bool   // what ffmpeg writes is lost, and does not only take long
	cause error
}

// Disk is the state as of the last second; it is not looked at while all is well and there are no streams.
func (p *Packager) Disk() Disk {
	d := *p.disk.Load()
	if began := p.keeping.Load(); d.Fault == "" && began != nil && time.Since(*began) > slowDisk {
		d.Fault = "the disk does not answer"
	}
	return d
}

// timed does the housekeeping of one second and notices when the disk makes that last.
func (p *Packager) timed(housekeeping func()) {
	began := time.Now()
	p.keeping.Store(&began)
	housekeeping()
	p.keeping.Store(nil)
	if took := time.Since(began); took > slowDisk {
		p.opts.Logger.Warn("the disk has been very slow", "took", took)
	}
}

// examine renews the state, makes the directory again if it was deleted, and says what has changed.
func (p *Packager) examine() Disk {
	now := p.look()
	switch before := p.disk.Swap(&now); {
	case now.Fault == before.Fault:
	case now.Fault == "":
		p.opts.Logger.Info("disk can be written again", "free", now.Free)
	case before.Fault == "":
		p.opts.Logger.Error("live streams cannot be written; they go on once that is mended", "error", now.cause, "free", now.Free)
	}
	return now
}

func (d Disk) below(bytes int64) bool { return d.Free >= 0 && d.Free < bytes }

// lookAtDisk tries what ffmpeg needs.
func (p *Packager) lookAtDisk() (d Disk) {
	if d.cause = makeDir(p.opts.LiveDir); d.cause != nil {
		d.Fault, d.Loses = faultOf(d.cause), true
	}
	d.Free = p.free(p.opts.LiveDir)
	if d.cause == nil && d.below(reserve/4) && p.disk.Load().Fault == diskIsFull {
		d.Fault, d.Loses, d.cause = diskIsFull, true, syscall.ENOSPC // what little is free would be gone at once
	}
	return d
}

const diskIsFull = "the disk is full"

// faultOf tells an error without the machine's paths.
func faultOf(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return diskIsFull
	case errors.Is(err, syscall.EROFS):
		return "the disk is read-only"
	case errors.Is(err, fs.ErrPermission):
		return "the data directory may not be written"
	}
	return "the data directory cannot be written"
}

// freeSpace of the directory's disk in bytes; -1 when nobody can tell.
func freeSpace(dir string) int64 {
	var stat syscall.Statfs_t
	if syscall.Statfs(dir, &stat) != nil {
		return -1
	}
	return int64(stat.Bavail) * stat.Bsize
}

// low says that the disk of the recordings has less free space than so many times what is to stay free; nil when it has enough, or
// when nobody can tell.
func (p *Packager) low(times float64) error {
	least := float64(max(p.opts.MinFree, reserve))
	if free := p.free(p.opts.RecordingsDir); free >= 0 && float64(free) < times*least {
		return fmt.Errorf("disk has %d bytes free, and %.0f are to stay free", free, least)
	}
	return nil
}

// hasRoom reports whether so many bytes can be taken from the recordings' disk and leave the reserve.
func (p *Packager) hasRoom(bytes int64) bool {
	free := p.free(p.opts.RecordingsDir)
	return free < 0 || free >= bytes+reserve
}

// spare keeps recordings from filling the disk up: the oldest go, as Options.MinFree says, and when that does not help the running
// ones stop.
func (p *Packager) spare() {
	running := p.running()
	if len(running) == 0 || p.low(1) == nil {
		return
	}
	p.retain()
	if err := p.low(1); err != nil {
		for _, r := range running {
			r.fail(err)
		}
	}
}

// recordOn begins another recording of a live stream whose recording has failed or could not begin, once that was a while ago and
// the disk has some room to spare.
func (p *Packager) recordOn(t *Timeline, now time.Time) {
	if !p.opts.Record {
		return
	}
	p.opening.Lock() // Open sets the recording too
	defer p.opening.Unlock()
	if !t.lacksRecording(now) || p.low(1.25) != nil {
		return
	}
	rec, err := p.newRecording(t.stream)
	if err != nil {
		return // Open, or the failure of the one before, has told
	}
	t.mu.Lock()
	t.rec = rec
	t.mu.Unlock()
	p.opts.Logger.Info("recording again", "stream", t.stream, "recording", rec.dir)
}

// lacksRecording reports whether a recording is missing, and for long enough.
func (t *Timeline) lacksRecording(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || !t.deadline.IsZero() || t.rec != nil && !t.rec.over() {
		t.recordAt = time.Time{}
		return false
	}
	if t.recordAt.IsZero() {
		t.recordAt = now.Add(recordAgain)
	}
	if now.Before(t.recordAt) {
		return false
	}
	t.recordAt = time.Time{}
	return true
}
