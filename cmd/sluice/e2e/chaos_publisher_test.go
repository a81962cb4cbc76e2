package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
)

// mute is what the publishers of a stream do not send at the moment.
type mute struct{ video, audio atomic.Bool }

func (m *mute) apply(p *publisher) {
	if p.video != nil {
		p.video.quiet = func(time.Duration) bool { return m.video.Load() }
	}
	if p.audio != nil {
		p.audio.quiet = func(time.Duration) bool { return m.audio.Load() }
	}
}

const (
	// still is how long the picture of players that lack nothing may stand still: not at all, but for a busy machine.
	still = 6 * time.Second
	// returnIn is how soon after its return a publisher's picture moves again. What is aimed at is 2 s.
	returnIn = 6 * time.Second
)

// publisherGone is a tab that is closed and opened again.
func publisherGone(away time.Duration) fault {
	return fault{name: fmt.Sprintf("publisher gone for %v", away), stall: still, frozen: away + returnIn, inject: func(c *chaos) {
		c.publisher.vanish()
		lapse(away)
		c.publish()
		lapse(2 * time.Second)
	}}
}

// publisherReplaced is DELETE, and another POST at once.
func publisherReplaced() fault {
	return fault{name: "publisher deleted, another", stall: still, frozen: returnIn, inject: func(c *chaos) {
		c.publisher.stop()
		c.publish()
		lapse(2 * time.Second)
	}}
}

// publisherTakenOver is a second publisher, who begins while the first one sends.
func publisherTakenOver() fault {
	return fault{name: "another publisher takes over", stall: still, frozen: returnIn, silence: untouched, inject: func(c *chaos) {
		first := c.publisher
		c.publish()
		lapse(2 * time.Second)
		first.stop()
		require.True(c.t, c.s.stream(chaosStream).Publisher.Connected, "ending the older session again ends nothing")
	}}
}

// publisherCutOff is a publisher that is not heard of any more and has not said so, and another.
func publisherCutOff(away time.Duration) fault {
	return fault{name: fmt.Sprintf("publisher cut off, another in %v", away), stall: still, frozen: away + returnIn, inject: func(c *chaos) {
		c.network.suffer(nil, true)
		first := c.publisher
		lapse(away)
		c.publish()
		first.vanish()
		lapse(2 * time.Second)
	}}
}

// iceRestart is a publisher whose network has changed.
func iceRestart() fault {
	return fault{name: "ICE restart", stall: still, frozen: returnIn, silence: untouched, inject: func(c *chaos) {
		c.publisher.restartICE()
		lapse(3 * time.Second)
	}}
}

// soundMuted is a microphone that sends nothing for a while.
func soundMuted(during time.Duration) fault {
	return fault{name: fmt.Sprintf("no sound for %v", during), stall: still, frozen: returnIn, silence: untouched, inject: func(c *chaos) {
		c.mute.audio.Store(true)
		lapse(during)
		c.mute.audio.Store(false)
		lapse(time.Second)
	}}
}

// cameraQuiet is a camera that sends nothing for a while.
func cameraQuiet(during time.Duration) fault {
	return fault{name: fmt.Sprintf("no picture for %v", during), stall: still, frozen: during + returnIn, inject: func(c *chaos) {
		c.mute.video.Store(true)
		lapse(during)
		c.mute.video.Store(false)
		lapse(2 * time.Second)
	}}
}

// tracksRemoved is replaceTrack(null) for picture and sound, and the tracks again.
func tracksRemoved(during time.Duration) fault {
	return fault{name: fmt.Sprintf("replaceTrack(null) for %v", during), stall: still, frozen: during + returnIn, inject: func(c *chaos) {
		senders := []*sender{c.publisher.video, c.publisher.audio}
		for _, s := range senders {
			require.NoError(c.t, s.rtp.ReplaceTrack(nil))
		}
		lapse(during)
		for _, s := range senders {
			require.NoError(c.t, s.rtp.ReplaceTrack(s.track))
		}
		lapse(2 * time.Second)
	}}
}

// tracksChanged is a publisher of sound, and then one of sound and picture. Who listens goes on listening.
func tracksChanged() fault {
	return fault{name: "sound, then picture too", stall: 6 * time.Second, epoch: true, inject: func(c *chaos) {
		c.publisher.stop()
		c.publish()
		eventually(c.t, func() bool { return c.newestInit() != "" }, "no picture")
		lapse(3 * time.Second)
	}}
}

// codecChanged is a publisher that comes back with another codec, and then with its first. Who watches over WHEP connects anew.
func codecChanged() fault {
	return fault{name: "VP8, then VP9, then VP8", stall: 6 * time.Second, epoch: true, inject: func(c *chaos) {
		for _, codec := range []coding{vp9, vp8} {
			clip, err := makeClip(codec)
			require.NoError(c.t, err)
			c.publisher.stop()
			c.publishClip(clip)
			eventually(c.t, func() bool {
				told := c.s.stream(chaosStream).Publisher // nil between the two
				return told != nil && told.Video != nil && strings.EqualFold(told.Video.Codec, codec.name)
			}, "%s", codec.name)
			lapse(3 * time.Second)
		}
		c.watch()
		lapse(time.Second)
	}}
}
