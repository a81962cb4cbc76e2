package e2e

import (
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// encoderKilled is ffmpeg killed, as by a lack of memory.
func encoderKilled() fault {
	return fault{name: "ffmpeg killed", stall: 6 * time.Second, silence: untouched, epoch: true, inject: func(c *chaos) {
		waitEpoch := c.nextEpoch()
		require.NoError(c.t, syscall.Kill(encoderOf(c.t, c.s), syscall.SIGKILL))
		waitEpoch()
	}}
}

// encoderPaused is an ffmpeg that does nothing for a moment.
func encoderPaused() fault {
	return fault{name: "ffmpeg stopped for 0.7 s", stall: 4 * time.Second, silence: untouched, inject: func(c *chaos) {
		pid := encoderOf(c.t, c.s)
		require.NoError(c.t, syscall.Kill(pid, syscall.SIGSTOP))
		lapse(700 * time.Millisecond)
		require.NoError(c.t, syscall.Kill(pid, syscall.SIGCONT))
		lapse(2 * time.Second)
	}}
}

// encoderStopped is an ffmpeg that does nothing any more: it is found and killed, and the next one goes on before gaps are listed.
func encoderStopped() fault {
	return fault{name: "ffmpeg stopped", stall: 16 * time.Second, silence: untouched, epoch: true, inject: func(c *chaos) {
		reduced, waitEpoch := c.reductions(), c.nextEpoch()
		stopped := encoderOf(c.t, c.s)
		require.NoError(c.t, syscall.Kill(stopped, syscall.SIGSTOP))
		eventually(c.t, func() bool { return gone(stopped) })
		waitEpoch()
		require.Equal(c.t, reduced, c.reductions(), "that says nothing about the machine's speed")
	}}
}

const overloaded = "machine too slow for the ladder"

// overload is ffmpeg running a twenty-fifth of the time.
func overload() fault {
	return fault{name: overloaded, stall: 16 * time.Second, silence: untouched, epoch: true, inject: func(c *chaos) {
		before, waitEpoch := c.reductions(), c.nextEpoch()
		for try := 0; c.reductions() == before; try++ { // one that is too slow to be told from one that stands still is killed, too
			require.Less(c.t, try, 5)
			slow, restarts := encoderOf(c.t, c.s), c.s.stream(chaosStream).Encoder.Restarts
			stop := slowDown(c.t, c.s)
			eventually(c.t, func() bool { return c.reductions() > before || gone(slow) })
			stop()
			eventually(c.t, func() bool { return c.s.stream(chaosStream).Encoder.Restarts > restarts && c.encodes() })
		}
		require.Contains(c.t, c.s.stream(chaosStream).Encoder.Reduced, "too slow for its ladder")
		waitEpoch()
	}}
}

// encodes tells whether an ffmpeg runs.
func (c *chaos) encodes() bool { return len(encodersOf(c.s)) == 1 }

// nextEpoch returns what waits until viewers get something of another epoch than the newest one of now.
func (c *chaos) nextEpoch() (wait func()) {
	before := c.newestInit()
	return func() {
		c.t.Helper()
		eventually(c.t, func() bool { return c.newestInit() != before }, "no other epoch")
	}
}

// newestInit is the initialization segment that is listed last.
func (c *chaos) newestInit() string {
	_, _, playlist := c.s.get("/live/" + chaosStream + "/240p.m3u8")
	listed := parseListing("/", string(playlist)).inits
	if len(listed) == 0 {
		return ""
	}
	return listed[len(listed)-1]
}
