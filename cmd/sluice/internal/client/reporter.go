package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// counter counts what one track has sent.
type counter struct {
	frames, bytes atomic.Int64
	sent          atomic.Uint32 // sequence number of the last packet, and anySent
	received      atomic.Uint32 // highest sequence number that the receiver has reported, with its cycles
}

// anySent stands beside the sequence number of a packet.
const anySent = 1 << 16

func (c *counter) add(n int) {
	c.frames.Add(1)
	c.bytes.Add(int64(n))
}

// waitReceived waits until the receiver has reported the last packet, if there
// is one.
func (c *counter) waitReceived(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for c.sent.Load() != 0 && uint16(c.sent.Load()) != uint16(c.received.Load()) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// counters counts what a publisher has sent and was asked for.
type counters struct {
	video, audio counter
	keyRequests  atomic.Int64
}

// reporter says how a publisher is doing: each change of state on a line of
// its own, and on a terminal the rates once a second.
type reporter struct {
	out      io.Writer
	terminal bool
}

func newReporter(out io.Writer) *reporter {
	file, ok := out.(*os.File)
	if !ok {
		return &reporter{out: out}
	}
	info, err := file.Stat()
	return &reporter{out, err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// state prints a change of state.
func (r *reporter) state(format string, args ...any) {
	start := ""
	if r.terminal {
		start = "\r\x1b[K"
	}
	fmt.Fprintf(r.out, start+format+"\n", args...)
}

// rates prints a line that takes the place of the last one on a terminal.
func (r *reporter) rates(line string) {
	if r.terminal {
		fmt.Fprintf(r.out, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(r.out, line)
}

// Run prints the rates of each second until ctx ends; nothing when out is no
// terminal.
func (r *reporter) Run(ctx context.Context, c *counters) {
	if !r.terminal {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	started, before := time.Now(), [4]int64{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := [4]int64{c.video.frames.Load(), c.video.bytes.Load(), c.audio.frames.Load(), c.audio.bytes.Load()}
		r.rates(fmt.Sprintf("live %s  video %d fps %d kbit/s  audio %d packets/s %d kbit/s  key frames asked for %d",
			time.Since(started).Truncate(time.Second), now[0]-before[0], (now[1]-before[1])*8/1000,
			now[2]-before[2], (now[3]-before[3])*8/1000, c.keyRequests.Load()))
		before = now
	}
}

// isEOF reports whether err is an end of input, regular or early.
func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrClosed)
}
