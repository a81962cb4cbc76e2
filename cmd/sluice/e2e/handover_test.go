package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// heldFor is less than requests are held for when nothing comes: three target durations.
const heldFor = 2500 * time.Millisecond

// onlooker asks a service all the time, and is never refused nor told of a fault.
type onlooker struct {
	t       testing.TB
	running sync.WaitGroup
	mu      sync.Mutex
	newest  map[string]int // media sequence number behind the last, by who asks
}

// look asks by connections of their own, by one that is kept, and by requests that are held until there is more to play, until the test ends or stop is called.
func look(t testing.TB, base, stream string) (o *onlooker, stop func()) {
	o = &onlooker{t: t, newest: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	playlist := base + "/live/" + stream + "/audio.m3u8"
	for who, keeps := range map[string]bool{"by new connections": false, "by a kept connection": true, "and waits": true} {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: !keeps}}
		o.running.Go(func() {
			defer client.CloseIdleConnections()
			for wanted := 0; ctx.Err() == nil; lapse(lookEvery) {
				address := playlist
				if who == "and waits" && wanted > 0 {
					address += "?_HLS_msn=" + strconv.Itoa(wanted)
				}
				wanted = o.ask(ctx, client, who, address)
			}
		})
	}
	o.running.Go(func() {
		for ; ctx.Err() == nil; lapse(lookEvery) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			if assert.NoError(t, err, "a connection") {
				_ = conn.Close()
			}
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		o.running.Wait()
	})
	t.Cleanup(stop)
	return o, stop
}

// ask returns the media sequence number that the playlist has next.
func (o *onlooker) ask(ctx context.Context, client *http.Client, who, address string) (next int) {
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	require.NoError(o.t, err)
	response, err := client.Do(request)
	if ctx.Err() != nil {
		return 0
	}
	if !assert.NoError(o.t, err, who) {
		return 0
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if ctx.Err() != nil {
		return 0
	}
	assert.NoError(o.t, err, who)
	if response.StatusCode == http.StatusServiceUnavailable && time.Since(began) > heldFor {
		return 0 // a slow machine: nothing came for as long as requests are held
	}
	assert.Equal(o.t, http.StatusOK, response.StatusCode, "%s: %s: %s", who, address, body)
	for line := range strings.Lines(string(body)) {
		if first, ok := strings.CutPrefix(line, "#EXT-X-MEDIA-SEQUENCE:"); ok {
			_, err := fmt.Sscan(first, &next)
			assert.NoError(o.t, err)
		}
	}
	next += strings.Count(string(body), "#EXTINF:")
	o.mu.Lock()
	defer o.mu.Unlock()
	assert.GreaterOrEqual(o.t, next, o.newest[who], "%s: a playlist goes back", who)
	o.newest[who] = next
	return next
}

// goesOn waits until everybody has seen more of the stream.
func (o *onlooker) goesOn() {
	o.t.Helper()
	seen := func() map[string]int {
		o.mu.Lock()
		defer o.mu.Unlock()
		now := map[string]int{}
		for who, newest := range o.newest {
			now[who] = newest
		}
		return now
	}
	before := seen()
	eventually(o.t, func() bool {
		now := seen()
		for who := range now {
			if now[who] < before[who]+2 {
				return false
			}
		}
		return len(now) == 3
	}, "the stream does not go on for everybody: %v", func() string { return fmt.Sprint(seen()) })
}

// holder is the process that has the data directory.
func (s *service) holder() int {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.data, ".sluice-lock"))
	require.NoError(s.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(s.t, err)
	return pid
}

// handOver asks the service for the next process, and waits until that serves; the service is that process then.
func (s *service) handOver() {
	s.t.Helper()
	before := s.holder()
	require.NoError(s.t, syscall.Kill(before, syscall.SIGUSR2))
	eventually(s.t, func() bool {
		return strings.Contains(s.output.String(), "the next process serves") && s.holder() != before
	}, "no next process serves: %s", s.output.String)
	s.t.Cleanup(func() { s.stopHolder() })
}

