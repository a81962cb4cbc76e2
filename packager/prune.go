package packager

import (
	"errors"
	"os"
	"path/filepath"
)

// kept is a recording that may be deleted.
type kept struct {
	dir  string
	info RecordingInfo
}

// retain deletes finished recordings, oldest first, that are too old, too much, or in the way of a disk that fills up.
func (p *Packager) retain() {
	if p.opts.RecordingsDir == "" || p.opts.Keep == 0 && p.opts.MaxBytes == 0 && p.opts.MinFree == 0 {
		return
	}
	oldest, total := p.finished()
	oldest, total = p.dropWhile(oldest, total, "older than allowed", func(k kept, _ int64) bool {
		return p.opts.Keep > 0 && p.opts.Wall().Sub(k.info.Ended) > p.opts.Keep
	})
	oldest, total = p.dropWhile(oldest, total, "more bytes than allowed", func(_ kept, total int64) bool {
		return p.opts.MaxBytes > 0 && total > p.opts.MaxBytes
	})
	p.dropWhile(oldest, total, "disk is filling up", func(kept, int64) bool { return p.opts.MinFree > 0 && p.low(1) != nil })
}

// finished lists the recordings that have ended, oldest first, and the bytes of all recordings.
func (p *Packager) finished() (oldest []kept, total int64) {
	for _, r := range p.running() {
		total += r.Info().Bytes
	}
	dirs := p.recordingDirs()
	for i := len(dirs) - 1; i >= 0; i-- {
		info, err := readInfo(dirs[i])
		total += info.Bytes
		if err == nil && info.State != StateRecording && !p.isRunning(dirs[i]) {
			oldest = append(oldest, kept{dirs[i], info})
		}
	}
	return oldest, total
}

// dropWhile deletes from the oldest on while the condition holds, and returns what is left.
func (p *Packager) dropWhile(oldest []kept, total int64, why string, condition func(kept, int64) bool) ([]kept, int64) {
	for len(oldest) > 0 && condition(oldest[0], total) {
		size := oldest[0].info.Bytes
		if err := removeRecording(oldest[0].dir); err != nil {
			p.opts.Logger.Error("recording could not be deleted", "recording", oldest[0].dir, "error", err)
		} else {
			p.opts.Logger.Info("recording has been deleted", "recording", oldest[0].dir, "why", why, "bytes", size)
			total -= size
		}
		oldest = oldest[1:]
	}
	return oldest, total
}

// removeRecording takes recording.json away first: what a crash leaves of the rest is no recording any more.
func removeRecording(dir string) error {
	err := errors.Join(os.Remove(filepath.Join(dir, recordingFile)), os.RemoveAll(dir))
	os.Remove(filepath.Dir(dir)) // the stream's directory, if this was its last
	return err
}
