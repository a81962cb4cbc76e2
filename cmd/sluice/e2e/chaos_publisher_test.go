package e2e

import (
	"sync/atomic"
	"time"
)

// publisherGone is a tab that is closed and opened again.
func publisherGone() fault {
	return fault{name: "publisher gone for 5 s", stall: 2 * time.Second, inject: func(c *chaos) {
		c.publisher.vanish()
		time.Sleep(5 * time.Second)
		c.publish()
		time.Sleep(3 * time.Second)
	}}
}

// publisherReplaced is DELETE, and another POST at once.
func publisherReplaced() fault {
	return fault{name: "publisher deleted, another", stall: 2 * time.Second, inject: func(c *chaos) {
		c.publisher.stop()
		c.publish()
		time.Sleep(3 * time.Second)
	}}
}

// cameraQuiet is a camera that sends nothing for a while; sound goes on.
func cameraQuiet() fault {
	return fault{name: "no video for 5 s", stall: 2 * time.Second, inject: func(c *chaos) {
		c.publisher.stop()
		var quiet atomic.Bool
		c.publisher = newPublisher(c.t, c.s, chaosStream)
		c.publisher.rounds = chaosRounds
		c.publisher.video.quiet = func(time.Duration) bool { return quiet.Load() }
		c.publisher.send()
		time.Sleep(2 * time.Second)
		quiet.Store(true)
		time.Sleep(5 * time.Second)
		quiet.Store(false)
		time.Sleep(2 * time.Second)
	}}
}
