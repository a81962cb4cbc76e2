package packager

import (
	"syscall"
	"time"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/public/panics"
)

const (
	// reserve in bytes is what live streams do not go below while they have something that can go early.
	reserve = recording.Reserve
	// recordAgain is how long after a recording has failed the next one is tried.
	recordAgain = 10 * time.Second
	// slowDisk is how long the housekeeping of a second may take, without deletions, before that is the disk's fault.
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
	hangs := panics.AfterFunc(slowDisk+time.Millisecond, p.opts.Logger, "the housekeeping", p.tellDisk)
	defer func() {
		hangs.Stop()
		p.keeping.Store(nil)
		p.tellDisk()
	}()
	housekeeping()
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

// tellDisk tells when live streams can no longer be written, and when they can again.
func (p *Packager) tellDisk() {
	if p.opts.OnDisk == nil {
		return
	}
	if d := p.Disk(); p.faulty.Swap(d.Fault != "") != (d.Fault != "") {
		p.opts.OnDisk(d)
	}
}

func (d Disk) below(bytes int64) bool { return d.Free >= 0 && d.Free < bytes }

// lookAtDisk tries what ffmpeg needs.
func (p *Packager) lookAtDisk() (d Disk) {
	if d.cause = disk.Prove(p.opts.LiveDir); d.cause != nil {
		d.Fault, d.Loses = disk.Fault(d.cause), true
	}
	d.Free = p.free(p.opts.LiveDir)
	if d.cause == nil && d.below(reserve/4) && p.disk.Load().Fault == disk.Full {
		d.Fault, d.Loses, d.cause = disk.Full, true, syscall.ENOSPC // what little is free would be gone at once
	}
	return d
}
