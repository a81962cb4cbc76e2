package live

import (
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/packager/timeline"
)

// Recover reads the log of a stream that an earlier process left. It serves the stream as it was, adopts what ffmpeg had written and
// nobody listed, and goes on from there. Of a stream that ended properly long enough ago the files go, and nil is returned; so it is of one
// whose log cannot be read, whose directory is moved aside. ErrForeign: the directory is not a stream's. It runs before anything else
// does.
func Recover(cfg *Config, name string, out Output) (*Stream, error) {
	s := newStream(cfg, name, timeline.New(cfg.Config), out)
	records, found, err := s.recoverLog()
	if err != nil || !found {
		return nil, err
	}
	files := timeline.Files{Init: s.readInit, Whole: s.isWhole}
	for _, r := range records {
		if err := s.state.Apply(r, files); err != nil {
			cfg.Logger.Warn("record of timeline.log has been left out", "stream", name, "kind", r.Kind, "error", err)
		}
	}
	now := cfg.Wall()
	if s.state.Ended() && now.After(s.state.Gone()) {
		return nil, cfg.Files.Remove(s.dir)
	}
	if s.log, err = openLog(cfg.Files, filepath.Join(s.dir, LogName)); err != nil {
		return nil, err
	}
	s.log.lines.Store(int64(len(records)))
	s.resume(now)
	return s, nil
}

// resume closes the epoch that the crash has cut and publishes what there is.
func (s *Stream) resume(now time.Time) {
	s.order.Lock()
	defer s.order.Unlock()
	if s.state.Ended() {
		close(s.done)
	} else {
		s.deadline = now.Add(s.cfg.Linger)
	}
	limited := s.state.Limited()
	if !limited { // the log is that of a service which listed as it liked
		s.commit(func(t *timeline.Timeline) { t.SetLimit(timeline.Unlimited) })
	}
	if state := s.state.Newest(); state != nil {
		s.epoch = s.newEpoch(state)
		if err := s.epoch.close(); err != nil {
			s.cfg.Logger.Warn("what ffmpeg had left could not be adopted", "stream", s.name, "error", err)
		}
	}
	s.sweep(now)
	s.commit(func(t *timeline.Timeline) {
		if !limited {
			t.SetLimit(t.Numbers(0).Next)
		}
		t.Resume(now)
	})
	s.publish()
	s.cfg.Logger.Info("stream has been recovered", "stream", s.name, "ended", s.state.Ended(), "next", s.state.Next())
}

// readInit reads the initialization segment that was published.
func (s *Stream) readInit(epoch, rendition string) (cmaf.Init, error) {
	b, err := disk.ReadBounded(filepath.Join(s.dir, epoch, timeline.PublicDir, timeline.InitName(rendition)), cmaf.MaxInit)
	if err != nil {
		return cmaf.Init{}, err
	}
	return cmaf.ParseInit(b)
}

func (s *Stream) isWhole(epoch, rendition string, msn, size int64) bool {
	info, err := os.Stat(filepath.Join(s.dir, epoch, timeline.PublicDir, timeline.SegmentName(rendition, msn)))
	return err == nil && info.Size() == size
}

// sweep lets go of what the log does not know any more: directories that had left the playlists, and a log that was being rewritten.
func (s *Stream) sweep(now time.Time) {
	disk.RemoveTemporary(s.dir)
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	known := make(map[string]bool)
	for _, e := range s.state.Epochs() {
		known[e.Name()] = true
	}
	for _, entry := range entries {
		if entry.IsDir() && timeline.IsEpochName(entry.Name()) && !known[entry.Name()] {
			s.expiry.add(expiring{path: filepath.Join(s.dir, entry.Name()), at: now.Add(s.cfg.Grace())})
		}
	}
}
