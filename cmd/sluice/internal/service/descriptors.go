package service

import (
	"context"
	"errors"
	"os"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/packager/disk"
)

// Descriptors binds the media sockets and locks the data directory, or goes on with those of another process.
type Descriptors interface {
	ingest.Sockets
	// Lock is disk.Lock.
	Lock(dir string) (lock *os.File, without, err error)
}

// Own are the Descriptors of a service that goes on with nobody's.
type Own struct{ ingest.System }

// Lock implements Descriptors.
func (Own) Lock(dir string) (lock *os.File, without, err error) { return disk.Lock(dir, nil) }

// handsOver reports whether another process goes on with the streams.
func handsOver(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), broadcast.ErrHandedOver)
}

func farewell(ctx context.Context) string {
	if handsOver(ctx) {
		return "handing over: the next process goes on with the streams, recordings are closed"
	}
	return "stopping: streams end, recordings are closed"
}
