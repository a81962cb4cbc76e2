package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// nginxStore is an nginx that takes what is put into /in/.
const nginxStore = `
user %[3]s; pid %[1]s/pid; error_log stderr; daemon off; worker_processes 1;
events {}
http {
	log_format put '$request_method $uri $status';
	access_log %[1]s/log put;
	client_body_temp_path %[1]s/body;
	server {
		listen %[2]s;
		root %[1]s/www;
		location /in/ { dav_methods PUT DELETE; create_full_put_path on; client_max_body_size 0; }
	}
}`

// apacheStore is a site of Apache that does so by WebDAV.
const apacheStore = `
DocumentRoot %[1]s/www
DavLockDB %[1]s/lock
CustomLog %[1]s/log "%%m %%U %%>s"
<Directory %[1]s/www>
	Dav On
	Require all granted
</Directory>`

// storeDirectory has what a server of files needs, which may write into it.
func storeDirectory(t *testing.T) string {
	t.Helper()
	directory := cacheDirectory(t)
	for _, name := range []string{directory, filepath.Join(directory, "www"), filepath.Join(directory, "www", "in")} {
		require.NoError(t, os.MkdirAll(name, 0o777))
		require.NoError(t, os.Chmod(name, 0o777)) // whoever the server runs as
	}
	require.NoError(t, os.WriteFile(filepath.Join(directory, "www", "healthz"), nil, 0o644))
	return directory
}

// What is pushed to real servers plays there, and no manifest is there before what it names.
func TestPushToServers(t *testing.T) {
	t.Parallel() // and its parts in turn
	for name, start := range map[string]func(t *testing.T, directory, address string) string{
		"nginx": func(t *testing.T, directory, address string) string {
			me, err := user.Current()
			require.NoError(t, err)
			config := filepath.Join(directory, "nginx.conf")
			require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, nginxStore, directory, address, me.Username), 0o644))
			return startCache(t, address, "nginx", "-p", directory, "-c", config)
		},
		"Apache": func(t *testing.T, directory, address string) string {
			return startApache(t, directory, address, fmt.Sprintf(apacheStore, directory), "dav", "dav_fs")
		},
	} {
		t.Run(name, func(t *testing.T) {
			alongside(t, light)
			directory := storeDirectory(t)
			base := start(t, directory, freeAddress(t))
			s := startService(t, "--ladder", smallRung, "--segment", "1s", "--linger", "0s", "--record=false", "--push-url", base+"/in")
			p := newPublisher(t, s, "cam")
			p.send()
			log := func() string {
				text, _ := os.ReadFile(filepath.Join(directory, "log"))
				return string(text)
			}
			eventually(t, func() bool { return strings.Count(log(), "/in/cam/240p.m3u8") >= 3 }, "nothing is pushed: %s", log)
			p.stop()
			ended := func() bool {
				text, _ := os.ReadFile(filepath.Join(directory, "www", "in", "cam", "240p.m3u8"))
				return strings.Contains(string(text), "#EXT-X-ENDLIST")
			}
			eventually(t, ended, "the end is not pushed: %s", log)
			requireMediaFirst(t, log())
			for _, manifest := range []string{"index.m3u8", "manifest.mpd"} {
				eventually(t, func() bool { return pushedSeconds(base+"/in/cam/"+manifest) >= 3 }, "%s does not play", manifest)
			}
		})
	}
}

// requireMediaFirst wants as many segments of each rendition, and its initialization segment, to be there before each of its playlists.
func requireMediaFirst(t *testing.T, log string) {
	t.Helper()
	segments, inits, playlists := map[string]int{}, map[string]bool{}, map[string]int{}
	for line := range strings.Lines(log) {
		method, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		url, status, _ := strings.Cut(rest, " ")
		if method != "PUT" || !strings.HasPrefix(status, "20") {
			continue
		}
		name := path.Base(url)
		rendition, _, _ := strings.Cut(strings.TrimSuffix(name, ".m3u8"), "-")
		switch {
		case strings.HasSuffix(name, "-init.mp4"):
			inits[rendition] = true
		case strings.HasSuffix(name, ".m4s"):
			segments[rendition]++
		case name == "index.m3u8", name == "manifest.mpd":
			require.Len(t, inits, 2, "%s of video and audio: %s", name, log)
		default:
			playlists[rendition]++
			require.True(t, inits[rendition], log)
			require.GreaterOrEqual(t, segments[rendition], min(playlists[rendition], 3), log)
		}
	}
	require.Len(t, playlists, 2)
}

// pushedSeconds is how many seconds of video ffmpeg reads from a URL.
func pushedSeconds(url string) float64 {
	text, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", url).Output()
	if err != nil {
		return 0
	}
	packets, _ := strconv.ParseFloat(strings.Trim(strings.SplitN(string(text), "\n", 2)[0], ",\r "), 64)
	return packets / 30
}
