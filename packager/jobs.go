package packager

import "context"

// maxJobs bounds what may wait. A recording whose job finds no room is finished by the next start.
const maxJobs = 1024

// jobs does slow work on recordings, one after the other.
type jobs struct{ queue chan func(context.Context) }

func newJobs() jobs { return jobs{make(chan func(context.Context), maxJobs)} }

func (j jobs) add(job func(context.Context)) {
	select {
	case j.queue <- job:
	default:
	}
}

func (j jobs) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case job := <-j.queue:
			job(ctx)
		}
	}
}
