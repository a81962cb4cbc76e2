package depay

import "time"

// track is what both kinds have in common: a source, the order of its packets, and the end of what was emitted.
type track struct {
	kind    Kind
	codec   Codec
	stats   *TrackStats
	emit    func(Frame)
	deliver func(packet)        // takes the packets in order
	settle  func(time.Duration) // passes on what the assembler has kept since before the deadline; nil for sound

	live   bool // a source feeds it
	ssrc   uint32
	buffer reorder
	last   int64 // PTS of the newest frame; -1: none yet
}

// init sets what is not zero at the beginning: the buffer is large, and is not copied.
func (t *track) init(k Kind, c Codec, stats *TrackStats, emit func(Frame)) {
	t.kind, t.codec, t.stats, t.emit, t.last = k, c, stats, emit, -1
}

// pop delivers what is in order, and what waited since before the deadline.
func (t *track) pop(deadline time.Duration) {
	if t.settle != nil {
		t.settle(deadline)
	}
	for {
		p, ok := t.buffer.pop(deadline)
		if !ok {
			return
		}
		t.stats.Lost += uint64(p.lost)
		t.deliver(p)
	}
}

func (t *track) count(v verdict) {
	switch v {
	case confirmed:
		t.stats.Stray--
	case duplicate:
		t.stats.Duplicates++
	case late:
		t.stats.Late++
	case stray:
		t.stats.Stray++
	}
}

// pass emits a frame of the publisher at that time, or directly after the newest if that is later, and returns its PTS.
func (t *track) pass(f Frame) int64 {
	if f.PTS <= t.last {
		f.PTS = t.last + 1
		t.stats.Stamped++
	}
	t.stats.FramesIn++
	t.stats.FramesOut++
	t.send(f)
	return f.PTS
}

// fillWith emits a frame that was made here.
func (t *track) fillWith(f Frame) {
	f.Filler = true
	t.stats.Fillers++
	t.send(f)
}

func (t *track) send(f Frame) {
	f.Codec, t.last = t.codec, f.PTS
	t.emit(f)
}
