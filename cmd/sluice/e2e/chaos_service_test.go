package e2e

import (
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// away is how long a service that is started again is not there, besides what it needs to stop and start.
const away = time.Second

// serviceKilled is kill -9 and a start on the same ports and data. The stream is there before its publisher is.
func serviceKilled() fault {
	return fault{name: "service killed", stall: 15 * time.Second, inject: func(c *chaos) {
		c.s.kill()
		c.publisher.vanish()
		c.comeBack()
	}}
}

// serviceRestarted is SIGTERM with on-stop keep, and a start.
func serviceRestarted() fault {
	return fault{name: "service restarted", stall: 20 * time.Second, inject: func(c *chaos) {
		told := time.Now()
		require.NoError(c.t, c.s.cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(c.t, <-c.s.exited)
		require.Less(c.t, time.Since(told), 10*time.Second, "the drain")
		c.publisher.vanish()
		c.comeBack()
	}}
}

func (c *chaos) comeBack() {
	time.Sleep(away)
	c.restart()
	require.Equal(c.t, "interrupted", c.s.stream(chaosStream).State)
	status, _, _ := c.s.get("/live/" + chaosStream + "/240p.m3u8")
	require.Equal(c.t, 200, status, "the playlist is there before the publisher is")
	time.Sleep(away)
	c.publish()
	c.watch()
}
