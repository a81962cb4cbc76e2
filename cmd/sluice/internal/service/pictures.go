package service

import (
	"time"

	"github.com/sluice-live/sluice/ingest/frames"
	"github.com/sluice-live/sluice/transcode"
)

// pictureTools are what is done with still pictures: an ffmpeg for each stream encodes them, and another one processes them.
func (s *Service) pictureTools() frames.Tools {
	tools := frames.Tools{
		NewEncoder: func(width, height int) (frames.Encoder, error) {
			return transcode.StartPictureEncoder(transcode.PictureOptions{FFmpeg: s.cfg.FFmpeg, Width: width, Height: height})
		},
		Processors: s.Processors(), NewProcessor: s.newProcessor,
	}
	return tools
}

// Processors are the names of what still pictures can be processed by.
func (s *Service) Processors() []string {
	var names []string
	for _, t := range s.Transforms() {
		names = append(names, string(t))
	}
	return names
}

func (s *Service) newProcessor(name, stream string, width, height int) (frames.Processor, error) {
	filter, err := transcode.StartPictureFilter(transcode.PictureOptions{
		FFmpeg: s.cfg.FFmpeg, Width: width, Height: height, Transform: transcode.Transform(name), Title: stream, Logo: logoFile(s.cfg),
	})
	if err != nil {
		return nil, err
	}
	return transformer{filter}, nil
}

// transformer is a transform as a processor.
type transformer struct{ *transcode.PictureFilter }

// Process implements frames.Processor.
func (t transformer) Process(p *frames.Picture, at time.Duration) ([]frames.Box, error) {
	return nil, t.Change(p.Data, at)
}
