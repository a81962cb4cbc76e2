package live

import (
	"path/filepath"

	"github.com/sluice-live/sluice/packager/timeline"
)

// AskToRecord notes that somebody has begun, or stopped, recording the broadcast: a restart goes on with that.
func (s *Stream) AskToRecord(on bool) {
	s.order.Lock()
	defer s.order.Unlock()
	stale := s.stale
	s.commit(func(t *timeline.Timeline) { t.AskToRecord(on) })
	s.stale = stale // nothing that viewers read has changed
}

// AskedToRecord is what was asked for last, if anything was.
func (s *Stream) AskedToRecord() (on, asked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.AskedToRecord()
}

// Listed are the listed segments that recordings keep, oldest epoch first.
func (s *Stream) Listed() (all []timeline.Recordable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.state.Epochs() {
		for _, k := range e.Tracks() {
			for _, segment := range s.state.Listed(k) {
				if k.HasInit() && k.Recorded(segment) {
					all = append(all, s.recordable(k, segment))
				}
			}
		}
	}
	return all
}

func (s *Stream) recordable(k *timeline.Track, segment timeline.Segment) timeline.Recordable {
	r := s.state.Recordable(k, segment)
	public := filepath.Join(s.dir, segment.EpochName(), timeline.PublicDir)
	r.InitFile = filepath.Join(public, timeline.InitName(k.ID))
	r.MediaFile = filepath.Join(public, timeline.SegmentName(k.ID, segment.MSN))
	return r
}
