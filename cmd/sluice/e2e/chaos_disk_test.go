package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// diskFull is a disk without space for a while. The recording is marked, and another follows.
func diskFull(during time.Duration) fault {
	return fault{name: fmt.Sprintf("disk full for %v", during), stall: during + 20*time.Second, silence: untouched, epoch: true, inject: func(c *chaos) {
		waitEpoch, empty := c.nextEpoch(), c.world.fillUp()
		c.waitFault("the disk is full")
		failed := c.s.waitFor(chaosStream, func(st stream) bool { return st.Recording != nil && st.Recording.State == "failed" }).Recording
		require.Regexp(c.t, "no space left|bytes free, and", failed.Error)
		c.s.waitMetric("sluice_disk_fault", 1)
		lapse(during)
		empty()
		c.waitFault("")
		waitEpoch()
		c.recordsAgain()
		c.later = append(c.later, func() {
			for _, file := range []string{"video.mp4", "source-1.webm"} {
				requireDuration(c.t, filepath.Join(c.world.disk(), "data", "recordings", chaosStream, filepath.Base(failed.Path), file), 2*time.Second)
			}
		})
	}}
}

// diskReadOnly is a disk that cannot be written for a while. It is no reason to give a stream up, but one to refuse another.
func diskReadOnly(during time.Duration) fault {
	return fault{name: fmt.Sprintf("disk read-only for %v", during), stall: during + 20*time.Second, silence: untouched, epoch: true, inject: func(c *chaos) {
		restarts, waitEpoch := c.s.stream(chaosStream).Encoder.Restarts, c.nextEpoch()
		c.world.steer(`mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"`)
		c.waitFault("the disk is read-only")
		response, err := http.Post(c.s.base+"/whip/another", "application/sdp", strings.NewReader(c.publisher.pc.LocalDescription().SDP))
		require.NoError(c.t, err)
		told, _ := io.ReadAll(response.Body)
		response.Body.Close()
		require.Equal(c.t, http.StatusServiceUnavailable, response.StatusCode, "%s", told)
		require.Contains(c.t, string(told), "on the server the disk is read-only")
		lapse(during)
		require.LessOrEqual(c.t, c.s.stream(chaosStream).Encoder.Restarts, restarts+3, "no ffmpeg is started that could not write")
		c.world.steer(`umount "$0"`)
		c.waitFault("")
		waitEpoch()
		c.recordsAgain()
	}}
}

// directoriesDeleted is an rm -rf of what the service has on disk, first of what lies deep, then of all.
func directoriesDeleted() fault {
	directories := []string{"live/" + chaosStream, "live", "recordings", ""}
	return fault{name: "directories deleted", stall: 20 * time.Second, silence: untouched, epoch: true, inject: func(c *chaos) {
		c.checkLater()
		for _, directory := range directories {
			c.lose()
			require.NoError(c.t, removeAll(filepath.Join(c.s.data, directory)))
			c.waitGoesOn()
		}
		require.FileExists(c.t, filepath.Join(c.s.data, "live", chaosStream, "timeline.log"))
		c.recordsAgain()
	}}
}

// diskSlow is a disk that takes its time, again and again.
func diskSlow(during time.Duration) fault {
	return fault{name: fmt.Sprintf("slow disk for %v", during), stall: 8 * time.Second, silence: untouched, starves: true, inject: func(c *chaos) {
		for began := time.Now(); time.Since(began) < during; {
			c.freeze(time.Second)
			lapse(500 * time.Millisecond)
		}
		lapse(time.Second)
	}}
}

// diskSilent is a disk that does not answer for so long that ffmpeg is ended, unless the disk answers just before that.
func diskSilent() fault {
	return fault{name: "disk silent for 7 s", stall: 30 * time.Second, silence: untouched, either: true, starves: true, inject: func(c *chaos) {
		c.freeze(7 * time.Second)
		c.waitFault("")
		c.waitGoesOn()
	}}
}

// freeze lets nothing be written for a while. One shell does both, so that it thaws whatever becomes of the test.
func (c *chaos) freeze(during time.Duration) {
	c.world.steer(fmt.Sprintf(`fsfreeze --freeze "$0"; sleep %.1f; fsfreeze --unfreeze "$0"`, during.Seconds()))
}

// noInotify is a system that gives no file events, from the next ffmpeg on. They are looked for again every 10 s.
func noInotify() fault {
	return fault{name: "inotify lost, ffmpeg killed", stall: 8 * time.Second, silence: untouched, epoch: true, inject: func(c *chaos) {
		waitEpoch := c.nextEpoch()
		c.world.limitInotify(0)
		require.NoError(c.t, syscall.Kill(encoderOf(c.t, c.s), syscall.SIGKILL))
		waitEpoch()
		eventually(c.t, func() bool { return strings.Contains(c.s.output.String(), "fs.inotify.max_user_watches") }) // the epoch may be told before its ffmpeg
		c.waitGoesOn()
		c.world.limitInotify(1 << 16)
		c.later = append(c.later, func() {
			eventually(c.t, func() bool { return strings.Contains(c.s.output.String(), "file events again") })
		})
	}}
}

// waitFault waits until the stream tells that fault, or none.
func (c *chaos) waitFault(wanted string) {
	c.t.Helper()
	eventually(c.t, func() bool { return c.s.stream(chaosStream).Fault == wanted }, "no fault %q", wanted)
}

// waitGoesOn waits until the stream has listed new segments.
func (c *chaos) waitGoesOn() {
	c.t.Helper()
	listed := func() float64 { return c.s.metric(fmt.Sprintf(`sluice_segments_total{stream=%q}`, chaosStream)) }
	before := listed()
	eventually(c.t, func() bool { return listed() >= before+4 }, "nothing new is listed")
}

// recordsAgain has it checked in the end that the stream is recorded.
func (c *chaos) recordsAgain() {
	c.later = append(c.later, func() {
		c.s.waitFor(chaosStream, func(st stream) bool { return st.Recording != nil && st.Recording.State == "recording" })
	})
}

// removeAll is rm -rf, beside others who make files there.
func removeAll(directory string) (err error) {
	for range 10 {
		if err = os.RemoveAll(directory); err == nil {
			return nil
		}
	}
	return err
}
