package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const originRung = "480p=640x480@30:800k" // 2 s of it are 200 KB

// plainNginx serves files as fast as it can, on one core.
const plainNginx = `worker_processes 1; daemon off; pid DIR/pid; error_log DIR/error.log; user root;
events { worker_connections 1024; }
http {
	access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=100;
	client_body_temp_path DIR; proxy_temp_path DIR; fastcgi_temp_path DIR; uwsgi_temp_path DIR; scgi_temp_path DIR;
	server {
		listen ADDRESS;
		location /segments/ { alias SEGMENTS/; }
		location /playlists/ { alias DIR/; }
		location /playlists/gzip { alias DIR/gzip; add_header Content-Encoding gzip; }
		location /healthz { return 200; }
	}
}
`

// BenchmarkBesideNginx measures how many answers a second the service gives beside what nginx gives of the same bytes from
// files: each on the same one core, in turns, with wrk on the other. The stream goes on meanwhile. Run it with -benchtime 1x.
func BenchmarkBesideNginx(b *testing.B) {
	b.Setenv("GOMAXPROCS", "1")
	s := startService(b, "--ladder", originRung)
	epoch := startStream(b, s, "origin", "480p", 8)
	out, err := exec.Command("taskset", "--all-tasks", "--cpu-list", "--pid", "0", strconv.Itoa(s.cmd.Process.Pid)).CombinedOutput()
	require.NoError(b, err, "%s", out)
	directory, address := cacheDirectory(b), freeAddress(b)
	config := strings.NewReplacer("ADDRESS", address, "SEGMENTS", filepath.Join(s.data, "live", "origin", epoch, "out"), "DIR", directory).Replace(plainNginx)
	require.NoError(b, os.WriteFile(directory+"/nginx.conf", []byte(config), 0o644))
	nginx := startCache(b, address, "taskset", "--cpu-list", "0", "nginx", "-c", directory+"/nginx.conf")
	eventually(b, func() bool { return newestSegment(s) > 3 })
	b.Run("segment", func(b *testing.B) {
		name := fmt.Sprintf("480p-%d.m4s", newestSegment(s))
		for b.Loop() {
			besideNginx(b, s.base+"/live/origin/"+epoch+"/"+name, nginx+"/segments/"+name, "")
		}
	})
	playlist := s.base + "/live/origin/480p.m3u8"
	for _, coding := range []string{"gzip", "identity"} {
		b.Run("playlist/"+coding, func(b *testing.B) {
			require.NoError(b, os.WriteFile(filepath.Join(directory, coding), fetchCoded(b, playlist, coding), 0o644))
			for b.Loop() {
				besideNginx(b, playlist, nginx+"/playlists/"+coding, coding)
			}
		})
	}
}

// newestSegment is the number of the newest whole segment.
func newestSegment(s *service) int64 {
	_, _, body := s.get("/live/origin/480p.m3u8")
	return parseListing("", string(body)).next.msn - 1
}

// fetchCoded gets a body as it comes over the wire.
func fetchCoded(b *testing.B, url, coding string) []byte {
	b.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	require.NoError(b, err)
	request.Header.Set("Accept-Encoding", coding)
	response, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(b, err)
	require.Equal(b, http.StatusOK, response.StatusCode)
	return body
}

// besideNginx takes turns, and of each figure the median: what else the machine does comes and goes.
func besideNginx(b *testing.B, ours, theirs, coding string) {
	var own, other, ratios []float64
	for range 7 {
		own, other = append(own, load(b, ours, coding)), append(other, load(b, theirs, coding))
		ratios = append(ratios, own[len(own)-1]/other[len(other)-1])
	}
	for _, figures := range [][]float64{own, other, ratios} {
		slices.Sort(figures)
	}
	b.ReportMetric(float64(len(fetchCoded(b, ours, coding))), "bytes")
	b.ReportMetric(percentile(own, 50), "own/s")
	b.ReportMetric(percentile(other, 50), "nginx/s")
	b.ReportMetric(percentile(ratios, 50), "own/nginx")
	b.ReportMetric(0, "ns/op")
}

var perSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// load asks for the URL over 32 connections as fast as it is answered; the result is answers per second.
func load(b *testing.B, url, coding string) float64 {
	b.Helper()
	out, err := exec.Command("taskset", "--cpu-list", "1", "wrk", "--threads", "1", "--connections", "32", "--duration", "2s",
		"--header", "Accept-Encoding: "+coding, url).CombinedOutput()
	require.NoError(b, err, "%s: scripts/bench installs wrk", out)
	require.NotContains(b, string(out), "Non-2xx", "%s", url)
	require.NotContains(b, string(out), "Socket errors", "%s", url)
	found := perSecond.FindSubmatch(out)
	require.NotNil(b, found, "%s", out)
	rate, err := strconv.ParseFloat(string(found[1]), 64)
	require.NoError(b, err)
	return rate
}
