package recording

import (
	"context"
	"sync"
)

// maxJobs bounds what may wait. A recording whose job finds no room is finished by the next start.
const maxJobs = 1024

// jobs does slow work on recordings, one after the other.
type jobs struct {
	queue chan func(context.Context)

	mu        sync.Mutex
	postponed []func(context.Context) // for want of space
}

func newJobs() *jobs { return &jobs{queue: make(chan func(context.Context), maxJobs)} }

func (j *jobs) add(job func(context.Context)) {
	select {
	case j.queue <- job:
	default:
	}
}

func (j *jobs) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case job := <-j.queue:
			job(ctx)
		}
	}
}

// drain does what waits now.
func (j *jobs) drain(ctx context.Context) {
	for n := len(j.queue); n > 0; n-- {
		(<-j.queue)(ctx)
	}
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
