package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// namespace is a network of the benchmark's own, whose one link to the host carries what it is told to: a token bucket of the kernel, with
// a queue of queued, as routers have.
type namespace struct {
	t          testing.TB
	name, link string // link is the host's end
	host       string // the host's address in it
}

// queued is how long packets wait at most for a link that is full.
const queued = 300 * time.Millisecond

// newNamespace needs the rights of root, iproute2 and the kernel's tbf.
func newNamespace(t testing.TB) *namespace {
	t.Helper()
	id := os.Getpid() % 10_000
	n := &namespace{t, fmt.Sprint("sluice-", id), fmt.Sprint("slu", id, "h"), "198.18.77.1"}
	inside := fmt.Sprint("slu", id, "v")
	n.run("ip", "netns", "add", n.name)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", n.name).Run() }) // with it goes the link
	n.run("ip", "link", "add", n.link, "type", "veth", "peer", "name", inside, "netns", n.name)
	n.run("ip", "address", "add", n.host+"/30", "dev", n.link)
	n.run("ip", "link", "set", n.link, "up")
	n.run("ip", "-n", n.name, "address", "add", "198.18.77.2/30", "dev", inside)
	n.run("ip", "-n", n.name, "link", "set", inside, "up")
	n.run("ip", "-n", n.name, "link", "set", "lo", "up")
	return n
}

func (n *namespace) run(command ...string) {
	n.t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	require.NoError(n.t, err, "%s: %s", strings.Join(command, " "), out)
}

// carries has the link carry so many bits a second towards the namespace from now on.
func (n *namespace) carries(bits int) {
	n.t.Helper()
	n.run("tc", "qdisc", "replace", "dev", n.link, "root", "tbf", "rate", fmt.Sprint(bits, "bit"), "burst", "8kb", "latency", queued.String())
}

// browser is a Chromium in the namespace.
func (n *namespace) browser() *browser {
	n.t.Helper()
	script := filepath.Join(n.t.TempDir(), "chromium")
	require.NoError(n.t, os.WriteFile(script, []byte("#!/bin/sh\nexec ip netns exec "+n.name+" /usr/bin/chromium \"$@\"\n"), 0o755))
	return startBrowser(n.t, chromedp.ExecPath(script))
}

// freeAddress is one of the host in it, for TCP and UDP.
func (n *namespace) freeAddress() string {
	_, port, _ := net.SplitHostPort(freeAddress(n.t))
	return net.JoinHostPort(n.host, port)
}

// spell is what came to a page while its network was as it was.
type spell struct {
	First, Last         float64 // heights of the picture
	Settled             float64 // seconds after which the last height came
	Switches            int     // of the height, ten seconds later and after
	FPS, Kbits, Longest float64 // pictures and kbit a second; the longest standstill, in seconds
}

// watching keeps what comes to a watch page over WebRTC, twenty times a second.
const watching = `(() => {
	window.samples = [];
	setInterval(async () => {
		const all = [...(await sluice.player.peer.getStats()).values()], at = performance.now() / 1000;
		const video = all.find((r) => r.type === "inbound-rtp" && r.kind === "video");
		const bytes = all.find((r) => r.type === "transport").bytesReceived;
		if (video?.frameHeight) window.samples.push({ at, frames: video.framesDecoded, height: video.frameHeight, bytes });
	}, 50);
})()`

// since is what the samples say of the last so many seconds.
const since = `(() => {
	const began = performance.now() / 1000 - %g, all = window.samples.filter(({ at }) => at >= began);
	const first = all[0], last = all.at(-1), lasted = last.at - first.at;
	const changes = all.slice(1).filter(({ height }, i) => height !== all[i].height).map(({ at }) => at - began);
	const settled = changes.at(-1) ?? 0;
	let moved = first, longest = 0;
	for (const now of all) {
		if (now.frames !== moved.frames) moved = now;
		longest = Math.max(longest, now.at - moved.at);
	}
	return { First: first.height, Last: last.height, Settled: settled, Switches: changes.filter((at) => at > changes[0] + 10).length,
		FPS: (last.frames - first.frames) / lasted, Kbits: (last.bytes - first.bytes) / 125 / lasted, Longest: longest };
})()`

// BenchmarkNamespace has a Chromium watch a simulcast of another over WebRTC through a link that carries 3 Mbit/s, then a tenth of that, then
// 3 Mbit/s again, three times over: how large the picture is, after how many seconds, and how long it stood still at most. Unlike what
// ingest/bandwidth simulates, the network and its queue are the kernel's, and the receiver is a browser's.
func BenchmarkNamespace(b *testing.B) {
	n := newNamespace(b)
	n.carries(3_000_000)
	address, data := n.freeAddress(), b.TempDir()
	s := startCommand(b, exec.Command(program, "serve", "--http-listen", address, "--ice-udp", n.freeAddress(), "--data", data, "--insecure",
		"--http-hosts", n.host, "--record-min-free", "0", "--ladder", smallRung, "--record=false"), data)
	studio := startBrowser(b, chromedp.Flag("use-fake-device-for-media-stream", "fps=30"),
		chromedp.Flag("unsafely-treat-insecure-origin-as-secure", "http://"+address)).open("http://" + address + "/publish?stream=layers")
	studio.set("#resolution", "640x480")
	studio.set("#sizes", "3")
	studio.set("#max-bitrate", "1000000")
	studio.click("#start")
	s.waitState("layers", "live")
	viewer := n.browser().open("http://" + address + "/watch/layers?protocol=webrtc")
	viewer.wait("the whole picture", `document.querySelector("video").videoHeight === 480`)
	viewer.run(watching, nil)
	for b.Loop() {
		for range 3 {
			viewer.through(n, "3 Mbit/s", 3_000_000, 15*time.Second)
			fell := viewer.through(n, "300 kbit/s", 300_000, 20*time.Second)
			rose := viewer.through(n, "3 Mbit/s again", 3_000_000, 20*time.Second)
			require.Less(b, fell.Last, fell.First, "the network has an effect")
			require.Equal(b, fell.First, rose.Last)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// through tells what comes through the link while it carries so much.
func (p *tab) through(n *namespace, name string, bits int, lasts time.Duration) (found spell) {
	n.carries(bits)
	lapse(lasts)
	p.run(fmt.Sprintf(since, lasts.Seconds()), &found)
	n.t.Logf("%-14s  %.0fp to %.0fp after %4.1f s, %d changes ten seconds later; %.0f kbit/s, %.1f fps, longest standstill %.1f s",
		name, found.First, found.Last, found.Settled, found.Switches, found.Kbits, found.FPS, found.Longest)
	return found
}
