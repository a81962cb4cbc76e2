package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode"
)

// Encoding is what the broadcasts encode on this machine.
type Encoding struct {
	Ladder       transcode.Ladder
	LadderReason string                 // which it is, and why
	TooSlow      bool                   // this machine is estimated not to encode it in real time
	Slates       map[depay.Codec][]byte // key frames for while the publisher is away; empty: none is shown
}

// Prepare asks ffmpeg what it can encode, and has it encode the slates. An error of the ladder or of a slate matches exit.ErrUsage.
func Prepare(ctx context.Context, cfg config.Config) (e Encoding, err error) {
	build, err := transcode.Probe(ctx, cfg.FFmpeg)
	if err != nil {
		return e, err
	}
	if err := build.Missing(cfg.Ladder); err != nil {
		return e, exit.Usage(fmt.Errorf("ladder: %w", err))
	}
	e.Ladder, e.LadderReason, e.TooSlow = chooseLadder(ctx, cfg)
	if e.Slates, err = makeSlates(ctx, cfg, e.Ladder[0]); err != nil {
		return e, exit.Usage(fmt.Errorf("slate: %w", err))
	}
	return e, nil
}

// chooseLadder takes the configured ladder, or cuts the default one to this machine, and says so. One of H.264 alone is taken at its word;
// the other codecs take several times as much, which is measured.
func chooseLadder(ctx context.Context, cfg config.Config) (ladder transcode.Ladder, reason string, tooSlow bool) {
	switch {
	case len(cfg.Ladder) == 0:
		ladder, reason = transcode.ChooseLadder(ctx, cfg.FFmpeg, transcode.DefaultLadder())
		return ladder, reason, false
	case len(cfg.Ladder.Alternates()) > 0:
		reason, tooSlow = transcode.JudgeLadder(ctx, cfg.FFmpeg, cfg.Ladder)
		return cfg.Ladder, reason, tooSlow
	}
	return cfg.Ladder, fmt.Sprintf("ladder %s: as configured", cfg.Ladder), false
}

// makeSlates encodes the slate for each video codec that publishers may send, as large as the best rendition at most.
func makeSlates(ctx context.Context, cfg config.Config, best transcode.Rendition) (map[depay.Codec][]byte, error) {
	slates := map[depay.Codec][]byte{}
	if cfg.Slate == "" {
		return slates, nil
	}
	for _, codec := range []depay.Codec{depay.VP8, depay.VP9, depay.H264, depay.AV1} {
		if len(cfg.Codecs) > 0 && !slices.ContainsFunc(cfg.Codecs, func(name string) bool { return strings.EqualFold(name, codec.String()) }) {
			continue
		}
		frame, err := transcode.Still(ctx, cfg.FFmpeg, cfg.Slate, codec, best.Width, best.Height)
		if err != nil {
			return nil, err
		}
		slates[codec] = frame
	}
	return slates, nil
}

// makeLogo keeps the logo in the data directory, as ffmpeg reads it for each stream that shows it.
func makeLogo(ctx context.Context, cfg config.Config) error {
	if cfg.Logo == "" {
		return nil
	}
	logo, err := transcode.Logo(ctx, cfg.FFmpeg, cfg.Logo)
	if err != nil {
		return err
	}
	return os.WriteFile(logoFile(cfg), logo, 0o640)
}

func logoFile(cfg config.Config) string { return filepath.Join(cfg.Data, "logo.png") }

// Transforms are those that can be asked for.
func (s *Service) Transforms() []transcode.Transform {
	return slices.DeleteFunc(transcode.Transforms(), func(t transcode.Transform) bool { return t == transcode.TransformLogo && s.cfg.Logo == "" })
}
