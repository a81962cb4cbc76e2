package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// namespace is a network of the benchmark's own, whose one link to the host carries what it is told to: a token bucket of the kernel, with
// a queue of queued, as routers have.
type namespace struct {
	t             testing.TB
	name          string
	outer, inside string // ends of the link
	host          string // the host's address in it
}

// queued is how long packets wait at most for a link that is full.
const queued = 300 * time.Millisecond

// newNamespace needs the rights of root, iproute2 and the kernel's tbf.
func newNamespace(t testing.TB) *namespace {
	t.Helper()
	id := os.Getpid() % 10_000
	n := &namespace{t, fmt.Sprint("sluice-", id), fmt.Sprint("slu", id, "o"), fmt.Sprint("slu", id, "i"), "198.18.77.1"}
	n.run("ip", "netns", "add", n.name)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", n.name).Run() }) // with it goes the link
	n.run("ip", "link", "add", n.outer, "type", "veth", "peer", "name", n.inside, "netns", n.name)
	n.run("ip", "address", "add", n.host+"/30", "dev", n.outer)
	n.run("ip", "link", "set", n.outer, "up")
	n.run("ip", "-n", n.name, "address", "add", "198.18.77.2/30", "dev", n.inside)
	n.run("ip", "-n", n.name, "link", "set", n.inside, "up")
	n.run("ip", "-n", n.name, "link", "set", "lo", "up")
	return n
}

func (n *namespace) run(command ...string) {
	n.t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	require.NoError(n.t, err, "%s: %s", strings.Join(command, " "), out)
}

// carries has the link carry so many bits a second each way from now on.
func (n *namespace) carries(bits int) {
	n.t.Helper()
	for _, end := range [][]string{{"dev", n.outer}, {"dev", n.inside}} {
		in := []string{"tc"}
		if end[1] == n.inside {
			in = append(in, "-n", n.name)
		}
		n.run(slices.Concat(in, []string{"qdisc", "replace"}, end, []string{"root", "tbf", "rate", fmt.Sprint(bits, "bit"), "burst", "8kb", "latency", queued.String()})...)
	}
}

// browser is a Chromium in the namespace.
func (n *namespace) browser(more ...chromedp.ExecAllocatorOption) *browser {
	n.t.Helper()
	script := filepath.Join(n.t.TempDir(), "chromium")
	require.NoError(n.t, os.WriteFile(script, []byte("#!/bin/sh\nexec ip netns exec "+n.name+" /usr/bin/chromium \"$@\"\n"), 0o755))
	return startBrowser(n.t, append(more, chromedp.ExecPath(script))...)
}

// freeAddress is one of the host in it, for TCP and UDP.
func (n *namespace) freeAddress() string {
	_, port, _ := net.SplitHostPort(freeAddress(n.t))
	return net.JoinHostPort(n.host, port)
}

// spell is what a page has shown while the network was as it was.
type spell struct {
	First, Last  float64 // heights of the picture
	Settled      float64 // seconds after which the last height came
	Switches     int     // of the height, from ten seconds after the first on
	FPS, Longest float64 // pictures a second; the longest standstill, in seconds
}

// watching keeps what a watch page shows, twenty times a second.
const watching = `(() => {
	window.samples = [];
	const video = document.querySelector("video");
	setInterval(() => {
		window.samples.push({ at: performance.now() / 1000, frames: video.getVideoPlaybackQuality().totalVideoFrames, height: video.videoHeight });
	}, 50);
})()`

// since is what the samples say of the last so many seconds.
const since = `(() => {
	const began = performance.now() / 1000 - %g, all = window.samples.filter(({ at }) => at >= began);
	const first = all[0], last = all.at(-1), lasted = last.at - first.at;
	const changes = all.slice(1).filter(({ height }, i) => height !== all[i].height).map(({ at }) => at - began);
	let moved = first, longest = 0;
	for (const now of all) {
		if (now.frames !== moved.frames) moved = now;
		longest = Math.max(longest, now.at - moved.at);
	}
	return { First: first.height, Last: last.height, Settled: changes.at(-1) ?? 0, Switches: changes.filter((at) => at > changes[0] + 10).length,
		FPS: (last.frames - first.frames) / lasted, Longest: longest };
})()`

// BenchmarkNamespace has one Chromium publish and another one watch, the publisher or the viewer through a link that carries 3 Mbit/s, then a tenth
// of that, then 3 Mbit/s again, three times over: how large the picture is, after how many seconds, and how long it stood still at most. Unlike
// what ingest/bandwidth simulates, the network and its queue are the kernel's, and sender and receiver are browsers.
func BenchmarkNamespace(b *testing.B) {
	n := newNamespace(b)
	address, data := n.freeAddress(), b.TempDir()
	s := startCommand(b, exec.Command(program, "serve", "--http-listen", address, "--ice-udp", n.freeAddress(), "--data", data, "--insecure",
		"--http-hosts", n.host, "--record-min-free", "0", "--ladder", smallRung, "--record=false"), data)
	camera := []chromedp.ExecAllocatorOption{
		chromedp.Flag("use-fake-device-for-media-stream", "fps=30"), chromedp.Flag("unsafely-treat-insecure-origin-as-secure", s.base),
	}
	b.Run("viewer", func(b *testing.B) {
		n.carries(3_000_000)
		s.publishThrough(b, startBrowser(b, camera...), "layers", "3")
		n.narrow(b, map[string]*tab{"WebRTC": n.browser().open(s.base + "/watch/layers?protocol=webrtc")})
	})
	b.Run("publisher", func(b *testing.B) {
		n.carries(3_000_000)
		s.publishThrough(b, n.browser(camera...), "one", "1")
		watches := startBrowser(b)
		n.narrow(b, map[string]*tab{"WebRTC": watches.open(s.base + "/watch/one?protocol=webrtc"), "HLS": watches.open(s.base + "/watch/one?protocol=hls")})
	})
}

// publishThrough publishes so many layers of a small picture from a browser.
func (s *service) publishThrough(b *testing.B, from *browser, name, layers string) {
	studio := from.open(s.base + "/publish?stream=" + name)
	studio.set("#resolution", "640x480")
	studio.set("#sizes", layers)
	studio.set("#max-bitrate", "1000000")
	studio.click("#start")
	s.waitState(name, "live")
	b.Cleanup(studio.close)
}

// narrow has the link carry less and more while pages watch, and tells what each of them shows.
func (n *namespace) narrow(b *testing.B, pages map[string]*tab) {
	for _, page := range pages {
		page.wait("a picture", `document.querySelector("video").videoHeight > 0`)
		page.run(watching, nil)
	}
	for b.Loop() {
		for range 3 {
			for _, phase := range []struct {
				name  string
				bits  int
				lasts time.Duration
			}{{"3 Mbit/s", 3_000_000, 15 * time.Second}, {"300 kbit/s", 300_000, 20 * time.Second}, {"3 Mbit/s again", 3_000_000, 20 * time.Second}} {
				n.carries(phase.bits)
				lapse(phase.lasts)
				for protocol, page := range pages {
					var found spell
					page.run(fmt.Sprintf(since, phase.lasts.Seconds()), &found)
					b.Logf("%-6s  %-14s  %.0fp to %.0fp after %4.1f s, %d changes later; %4.1f fps, longest standstill %.1f s",
						protocol, phase.name, found.First, found.Last, found.Settled, found.Switches, found.FPS, found.Longest)
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}
