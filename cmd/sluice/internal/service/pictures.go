package service

import (
	"time"

	"github.com/sluice-live/sluice/ingest/frames"
	"github.com/sluice-live/sluice/public"
	"github.com/sluice-live/sluice/transcode"
	"github.com/sluice-live/sluice/transcode/faces"
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
	names := []string{}
	for _, t := range s.Transforms() {
		names = append(names, string(t))
	}
	return names
}

func (s *Service) newProcessor(name, stream string, width, height int) (frames.Processor, error) {
	if name == string(transcode.TransformFaces) && s.detector != nil {
		return faceFinder{s.detector}, nil
	}
	filter, err := transcode.StartPictureFilter(transcode.PictureOptions{
		FFmpeg: s.cfg.FFmpeg, Width: width, Height: height, Transform: transcode.Transform(name), Title: stream, Logo: logoFile(s.cfg),
	})
	if err != nil {
		return nil, err
	}
	return transformer{filter}, nil
}

// openDetector reads what faces are found with. A program that was built without the pages has none, and finds no faces.
func (s *Service) openDetector() (err error) {
	if cascade := public.FaceCascade(); cascade != nil {
		if s.detector, err = faces.New(cascade); err == nil {
			s.finder = transcode.NewFaceFinder(s.detector)
		}
	}
	return err
}

// faceFinder finds faces as a processor.
type faceFinder struct{ *faces.Detector }

// Process implements frames.Processor.
func (f faceFinder) Process(p *frames.Picture, _ time.Duration) ([]frames.Box, error) {
	found := f.Find(p.Data[:p.Width*p.Height], p.Width, p.Height)
	faces.Draw(p.Data, p.Width, p.Height, found)
	var boxes []frames.Box
	for _, b := range found {
		boxes = append(boxes, frames.Box(b))
	}
	return boxes, nil
}

// Close implements frames.Processor.
func (faceFinder) Close() {}

// transformer is a transform as a processor.
type transformer struct{ *transcode.PictureFilter }

// Process implements frames.Processor.
func (t transformer) Process(p *frames.Picture, at time.Duration) ([]frames.Box, error) {
	return nil, t.Change(p.Data, at)
}
