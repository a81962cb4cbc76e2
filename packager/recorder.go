package packager

import (
	"errors"
	"slices"
	"time"

	"github.com/sluice-live/sluice/packager/recording"
)

// ErrNotLive says that no broadcast of the stream goes on.
var ErrNotLive = errors.New("not live")

// StartRecording has the stream's broadcast recorded from the segment on that is being made, whatever Options.Record says, until it ends or
// StopRecording; one that is recorded goes on. What was asked for is known after a restart too.
func (p *Packager) StartRecording(stream string) (recording.Info, error) {
	at := p.lock(stream)
	defer p.unlock(stream, at)
	s := p.Stream(stream)
	if s == nil || s.over() {
		return recording.Info{}, ErrNotLive
	}
	if r := s.Recording(); r != nil && !r.Over() {
		return r.Info(), nil
	}
	r, err := p.recordings.BeginWithin(stream)
	if err != nil {
		p.opts.Logger.Error("recording could not begin; the live stream goes on", "stream", stream, "error", err)
		return recording.Info{}, errors.New(p.recordings.Told(err)) // who asks is told less than the operator
	}
	if !s.began(r) {
		return recording.Info{}, ErrNotLive
	}
	s.live.AskToRecord(true)
	p.opts.Logger.Info("recording has been asked for", "stream", stream, "recording", r.Dir())
	return r.Info(), nil
}

// StopRecording has the recording of the stream's broadcast end with the segment that is being made, and no other begin by itself.
func (p *Packager) StopRecording(stream string) error {
	at := p.lock(stream)
	defer p.unlock(stream, at)
	s := p.Stream(stream)
	if s == nil || s.over() {
		return ErrNotLive
	}
	s.live.AskToRecord(false)
	if oldest := s.stopRecording(p.opts.Wall()); oldest != nil {
		oldest.Finish(recording.StateFinished)
	}
	p.opts.Logger.Info("recording is no longer asked for", "stream", stream)
	return nil
}

// recordAsAsked begins the recording of a broadcast that begins, or is continued, and whose name is locked.
func (p *Packager) recordAsAsked(s *Stream) {
	wanted, asked := s.live.AskedToRecord()
	if !asked {
		wanted = p.opts.Record
	}
	if !wanted {
		s.want(false, nil)
		return
	}
	r, err := p.recordings.Begin(s.Name())
	if err != nil {
		p.opts.Logger.Error("recording could not begin; the live stream goes on", "stream", s.Name(), "error", err)
		p.recordings.Refused(s.Name(), err)
	}
	s.want(true, r)
}

// recordOn begins another recording of a live stream whose recording has failed or could not begin, once that was a while ago and
// the disk has some room to spare.
func (p *Packager) recordOn(s *Stream, now time.Time) {
	if !s.lacksRecording(now) || p.recordings.Low(1.25) != nil {
		return
	}
	at := p.lock(s.Name()) // Open, and who starts or stops, set the recording too
	defer p.unlock(s.Name(), at)
	if s.over() || !s.isWanted() {
		return
	}
	if r := s.Recording(); r != nil && !r.Over() {
		return
	}
	r, err := p.recordings.Begin(s.Name())
	if err != nil {
		return // Open, or the failure of the one before, has told
	}
	if !s.began(r) {
		return
	}
	p.opts.Logger.Info("recording again", "stream", s.Name(), "recording", r.Dir())
}

// want says whether the broadcast is to be recorded, and where it is from now on.
func (s *Stream) want(wanted bool, r *recording.Recording) {
	if r != nil {
		r.SetBroadcast(s.live.Broadcast())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted, s.recording, s.recordAt = wanted, r, time.Time{}
}

// began says that a live broadcast is recorded from now on. Where it has come to its end meanwhile so does the recording, and it reports false.
func (s *Stream) began(r *recording.Recording) bool {
	s.want(true, r)
	if s.over() {
		s.finishRecordings()
		return false
	}
	return true
}

func (s *Stream) isWanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted
}

// maxEnding bounds the recordings of a stream that wait for their last segment.
const maxEnding = 8

// stopRecording lets the recording end with the segment of that time. Where too many wait for theirs it returns the oldest, to be ended now.
func (s *Stream) stopRecording(at time.Time) (oldest *recording.Recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.recording
	s.wanted, s.recording = false, nil
	if r == nil {
		return nil
	}
	r.EndAt(at)
	s.ending = append(s.ending, r)
	if len(s.ending) > maxEnding {
		oldest = s.ending[0]
		s.ending = slices.Delete(s.ending, 0, 1)
	}
	return oldest
}

// endRecordings finishes the recordings that were stopped and have their last segment.
func (s *Stream) endRecordings() {
	s.mu.Lock()
	var ended []*recording.Recording
	s.ending = slices.DeleteFunc(s.ending, func(r *recording.Recording) bool {
		passed := r.Passed()
		if passed {
			ended = append(ended, r)
		}
		return passed
	})
	s.mu.Unlock()
	for _, r := range ended {
		r.Finish(recording.StateFinished)
	}
}

// finishRecordings ends what is recorded of a broadcast that ends.
func (s *Stream) finishRecordings() {
	s.mu.Lock()
	all := append(s.ending, s.recording)
	s.ending = nil
	s.mu.Unlock()
	s.endClips()
	for _, r := range all {
		if r != nil {
			r.Finish(recording.StateFinished)
		}
	}
}

// lacksRecording reports whether a recording is missing, and for long enough.
func (s *Stream) lacksRecording(now time.Time) bool {
	over := s.over()
	s.mu.Lock()
	defer s.mu.Unlock()
	if over || !s.wanted || s.recording != nil && !s.recording.Over() {
		s.recordAt = time.Time{}
		return false
	}
	if s.recordAt.IsZero() {
		s.recordAt = now.Add(recordAgain)
	}
	if now.Before(s.recordAt) {
		return false
	}
	s.recordAt = time.Time{}
	return true
}
