package e2e

import (
	"path/filepath"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// away is how long a service that is started again is not there, besides what it needs to stop and start.
const away = time.Second

// serviceKilled is kill -9 and a start on the same ports and data. No ffmpeg is left, the recording plays up to the last second,
// and the stream is there before its publisher is.
func serviceKilled() fault {
	return fault{name: "service killed", stall: 15 * time.Second, epoch: true, away: true, inject: func(c *chaos) {
		ffmpegs := children(c.s.cmd.Process.Pid)
		require.NotEmpty(c.t, ffmpegs)
		c.s.kill()
		played := time.Since(c.began)
		for _, pid := range ffmpegs {
			eventually(c.t, func() bool { return gone(pid) }, "ffmpeg outlives its parent")
		}
		found, _ := filepath.Glob(filepath.Join(c.s.data, "recordings", chaosStream, "*", "source-*.webm"))
		require.NotEmpty(c.t, found)
		c.comeBack()
		c.later = append(c.later, func() { requireDuration(c.t, found[len(found)-1], played-1500*time.Millisecond) })
	}}
}

// serviceRestarted is SIGTERM with on-stop keep, and a start.
func serviceRestarted() fault {
	return fault{name: "service restarted", stall: 20 * time.Second, epoch: true, away: true, inject: func(c *chaos) {
		told := time.Now()
		require.NoError(c.t, c.s.cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(c.t, <-c.s.exited)
		require.Less(c.t, time.Since(told), 10*time.Second+sharing, "the drain")
		c.comeBack()
	}}
}

// comeBack starts the service again. Who published and watched over WebRTC has to begin anew.
func (c *chaos) comeBack() {
	c.publisher.vanish()
	lapse(away)
	c.restart()
	require.Equal(c.t, "interrupted", c.s.stream(chaosStream).State)
	c.archive.check(c, "before the publisher is back")
	lapse(away)
	c.publish()
	c.watch()
}
