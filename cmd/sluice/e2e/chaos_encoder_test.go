package e2e

import (
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// encoderKilled is ffmpeg killed, as by a lack of memory.
func encoderKilled() fault {
	return fault{name: "ffmpeg killed", stall: 6 * time.Second, silence: time.Second, inject: func(c *chaos) {
		require.NoError(c.t, syscall.Kill(encoderOf(c.t, c.s), syscall.SIGKILL))
		time.Sleep(4 * time.Second)
	}}
}

// encoderStopped is an ffmpeg that does nothing any more.
func encoderStopped() fault {
	return fault{name: "ffmpeg stopped", stall: 16 * time.Second, silence: time.Second, inject: func(c *chaos) {
		require.NoError(c.t, syscall.Kill(encoderOf(c.t, c.s), syscall.SIGSTOP))
		time.Sleep(10 * time.Second)
	}}
}
