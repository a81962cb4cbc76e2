package transcode

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

// run is what exists while ffmpeg does.
type run struct {
	*process
	job    *Job
	pipes  []*pipe
	layers *layering     // nil without layers
	faces  *faceSearch   // nil without that transform
	fed    chan error    // one result of each feed
	exited chan struct{} // closed when ffmpeg has exited
}

// openPipes opens one pipe for each input, video first and its layers next: that is the order of the inherited descriptors.
func (r *run) openPipes() error {
	if len(r.job.opts.layers()) > 0 {
		r.layers = newLayering(r.job)
		for _, queue := range r.layers.queues {
			r.pipes = append(r.pipes, &pipe{frames: queue, leave: queue.leave})
		}
	}
	r.job.eachQueue(func(q *queue) {
		if r.layers == nil || !q.video {
			r.pipes = append(r.pipes, &pipe{frames: q, leave: func() {}})
		}
	})
	files, err := r.addPipes(len(r.pipes))
	for i, f := range files {
		p := r.pipes[i]
		p.file = f
		if q, ok := p.frames.(*queue); ok {
			p.writer = r.job.wrap(q, f)
			if q == r.job.video {
				p.before, r.job.earlier = r.job.earlier, nil
			}
		} else {
			p.writer = r.job.videoWriter(f)
		}
	}
	if err == nil && r.job.opts.findsFaces() {
		err = r.openFaces()
	}
	return err
}

// openFaces adds the pipes of what finds faces, which hears of each picture of the video.
func (r *run) openFaces() (err error) {
	if r.faces, err = r.openFaceSearch(r.job.opts); err != nil {
		r.closeFiles()
		return fmt.Errorf("open pipes of faces: %w", err)
	}
	video := r.pipes[0]
	video.writer, video.leave = facesFrames{video.writer, r.faces}, func() { close(r.faces.times) }
	return nil
}

// feeds are what has to run until the inputs are closed.
func (r *run) feeds() (feeds []func() error) {
	for _, p := range r.pipes {
		feeds = append(feeds, func() error { return p.feed(busyStalls * r.job.opts.Stall) })
	}
	if r.layers != nil {
		feeds = append(feeds, r.layers.feed)
	}
	return feeds
}

// contained calls f; its panic ends ffmpeg, which nothing feeds or watches any more.
func (r *run) contained(where string, f func() error) (err error) {
	if fault := panics.Contain(r.job.opts.Logger, where, func() { err = f() }); fault != nil {
		_ = r.cmd.Process.Kill()
		return fault
	}
	return err
}

// run starts the process and the goroutines beside it, and returns when all have ended. What the supervisor found comes
// before the exit status, which is only its consequence.
func (r *run) run(ctx context.Context) error {
	var group sync.WaitGroup
	var cause error
	living, exit := context.WithCancel(ctx)
	defer exit()
	err := r.process.run(func() {
		r.closeChildFiles()
		for _, feed := range r.feeds() {
			group.Go(func() { r.fed <- r.contained("what feeds ffmpeg", feed) })
		}
		group.Go(func() { cause = r.contained("what supervises ffmpeg", func() error { return r.supervise(ctx) }) })
		r.startFaceSearch(group.Go)
		group.Go(func() {
			_ = panics.Contain(r.job.opts.Logger, "what makes thumbnails", func() { r.job.thumbnails(living) })
		})
	})
	close(r.exited)
	exit()
	early := !r.job.inputClosed()
	r.job.eachQueue((*queue).end)
	group.Wait()
	switch {
	case r.cmd.Process == nil:
		r.closeFiles()
	case cause != nil:
		return r.explain(cause)
	case err == nil && early:
		return r.explain(errors.New("it ended before its input"))
	}
	return err
}

// closeFiles is for a process that did not start.
func (r *run) closeFiles() {
	r.closeChildFiles()
	for _, p := range r.pipes {
		p.file.Close()
	}
	r.faces.close()
}

// supervise carries out the end of the run, whatever begins it: all that was fed is written, a pipe failed, video can be
// passed through no longer, or ctx ended. It returns why it had to kill or to end, nil if it had not.
func (r *run) supervise(ctx context.Context) error {
	ending := ctx.Done()
	var overdue <-chan time.Time
	finish := func() {
		if overdue == nil {
			overdue = time.After(r.job.opts.Grace)
		}
	}
	var ended error
	terminated := false
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	watchdog := &watchdog{stall: r.job.opts.Stall}
	for open := len(r.feeds()); ; {
		select {
		case <-r.exited:
			return ended
		case err := <-r.fed:
			if errors.As(err, new(*PassthroughError)) {
				ended, err = err, nil
				r.job.CloseInput()
				finish()
			}
			if open--; open == 0 || err != nil {
				finish()
			}
			if err != nil && !errors.Is(err, syscall.EPIPE) {
				return r.kill(err)
			}
		case slow := <-r.job.slow:
			return r.kill(slow)
		case <-look.C:
			if err := r.checkProgress(watchdog); err != nil {
				return r.kill(err)
			}
		case <-ending:
			ending = nil
			r.job.CloseInput()
			finish()
		case <-overdue:
			if terminated {
				return r.kill(fmt.Errorf("it did not end within %v of its input's end", 2*r.job.opts.Grace))
			}
			r.signal(syscall.SIGTERM)
			terminated, overdue = true, time.After(r.job.opts.Grace)
		}
	}
}

// kill ends ffmpeg at once, and returns why.
func (r *run) kill(cause error) error {
	r.signal(syscall.SIGKILL)
	return cause
}
