package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

// makeSlates encodes the slate for each codec of pictures that publishers send, as large as the best rung at most.
func (s *service) makeSlates(ctx context.Context) (map[depay.Codec][]byte, error) {
	slates := map[depay.Codec][]byte{}
	if s.cfg.Slate == "" {
		return slates, nil
	}
	best := s.ladder[0]
	for _, codec := range acceptedCodecs(s.cfg) {
		frame, err := transcode.Still(ctx, s.cfg.FFmpeg, s.cfg.Slate, codec, best.Width, best.Height)
		if err != nil {
			return nil, err
		}
		slates[codec] = frame
	}
	return slates, nil
}

// makeLogo keeps the logo in the data directory, as ffmpeg reads it for each stream that shows it.
func (s *service) makeLogo(ctx context.Context) error {
	if s.cfg.Logo == "" {
		return nil
	}
	logo, err := transcode.Logo(ctx, s.cfg.FFmpeg, s.cfg.Logo)
	if err != nil {
		return err
	}
	return os.WriteFile(s.logoFile(), logo, 0o644)
}

func (s *service) logoFile() string { return filepath.Join(s.cfg.Data, "logo.png") }

// transforms are those that can be asked for.
func (s *service) transforms() []transcode.Transform {
	return slices.DeleteFunc(transcode.Transforms(), func(t transcode.Transform) bool { return t == transcode.TransformLogo && s.cfg.Logo == "" })
}
