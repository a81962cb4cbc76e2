package restart

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/handover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSuccession(t *testing.T) *Succession {
	t.Helper()
	descriptors, before, err := handover.Inherit(nil, nil)
	require.NoError(t, err)
	return &Succession{Descriptors: descriptors, Predecessor: before, Asked: make(chan os.Signal, 1), Logger: slog.New(slog.DiscardHandler)}
}

// A process that has to take its streams up again does so with the rights that were in force last, and all else as it was started.
func TestThroughout(t *testing.T) {
	x := newSuccession(t)
	var runs []config.Config
	x.Reloaded(config.Config{Data: "elsewhere", Unlisted: []string{"newer"}})
	err := x.Throughout(config.Config{Data: "here", Unlisted: []string{"older"}}, func(cfg config.Config) error {
		if runs = append(runs, cfg); len(runs) == 1 {
			return errors.Join(errTakenBack, errors.New("exit status 1"))
		}
		return net.ErrClosed
	})
	require.ErrorIs(t, err, net.ErrClosed)
	require.Equal(t, []config.Config{{Data: "here", Unlisted: []string{"older"}}, {Data: "here", Unlisted: []string{"newer"}}}, runs)
}

// A process that follows nobody waits for nobody, and leaves it to the start to find what is wrong.
func TestTakeWithoutPredecessor(t *testing.T) {
	require.NoError(t, newSuccession(t).Take(t.Context(), config.Config{}, func(config.Config) error { return errors.New("wrong") }))
}

// One that follows another finds before it says that it could take over what its configuration names and cannot have.
func TestTakeFindsFaults(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	x := newSuccession(t)
	x.Predecessor = &handover.Predecessor{}
	cfg := config.Config{HTTP: config.HTTP{Listen: taken.Addr().String()}}
	err = x.Take(t.Context(), cfg, func(config.Config) error { return errors.New("logo: no such file") })
	require.Equal(t, exit.WrongUsage, exit.Status(err))
	require.ErrorContains(t, err, "logo: no such file")
	require.ErrorContains(t, err, "http.listen: listen tcp "+taken.Addr().String())
}

// What cannot be started is told, and the service goes on.
func TestNoProgram(t *testing.T) {
	before := os.Args[0]
	os.Args[0] = filepath.Join(t.TempDir(), "missing")
	defer func() { os.Args[0] = before }()
	x := newSuccession(t)
	_, err := x.prepare(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	x.Asked <- os.Interrupt
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.await(ctx, func() { t.Error("nothing has begun") })
	}()
	require.Eventually(t, func() bool { return len(x.Asked) == 0 }, 2*time.Minute, time.Millisecond)
	cancel()
	<-done
}
