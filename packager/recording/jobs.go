package recording

import (
	"context"
	"log/slog"
	"sync"

	"github.com/sluice-live/sluice/public/panics"
)

// maxJobs bounds what may wait. A recording whose job finds no room is finished by the next start.
const maxJobs = 1024

// jobs does slow work on recordings, one after the other. What panics is left to the next start.
type jobs struct {
	queue chan func(context.Context)
	log   *slog.Logger

	mu        sync.Mutex
	postponed []func(context.Context) // for want of space
}

func newJobs(log *slog.Logger) *jobs {
	return &jobs{queue: make(chan func(context.Context), maxJobs), log: log}
}

func (j *jobs) add(job func(context.Context)) {
	select {
	case j.queue <- job:
	default:
	}
}

func (j *jobs) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-j.queue:
			j.do(ctx, job)
		}
	}
}

// drain does what waits now.
func (j *jobs) drain(ctx context.Context) {
	for n := len(j.queue); n > 0; n-- {
		j.do(ctx, <-j.queue)
	}
}

func (j *jobs) do(ctx context.Context, job func(context.Context)) {
	_ = panics.Contain(j.log, "the finishing of a recording", func() { job(ctx) })
}

// postpone keeps a job until again is called.
func (j *jobs) postpone(job func(context.Context)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.postponed = append(j.postponed, job)
}

// again adds the jobs that were postponed.
func (j *jobs) again() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, job := range j.postponed {
		j.add(job)
	}
	j.postponed = nil
}
