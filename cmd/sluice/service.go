package main

import (
	"context"
	"log/slog"

	"github.com/sluice-live/sluice/cmd/sluice/internal/clock"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	stages "github.com/sluice-live/sluice/cmd/sluice/internal/service"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/packager"
)

// service is the service with what its web servers are configured with.
type service struct {
	*stages.Service
	cfg      config.Config
	log      *slog.Logger
	clock    clock.Clock
	ingest   *ingest.Server
	packager *packager.Packager
}

// newService prepares ffmpeg, binds the media sockets and opens the data directory.
func newService(ctx context.Context, cfg config.Config, log *slog.Logger) (*service, error) {
	encoding, err := stages.Prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s, err := stages.New(ctx, cfg, encoding, log)
	if err != nil {
		return nil, err
	}
	return &service{s, cfg, log, s.Clock(), s.Ingest(), s.Packager()}, nil
}
