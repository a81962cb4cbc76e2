package transcode

import (
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/transcode/faces"
)

// people are photographs, each with where the middles of faces are when it stands in 320x240. The first six are of a package that tests need.
var people = []struct {
	file  string
	faces []image.Point
}{
	{"sample1.jpg", []image.Point{{90, 93}, {158, 105}, {257, 70}}},
	{"sample2.jpg", []image.Point{{75, 42}, {170, 45}, {255, 45}}},
	{"sample3.jpg", []image.Point{{112, 92}, {200, 70}, {265, 82}}},
	{"sample4.jpg", []image.Point{{55, 48}, {130, 25}, {182, 40}, {227, 38}}},
	{"sample5.jpg", []image.Point{{145, 43}, {110, 95}, {200, 52}, {255, 80}, {70, 160}}},
	{"sample6.jpg", []image.Point{{68, 97}, {132, 68}, {210, 62}, {260, 52}}},
	{"sample.jpg", []image.Point{{160, 130}}},
}

const (
	filmWidth, filmHeight = 1280, 720
	shownFor              = 2 // seconds of each photograph
)

// album lays the photographs into pictures of 720p, 0.png and so on.
func album(b *testing.B) (dir string) {
	b.Helper()
	dir = b.TempDir()
	for i, p := range people {
		file := filepath.Join("../public/node_modules/@vladmandic/face-api/demo", p.file)
		if p.file == "sample.jpg" {
			file = filepath.Join(detectorModule(b), "testdata", p.file)
		}
		if _, err := os.Stat(file); err != nil {
			b.Skipf("%v: npm ci --prefix public", err)
		}
		ffmpegOutput(b, "-i", file, "-vf", "scale=960:720:force_original_aspect_ratio=decrease,pad=1280:720:-1:-1,format=rgb24", filepath.Join(dir, fmt.Sprint(i)+".png"))
	}
	return dir
}

func detectorModule(b *testing.B) string {
	b.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/esimov/pigo").Output()
	require.NoError(b, err)
	return strings.TrimSpace(string(dir))
}

func pigoDetector(b *testing.B) *faces.Detector {
	b.Helper()
	cascade, err := os.ReadFile(filepath.Join(detectorModule(b), "cascade/facefinder"))
	require.NoError(b, err)
	d, err := faces.New(cascade)
	require.NoError(b, err)
	return d
}

const haarCascade = "/usr/share/opencv4/haarcascades/haarcascade_frontalface_default.xml"

// fills are what facedetect fills its boxes with, one after the other.
var fills = [][3]byte{{255, 0, 255}, {0, 255, 255}, {255, 255, 0}, {255, 0, 0}, {0, 255, 0}}

// facedetect is frei0r's filter, which searches each picture whose number is a multiple of every, at a scale.
func facedetect(every int, scale float64) string {
	filter := fmt.Sprintf("frei0r=facedetect:%s|0.01|0.2|%g|0.12|0.02|0|%g|0|n|1", haarCascade, float64(every)/1000, scale)
	for _, c := range fills {
		filter += fmt.Sprintf("|%d/%d/%d", c[0]/255, c[1]/255, c[2]/255)
	}
	return filter
}

// tally counts what a detector finds of the faces, and how often it finds one where there is none.
func tally(b *testing.B, find func(picture int) []faces.Box) {
	var found, wrong, all int
	for i, p := range people {
		hit := make([]bool, len(p.faces))
		for _, box := range find(i) {
			at := -1
			for j, f := range p.faces {
				middle := image.Pt(f.X*3+(filmWidth-960)/2, f.Y*3)
				if middle.In(image.Rect(box.X, box.Y, box.X+box.Width, box.Y+box.Height)) {
					at = j
				}
			}
			if at < 0 {
				wrong++
			} else {
				hit[at] = true
			}
		}
		for _, h := range hit {
			all++
			if h {
				found++
			}
		}
	}
	b.ReportMetric(float64(found), fmt.Sprintf("of-%d-faces", all))
	b.ReportMetric(float64(wrong), "wrong")
}

