package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the server makes of a picture that is red on the left and blue on the right, one transform after the other in one
// broadcast, is what its viewers get.
func TestTransforms(t *testing.T) {
	logo := filepath.Join(t.TempDir(), "logo.png")
	out, err := exec.Command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "color=white:s=300x300", "-frames:v", "1", logo).CombinedOutput()
	require.NoError(t, err, "%s", out)
	s := startService(t, "--ladder", oneRung, "--linger", "1s", "--auth-publish", "open-sesame", "--logo", logo)
	film := filepath.Join(t.TempDir(), "film.mkv")
	out, err = exec.Command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "color=blue:s=640x480:r=30:d=10,drawbox=c=red:w=320:h=480:t=fill",
		"-f", "lavfi", "-i", "sine=f=440:d=10", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac", film).CombinedOutput()
	require.NoError(t, err, "%s", out)
	startPublish(t, film, s.base+"/whip/picture", "--loop", "--codec", "h264", "--token", "open-sesame")
	s.waitState("picture", "live", 20*time.Second)
	require.True(t, s.stream("picture").Encoder.Copies)
	red, blue := func(c colour) bool { return c.r > 150 && c.b < 80 }, func(c colour) bool { return c.b > 150 && c.r < 80 }
	white := func(c colour) bool { return min(c.r, c.g, c.b) > 150 }
	for _, c := range []struct {
		name  string
		looks func(p *frame) bool
	}{
		{"monochrome", func(p *frame) bool { return p.all(func(c colour) bool { return c.spread() < 16 }) }},
		{"mirror", func(p *frame) bool { return blue(p.at(20, 60)) && red(p.at(140, 60)) }},
		{"blur", func(p *frame) bool { return red(p.at(20, 60)) && p.at(77, 60).b > 40 && p.at(82, 60).r > 40 }},
		{"edges", func(p *frame) bool {
			return p.at(20, 60).r < 40 && p.at(140, 60).b < 40 && max(p.at(79, 60).r, p.at(80, 60).r) > 60
		}},
		{"clock", func(p *frame) bool {
			return red(p.at(20, 20)) && p.any(0, 100, 80, 120, white)
		}},
		{"logo", func(p *frame) bool {
			return white(p.at(144, 15)) && blue(p.at(144, 40)) && blue(p.at(155, 15)) && red(p.at(20, 15))
		}},
		{"", func(p *frame) bool { return red(p.at(20, 60)) && blue(p.at(140, 60)) && !p.any(0, 100, 80, 120, white) }},
	} {
		t.Run("as "+c.name, func(t *testing.T) {
			require.Equal(t, 204, s.transform(t, "picture", fmt.Sprintf(`{"transform":%q}`, c.name), "open-sesame"))
			var seen *frame
			require.Eventually(t, func() bool {
				seen = newestPicture(t, s, "picture")
				return s.stream("picture").Encoder.Transform == c.name && seen != nil && c.looks(seen)
			}, 30*time.Second, 500*time.Millisecond, "the picture does not look so")
		})
	}
	require.Equal(t, 400, s.transform(t, "picture", `{"transform":"movie=/etc/passwd"}`, "open-sesame"))
	require.Equal(t, 400, s.transform(t, "picture", `{}`, "open-sesame"))
	require.Equal(t, 404, s.transform(t, "nobody", `{"transform":"blur"}`, "open-sesame"))
	require.Equal(t, 401, s.transform(t, "picture", `{"transform":"blur"}`, "wrong-key"))
	require.Eventually(t, func() bool { return s.stream("picture").Encoder.Copies }, 20*time.Second, 200*time.Millisecond, "pictures that are not changed are passed on again")
}

// transform asks for one, and returns the status.
func (s *service) transform(t *testing.T, name, body, key string) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodPut, s.base+"/api/v1/streams/"+name+"/transform", strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

type colour struct{ r, g, b int }

func (c colour) spread() int { return max(c.r, c.g, c.b) - min(c.r, c.g, c.b) }

// frame is a picture of 160x120.
type frame struct{ rgb []byte }

const frameWidth, frameHeight = 160, 120

func (p *frame) at(x, y int) colour {
	i := 3 * (y*frameWidth + x)
	return colour{int(p.rgb[i]), int(p.rgb[i+1]), int(p.rgb[i+2])}
}

func (p *frame) any(fromX, fromY, toX, toY int, is func(colour) bool) bool {
	for y := fromY; y < toY; y++ {
		for x := fromX; x < toX; x++ {
			if is(p.at(x, y)) {
				return true
			}
		}
	}
	return false
}

func (p *frame) all(is func(colour) bool) bool {
	return !p.any(0, 0, frameWidth, frameHeight, func(c colour) bool { return !is(c) })
}

var (
	mapURI       = regexp.MustCompile(`#EXT-X-MAP:URI="([^"]+)"`)
	wholeSegment = regexp.MustCompile(`(?m)^[^#\n].*\.m4s$`)
)

// newestPicture is the first of the newest segment, or nil while there is none.
func newestPicture(t *testing.T, s *service, name string) *frame {
	t.Helper()
	rung := s.stream(name).Renditions[0].ID
	_, _, playlist := s.get("/live/" + name + "/" + rung + ".m3u8")
	maps, segments := mapURI.FindAllSubmatch(playlist, -1), wholeSegment.FindAll(playlist, -1)
	if len(maps) == 0 || len(segments) == 0 {
		return nil
	}
	newest := string(segments[len(segments)-1])
	begin := string(maps[len(maps)-1][1])
	if filepath.Dir(newest) != filepath.Dir(begin) {
		return nil // the newest epoch has no whole segment
	}
	_, _, head := s.get("/live/" + name + "/" + begin)
	_, _, media := s.get("/live/" + name + "/" + newest)
	decode := exec.Command("ffmpeg", "-loglevel", "error", "-i", "-", "-frames:v", "1", "-vf", fmt.Sprintf("scale=%d:%d", frameWidth, frameHeight), "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
	decode.Stdin = bytes.NewReader(append(head, media...))
	rgb, err := decode.Output()
	if err != nil || len(rgb) != 3*frameWidth*frameHeight {
		return nil
	}
	return &frame{rgb}
}
