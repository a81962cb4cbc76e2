package e2e

import (
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// ellipse is a spot of a drawing, whose edge is as soft as it says: 0 is sharp, 1 fades from the middle on.
type ellipse struct {
	x, y, width, height float64
	soft                float64
	c                   colour
}

// cover is how much of a point the spot covers.
func (e ellipse) cover(x, y float64) float64 {
	r := math.Hypot((x-e.x)/e.width, (y-e.y)/e.height)
	return max(0, min(1, (1-r)/max(e.soft, 0.03)))
}

// drawnFace is a face whose ears are at x = -1 and 1: what is behind comes first. It is nobody's.
var drawnFace = append([]ellipse{
	{0, 1.5, 0.5, 0.8, 0, colour{176, 128, 104}},       // neck
	{0, 2.4, 1.7, 0.9, 0, colour{60, 70, 110}},         // shoulders
	{0, -0.25, 1.08, 1.3, 0.05, colour{52, 36, 28}},    // hair
	{0, 0.08, 0.92, 1.24, 0.04, colour{196, 150, 126}}, // face, darker towards its edge
	{0, 0, 0.86, 1.2, 0.7, colour{232, 190, 166}},      //
	{0, -0.62, 0.5, 0.25, 1, colour{244, 208, 186}},    // forehead
	{0, 0.1, 0.09, 0.36, 0.8, colour{246, 212, 190}},   // bridge of the nose
	{0, 0.36, 0.2, 0.1, 0.8, colour{188, 136, 114}},    // its shadow
	{0, 0.29, 0.12, 0.09, 0.6, colour{242, 204, 182}},  // its tip
	{0, 0.66, 0.37, 0.13, 0.3, colour{176, 84, 84}},    // mouth
	{0, 0.65, 0.34, 0.025, 0.5, colour{84, 32, 34}},    //
	{0, 0.82, 0.24, 0.05, 1, colour{190, 142, 120}},    // below the lip
}, append(drawnEye(-0.38), drawnEye(0.38)...)...)

func drawnEye(x float64) []ellipse {
	side := math.Copysign(1, x)
	return []ellipse{
		{x, -0.2, 0.3, 0.2, 1, colour{178, 130, 110}},             // socket
		{x, -0.43, 0.27, 0.06, 0.5, colour{58, 40, 32}},           // eyebrow
		{x, -0.24, 0.21, 0.11, 0.15, colour{70, 44, 38}},          // lid
		{x, -0.21, 0.18, 0.085, 0.1, colour{240, 236, 232}},       // eye
		{x, -0.21, 0.085, 0.085, 0.1, colour{70, 48, 36}},         //
		{x, -0.21, 0.04, 0.04, 0.2, colour{16, 12, 12}},           //
		{x - 0.03, -0.24, 0.02, 0.02, 0.2, colour{255, 255, 255}}, //
		{side * 0.09, 0.37, 0.045, 0.03, 0.5, colour{96, 56, 48}}, // nostril
		{side * 0.58, 0.36, 0.22, 0.18, 1, colour{232, 168, 148}}, // cheek
	}
}

// Where the face is in the picture of a camera of 640x480, and how wide from its middle to an ear.
const faceX, faceY, faceScale = 430.0, 220.0, 105.0

// cameraPicture shows squares of red and cyan on the left, for what blurs and what takes the colour away, and a face on the right.
func cameraPicture() image.Image {
	picture := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 {
			c := colour{150, 160, 170}
			switch {
			case x < 192 && (x/8+y/8)%2 == 0:
				c = colour{230, 30, 30}
			case x < 192:
				c = colour{30, 200, 220}
			}
			for _, e := range drawnFace {
				share := e.cover((float64(x)-faceX)/faceScale, (float64(y)-faceY)/faceScale)
				c = colour{mix(c.r, e.c.r, share), mix(c.g, e.c.g, share), mix(c.b, e.c.b, share)}
			}
			picture.Set(x, y, color.RGBA{uint8(c.r), uint8(c.g), uint8(c.b), 255})
		}
	}
	return picture
}

func mix(a, b int, share float64) int { return a + int(math.Round(float64(b-a)*share)) }

// filmCamera has Chromium's fake camera show that picture, from a film in the directory.
func filmCamera(t testing.TB, directory string) chromedp.ExecAllocatorOption {
	t.Helper()
	still, film := filepath.Join(directory, "camera.png"), filepath.Join(directory, "camera.y4m")
	f, err := os.Create(still)
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, cameraPicture()))
	require.NoError(t, f.Close())
	out, err := patiently("ffmpeg", "-loglevel", "error", "-y", "-loop", "1", "-i", still, "-r", strconv.Itoa(cameraFPS), "-t", "1", "-pix_fmt", "yuv420p", film).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return chromedp.Flag("use-file-for-fake-video-capture", film)
}

// cameraFrame is the camera's picture as small as a frame.
func cameraFrame() *frame { return frameOf(cameraPicture()) }

// frameOf makes a frame of a picture of 640x480, each point the mean of those that it stands for.
func frameOf(picture image.Image) *frame {
	const scale = 640 / frameWidth
	small := &frame{make([]byte, 3*frameWidth*frameHeight)}
	for i := range frameWidth * frameHeight {
		var sum [3]uint32
		for j := range scale * scale {
			r, g, b, _ := picture.At(i%frameWidth*scale+j%scale, i/frameWidth*scale+j/scale).RGBA()
			sum = [3]uint32{sum[0] + r>>8, sum[1] + g>>8, sum[2] + b>>8}
		}
		for c, value := range sum {
			small.rgb[3*i+c] = byte(value / (scale * scale))
		}
	}
	return small
}