// BenchmarkFaces compares ways to find faces in 720p30: what each adds to the CPU time of a picture that is encoded, and which of the faces of
// photographs it finds. Each plays 14 s of them; pigo as the transform does it, in real time, and frei0r's facedetect (OpenCV) inside ffmpeg.
func BenchmarkFaces(b *testing.B) {
	if _, err := os.Stat(haarCascade); err != nil {
		b.Skip("apt-get install frei0r-plugins opencv-data: ", err)
	}
	dir, d := album(b), pigoDetector(b)
	seconds := shownFor * len(people)
	clip := videoClip(b, depay.VP8, fmt.Sprintf("movie=%s/%%d.png:f=image2,setpts=N*%d/TB,tpad=stop_mode=clone:stop_duration=%d,fps=30,format=yuv420p", dir, shownFor, shownFor), seconds)
	pictures := float64(seconds * 30)
	film := filepath.Join(b.TempDir(), "film.mkv")
	ffmpegOutput(b, "-f", "image2", "-framerate", fmt.Sprintf("1/%d", shownFor), "-i", dir+"/%d.png", "-r", "30", "-pix_fmt", "yuv420p", "-c:v", "ffv1", film)

	finder := NewFaceFinder(d)
	job := func(transform Transform) float64 {
		before := allCPU(b)
		o := Options{
			Dir: b.TempDir(), Video: depay.VP8, Thumbnail: -1, Transform: transform, Faces: finder, Stall: patience, Grace: patience,
			Ladder: Ladder{{Name: "720p", Width: filmWidth, Height: filmHeight, FPS: 30, Bitrate: 2_500_000}},
		}
		j, err := NewJob(o)
		require.NoError(b, err)
		go func() {
			defer j.CloseInput()
			began := time.Now()
			for _, f := range clip {
				<-time.After(time.Until(began.Add(f.Time())))
				_ = j.WriteFrame(f)
			}
		}()
		require.NoError(b, j.Run(b.Context()))
		return (allCPU(b) - before).Seconds() * 1000 / pictures
	}
	filter := func(more string) float64 {
		before := allCPU(b)
		ffmpegOutput(b, "-i", film, "-vf", more+"format=yuv420p", "-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-f", "null", "-")
		return (allCPU(b) - before).Seconds() * 1000 / pictures
	}
	b.Run("pigo", func(b *testing.B) {
		for b.Loop() {
			without := job(TransformNone)
			before, _ := finder.Counts()
			b.ReportMetric(job(TransformFaces)-without, "ms/picture")
			b.ReportMetric(without, "ms/picture-without")
			searched, _ := finder.Counts()
			b.ReportMetric(float64(searched-before)/float64(seconds), "searches/s")
			tally(b, func(i int) []faces.Box { return d.Find(greyOf(b, dir, i), filmWidth, filmHeight) })
		}
	})
	for _, c := range []struct {
		name  string
		every int
		scale float64
	}{{"frei0r-8-a-second-320-pixels", 4, 0.25}, {"frei0r-8-a-second-its-scale", 4, 2. / 3}, {"frei0r-as-it-comes", 25, 2. / 3}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				without := filter("")
				b.ReportMetric(filter(facedetect(c.every, c.scale)+",")-without, "ms/picture")
				b.ReportMetric(without, "ms/picture-without")
				tally(b, func(i int) []faces.Box { return boxesDrawn(b, dir, i, c.scale) })
			}
		})
	}
}

func greyOf(b *testing.B, dir string, i int) []byte {
	return ffmpegOutput(b, "-i", filepath.Join(dir, fmt.Sprint(i)+".png"), "-f", "rawvideo", "-pix_fmt", "gray", "-")
}

// boxesDrawn are what facedetect fills in a photograph: one box for each colour.
func boxesDrawn(b *testing.B, dir string, i int, scale float64) (boxes []faces.Box) {
	b.Helper()
	file := filepath.Join(dir, fmt.Sprint(i)+".png")
	rgb := ffmpegOutput(b, "-i", file, "-vf", "format=bgra,"+facedetect(1, scale), "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
	for _, c := range fills {
		var drawn image.Rectangle
		for y := range filmHeight {
			for x := range filmWidth {
				if p := rgb[3*(y*filmWidth+x):]; [3]byte(p[:3]) == c {
					drawn = drawn.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		if drawn.Dx() > 15 && drawn.Dy() > 15 {
			boxes = append(boxes, faces.Box{X: drawn.Min.X, Y: drawn.Min.Y, Width: drawn.Dx(), Height: drawn.Dy()})
		}
	}
	return boxes
}

// allCPU is the CPU time of this process and of those that it has waited for.
func allCPU(b *testing.B) (sum time.Duration) {
	b.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		require.NoError(b, syscall.Getrusage(who, &u))
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}
