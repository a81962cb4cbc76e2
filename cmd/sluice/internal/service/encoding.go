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
	Ladder        transcode.Ladder
	LadderReason  string                 // which it is, and why
	Encoder       transcode.Encoder      // of the renditions of H.264
	EncoderReason string                 // which it is, and why; "" where none but x264 was asked for
	TooSlow       bool                   // this machine is estimated not to encode it in real time
	Slates        map[depay.Codec][]byte // key frames for while the publisher is away; empty: none is shown
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
	e.chooseEncoder(ctx, cfg, build)
	e.chooseLadder(ctx, cfg)
	if e.Slates, err = makeSlates(ctx, cfg, e.Ladder[0]); err != nil {
		return e, exit.Usage(fmt.Errorf("slate: %w", err))
	}
	return e, nil
}

// chooseEncoder takes the encoder that is asked for where a trial shows that it works, or else x264.
func (e *Encoding) chooseEncoder(ctx context.Context, cfg config.Config, build transcode.Build) {
	if cfg.Encoder == config.EncoderSoftware {
		return
	}
	var trials []transcode.EncoderTrial
	e.Encoder, trials = transcode.ChooseEncoder(ctx, cfg.FFmpeg, build, cfg.Encoder)
	e.EncoderReason = transcode.ExplainEncoder(e.Encoder, trials)
}

// chooseLadder takes the configured ladder, or cuts the default one to this machine, and says so. One of H.264 alone is taken at its word;
// the other codecs take several times as much, which is measured. An encoder of hardware encodes all of the default one.
func (e *Encoding) chooseLadder(ctx context.Context, cfg config.Config) {
	e.Ladder = cfg.Ladder
	switch hardware := e.Encoder.Kind != transcode.Software; {
	case len(cfg.Ladder) == 0 && hardware:
		e.Ladder = transcode.DefaultLadder()
		e.LadderReason = fmt.Sprintf("ladder %s: all of it, encoded by %s", e.Ladder, e.Encoder)
	case len(cfg.Ladder) == 0:
		e.Ladder, e.LadderReason = transcode.ChooseLadder(ctx, cfg.FFmpeg, transcode.DefaultLadder())
	case len(cfg.Ladder.Alternates()) > 0:
		e.LadderReason, e.TooSlow = transcode.JudgeLadder(ctx, cfg.FFmpeg, cfg.Ladder)
	default:
		e.LadderReason = fmt.Sprintf("ladder %s: as configured", cfg.Ladder)
	}
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
	return slices.DeleteFunc(transcode.Transforms(), func(t transcode.Transform) bool {
		return t == transcode.TransformLogo && s.cfg.Logo == "" || t == transcode.TransformFaces && s.finder == nil
	})
}
