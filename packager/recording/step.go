package recording

// Step is what has become of a recording.
type Step int

// The steps, each told once of a recording. One that fails may do so before anything is kept.
const (
	StepBegun    Step = iota // something is kept
	StepFinished             // it is on the disk, whole or as far as a crash has let it come
	StepFailed               // the disk has stopped it; it plays up to there
	StepReady                // its video.mp4 is there
)

func (s *Store) step(step Step, info Info) {
	if s.opts.OnStep != nil {
		s.opts.OnStep(step, info)
	}
}

// Refused tells that a recording could not begin.
func (s *Store) Refused(stream string, cause error) {
	s.step(StepFailed, Info{Stream: stream, State: StateFailed, Error: told(cause, s.opts.Dir), Started: s.opts.Wall().UTC()})
}

// tellBegun tells, once, that something is kept.
func (r *Recording) tellBegun() {
	r.mu.Lock()
	first, info := !r.begun, r.info
	r.begun = true
	r.mu.Unlock()
	if first {
		r.store.step(StepBegun, info)
	}
}

// tellFailed tells, once, that the recording has failed; because is why where it does not say so itself.
func (r *Recording) tellFailed(because string) {
	r.mu.Lock()
	first, info := !r.failed, r.info
	r.failed = true
	r.mu.Unlock()
	if because != "" {
		info.State, info.Error = StateFailed, because
	}
	if first {
		r.store.step(StepFailed, info)
	}
}

// tellSettled tells that the end is on the disk.
func (r *Recording) tellSettled() {
	info := r.Info()
	if info.State == StateFailed {
		r.tellFailed("")
		return
	}
	r.store.step(StepFinished, info)
}