// stopHolder ends the process that has taken over last, which is no child of the test.
func (s *service) stopHolder() {
	pid := s.holder()
	if pid == s.cmd.Process.Pid || !alive(pid) {
		return
	}
	require.NoError(s.t, syscall.Kill(pid, syscall.SIGTERM))
	select { // once all have ended who print to where the first does
	case err := <-s.exited:
		assert.NoError(s.t, err, "the first process must exit with 0")
		s.exited <- err
	case <-time.After(patience):
		_ = syscall.Kill(pid, syscall.SIGKILL)
		s.t.Errorf("process %d had not stopped %v after SIGTERM", pid, patience)
	}
}

// The service goes on in another process, of the program and the configuration that are there by then. Nobody who asks it is refused meanwhile,
// or told that something is wrong: those wait who come in between. A next process that does not start, or does not get to serve, leaves the service
// to the one before.
func TestHandOver(t *testing.T) {
	alongside(t, light)
	whole, err := os.ReadFile(program)
	require.NoError(t, err)
	own, file := filepath.Join(t.TempDir(), "sluice"), filepath.Join(t.TempDir(), "sluice.yaml")
	replace := func(name string, content []byte, mode os.FileMode) {
		require.NoError(t, os.WriteFile(name+".new", content, mode))
		require.NoError(t, os.Rename(name+".new", name))
	}
	replace(own, whole, 0o755)
	replace(file, []byte("unlisted: [first]\n"), 0o644)
	data := t.TempDir()
	args := []string{"--config", file, "--ladder", smallRung, "--linger", "60s", "--segment", "1s", "--window", "10m"}
	s := startCommand(t, serviceBy(t, []string{own}, data, args...), data)
	publish := func() *publisher {
		p := newPublisher(t, s, "cam")
		p.rounds = chaosRounds
		p.send()
		return p
	}
	first := publish()
	s.waitState("cam", "live")
	o, stop := look(t, s.base, "cam")
	o.goesOn()

	says := func(what string, times int) {
		t.Helper()
		eventually(t, func() bool { return strings.Count(s.output.String(), what) == times }, "%q is not said: %s", what, s.output.String)
	}
	refused := "not restarted: the next process does not start, this one goes on"
	replace(file, []byte("no-such-key: true\n"), 0o644)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGUSR2))
	says(refused, 1)
	require.Contains(t, s.output.String(), "no-such-key: there is no such key")
	replace(file, []byte("unlisted: [second]\n"), 0o644)
	replace(own, []byte("#!/bin/sh\nexit 1\n"), 0o755)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGUSR2))
	says(refused, 2)
	o.goesOn()
	require.Equal(t, s.cmd.Process.Pid, s.holder())
	require.NotContains(t, s.output.String(), "publisher has left")

	replace(own, []byte("#!/bin/sh\nprintf r >&4\nhead -c 1 <&3\nexit 1\n"), 0o755)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGUSR2))
	says("this process goes on with the streams", 1)
	first.vanish()
	second := publish()
	o.goesOn()
	require.Equal(t, s.cmd.Process.Pid, s.holder())

	replace(own, whole, 0o755)
	s.handOver()
	second.vanish()
	publish()
	s.waitState("cam", "live")
	o.goesOn()
	stop()
	require.NotEqual(t, s.cmd.Process.Pid, s.holder())
	says("publisher has left", 2) // told by the service, at once
	_, _, playlist := s.get("/live/cam/audio.m3u8")
	require.Equal(t, 2, strings.Count(string(playlist), "#EXT-X-DISCONTINUITY\n"), "%s", playlist)
}

// The publish page goes on in the next process, and nobody has to press anything.
func TestPublishPageFollows(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", calmRung, "--linger", "60s", "--record=false")
	page := cameraBrowser.forTest(t).open(s.base + "/publish?stream=cam")
	page.click("#start")
	page.wait("live", `document.querySelector("#badge").dataset.state === "live"`)
	s.waitState("cam", "live")
	s.handOver()
	s.waitFor("cam", func(st stream) bool {
		return st.State == "live" && st.Publisher != nil && st.Publisher.Video != nil && st.Publisher.Video.Packets > 0
	})
	page.wait("live again", `document.querySelector("#badge").dataset.state === "live"`)
	s.waitListed("/live/cam/240p.m3u8", "#EXT-X-DISCONTINUITY\n", 1)
}
