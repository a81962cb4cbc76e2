package service

import (
	"github.com/sluice-live/sluice/packager/recording"
)

// StartRecording has a live stream recorded from now on, whatever the configuration says, and returns what is recorded. The error is that of
// Packager.StartRecording.
func (s *Service) StartRecording(stream string) (recording.Info, error) {
	info, err := s.packager.StartRecording(stream)
	s.recordAnew(stream, err)
	return info, err
}

// StopRecording ends the recording of a live stream. The error is that of Packager.StopRecording.
func (s *Service) StopRecording(stream string) error {
	err := s.packager.StopRecording(stream)
	s.recordAnew(stream, err)
	return err
}

// recordAnew tells the broadcast, which keeps what is received beside it.
func (s *Service) recordAnew(stream string, err error) {
	if b := s.Find(stream); b != nil && err == nil {
		b.RecordAnew()
	}
}
