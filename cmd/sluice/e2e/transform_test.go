package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the server makes of a picture that is red on the left and blue on the right, one transform after the other in one
// broadcast, is what its viewers get.
func TestTransforms(t *testing.T) {
	alongside(t, paged)
	logo := filepath.Join(t.TempDir(), "logo.png")
	out, err := patiently("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "color=white:s=300x300", "-frames:v", "1", logo).CombinedOutput()
	require.NoError(t, err, "%s", out)
	s := startService(t, "--ladder", clockRung, "--segment", "1s", "--linger", "1s", "--auth-publish", "open-sesame", "--logo", logo, "--whep-transcode", "off")
	film := filepath.Join(t.TempDir(), "film.mkv")
	out, err = patiently("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "color=blue:s=640x480:r=30:d=10,drawbox=c=red:w=320:h=480:t=fill",
		"-f", "lavfi", "-i", "sine=f=440:d=10", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac", film).CombinedOutput()
	require.NoError(t, err, "%s", out)
	startPublish(t, film, s.base+"/whip/picture", "--loop", "--codec", "h264", "--token", "open-sesame")
	s.waitState("picture", "live")
	require.True(t, s.stream("picture").Encoder.Copies)
	red, blue := func(c colour) bool { return c.r > 2*c.b+60 }, func(c colour) bool { return c.b > 2*c.r+60 }
	left, right, middle, corner, logoIn := area{10, 30, 60, 90}, area{100, 30, 150, 90}, area{74, 30, 86, 90}, area{0, 100, 80, 120}, area{141, 11, 147, 19}
	halves := frameOf(halfRed{})
	for _, c := range []struct {
		name  string
		looks func(p *frame) bool
	}{
		{"monochrome", func(p *frame) bool { return p.colourfulness(everywhere) < halves.colourfulness(everywhere)/5 }},
		{"mirror", func(p *frame) bool { return blue(p.mean(left)) && red(p.mean(right)) }},
		{"blur", func(p *frame) bool {
			return red(p.mean(left)) && blue(p.mean(right)) && p.difference(halves, middle) > 3*p.difference(halves, left)+10
		}},
		{"edges", func(p *frame) bool {
			return p.mean(left).r < 60 && p.mean(right).b < 60 && p.mean(area{78, 30, 82, 90}).r > 2*p.mean(left).r+20
		}},
		{"clock", func(p *frame) bool {
			return red(p.mean(left)) && p.difference(halves, corner) > 3*p.difference(halves, left)+5
		}},
		{"logo", func(p *frame) bool {
			white := p.mean(logoIn)
			return min(white.r, white.g) > white.b/2 && blue(p.mean(right)) && blue(p.mean(area{152, 4, 158, 24})) && red(p.mean(left))
		}},
		{"", func(p *frame) bool {
			return red(p.mean(left)) && blue(p.mean(right)) && p.difference(halves, corner) < 2*p.difference(halves, left)+5
		}},
	} {
		t.Run("as "+c.name, func(t *testing.T) {
			require.Equal(t, 204, s.transform(t, "picture", fmt.Sprintf(`{"transform":%q}`, c.name), "open-sesame"))
			var seen *frame
			describe := func() string {
				if seen == nil {
					return "no picture"
				}
				return fmt.Sprintf("left %v, right %v, logo %v, colourfulness %.1f, different by %.1f on the left, %.1f in the middle, %.1f in the corner, middle %v", seen.mean(left), seen.mean(right), seen.mean(logoIn),
					seen.colourfulness(everywhere), seen.difference(halves, left), seen.difference(halves, middle), seen.difference(halves, corner), seen.mean(area{78, 30, 82, 90}))
			}
			eventually(t, func() bool {
				seen = newestPicture(t, s, "picture")
				return s.stream("picture").Encoder.Transform == c.name && seen != nil && c.looks(seen)
			}, "the picture does not look so: %s", describe)
			t.Log(describe())
		})
	}
	requireTransformedChoice(t, s)
	require.Equal(t, 400, s.transform(t, "picture", `{"transform":"movie=/etc/passwd"}`, "open-sesame"))
	require.Equal(t, 400, s.transform(t, "picture", `{}`, "open-sesame"))
	require.Equal(t, 404, s.transform(t, "nobody", `{"transform":"blur"}`, "open-sesame"))
	require.Equal(t, 401, s.transform(t, "picture", `{"transform":"blur"}`, "wrong-key"))
	eventually(t, func() bool { return s.stream("picture").Encoder.Copies }, "pictures that are not changed are passed on again")
}

// Who watches over WebRTC chooses on the watch page between what is published and what the transform makes of it; the address says which.
func requireTransformedChoice(t *testing.T, s *service) {
	t.Helper()
	const spread = `(() => { const c = new OffscreenCanvas(8, 8).getContext("2d"); c.drawImage(sluice.video, 0, 0, 8, 8);
		const d = c.getImageData(0, 0, 8, 8).data; let sum = 0;
		for (let i = 0; i < d.length; i += 4) sum += Math.max(d[i], d[i + 1], d[i + 2]) - Math.min(d[i], d[i + 1], d[i + 2]);
		return sum / 64; })()`
	const playing, menu = `sluice.state() === "playing" && `, `document.querySelector("sluice-player").shadowRoot.getElementById("quality-button")`
	page := cameraBrowser.forTest(t).open(s.base + "/watch/picture?protocol=webrtc")
	page.wait("what is published", playing+spread+" > 100 && "+menu+".hidden")
	require.Equal(t, 204, s.transform(t, "picture", `{"transform":"monochrome"}`, "open-sesame"))
	page.pick("quality", "Transformed")
	page.wait("what is transformed", playing+spread+` < 30 && location.search.includes("transformed=1") && `+menu+`.innerText.trim() === "Transformed"`)
	page.screenshot("transformed")
	page.navigate(s.base + "/watch/picture?protocol=webrtc&transformed=1")
	page.wait("what is transformed, by the address", playing+spread+" < 30 && "+menu+`.innerText.trim() === "Transformed"`)
	page.pick("quality", "Original")
	page.wait("what is published again", playing+spread+` > 100 && !location.search.includes("transformed")`)
	require.Equal(t, 204, s.transform(t, "picture", `{"transform":""}`, "open-sesame"))
	page.wait("nothing to choose", menu+".hidden")
}

// halfRed is what TestTransforms films.
type halfRed struct{}

func (halfRed) ColorModel() color.Model { return color.RGBAModel }
func (halfRed) Bounds() image.Rectangle { return image.Rect(0, 0, 640, 480) }

func (halfRed) At(x, _ int) color.Color {
	if x < 320 {
		return color.RGBA{R: 255, A: 255}
	}
	return color.RGBA{B: 255, A: 255}
}

// transform asks for one, and returns the status.
func (s *service) transform(t testing.TB, name, body, key string) int {
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

// area is a part of a frame; to is outside of it.
type area struct{ fromX, fromY, toX, toY int }

var everywhere = area{0, 0, frameWidth, frameHeight}

// mean is the colour of the area seen from afar.
func (p *frame) mean(a area) colour {
	var sum colour
	for y := a.fromY; y < a.toY; y++ {
		for x := a.fromX; x < a.toX; x++ {
			c := p.at(x, y)
			sum = colour{sum.r + c.r, sum.g + c.g, sum.b + c.b}
		}
	}
	count := (a.toX - a.fromX) * (a.toY - a.fromY)
	return colour{sum.r / count, sum.g / count, sum.b / count}
}

// meanOf is the mean over the area of something that its points have.
func (p *frame) meanOf(a area, value func(x, y int) int) float64 {
	sum := 0
	for y := a.fromY; y < a.toY; y++ {
		for x := a.fromX; x < a.toX; x++ {
			sum += value(x, y)
		}
	}
	return float64(sum) / float64((a.toX-a.fromX)*(a.toY-a.fromY))
}

// colourfulness is the mean spread of the colours of an area: 0 is grey.
func (p *frame) colourfulness(a area) float64 {
	return p.meanOf(a, func(x, y int) int { return p.at(x, y).spread() })
}

// difference is how far the area is from the same one of another frame, from 0 to 255.
func (p *frame) difference(o *frame, a area) float64 {
	return p.meanOf(a, func(x, y int) int {
		c, d := p.at(x, y), o.at(x, y)
		return (abs(c.r-d.r) + abs(c.g-d.g) + abs(c.b-d.b)) / 3
	})
}

func abs(n int) int { return max(n, -n) }

var (
	mapURI       = regexp.MustCompile(`#EXT-X-MAP:URI="([^"]+)"`)
	wholeSegment = regexp.MustCompile(`(?m)^[^#\n].*\.m4s$`)
)

// newestPicture is the first of the newest segment, or nil while there is none.
func newestPicture(t *testing.T, s *service, name string) *frame {
	t.Helper()
	rendition := s.stream(name).Renditions[0].ID
	_, _, playlist := s.get("/live/" + name + "/" + rendition + ".m3u8")
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
