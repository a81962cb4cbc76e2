package faces

import (
	"image"
	"image/color"
	_ "image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ofModule reads a file of the detector's module: its cascade, and a photograph of people.
func ofModule(t testing.TB, name string) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/esimov/pigo").Output()
	require.NoError(t, err)
	return filepath.Join(strings.TrimSpace(string(dir)), name)
}

func detector(t testing.TB) *Detector {
	t.Helper()
	cascade, err := os.ReadFile(ofModule(t, "cascade/facefinder"))
	require.NoError(t, err)
	d, err := New(cascade)
	require.NoError(t, err)
	return d
}

// photograph returns the luma of a photograph.
func photograph(t testing.TB) (luma []byte, width, height int) {
	t.Helper()
	file, err := os.Open(ofModule(t, "testdata/sample.jpg"))
	require.NoError(t, err)
	defer file.Close()
	m, _, err := image.Decode(file)
	require.NoError(t, err)
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			luma = append(luma, color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y)
		}
	}
	return luma, b.Dx(), b.Dy()
}

func TestFacesOfAPhotographAreFound(t *testing.T) {
	luma, width, height := photograph(t)
	boxes := detector(t).Find(luma, width, height)
	t.Log(width, height, boxes)
	require.NotEmpty(t, boxes)
	for _, b := range boxes {
		require.True(t, image.Rect(b.X, b.Y, b.X+b.Width, b.Y+b.Height).In(image.Rect(0, 0, width, height)), "%v", b)
	}
}

func TestNoFaceIsFoundWhereThereIsNone(t *testing.T) {
	d := detector(t)
	random := rand.New(rand.NewPCG(1, 2))
	const width, height = 640, 360
	noise, slope := make([]byte, width*height), make([]byte, width*height)
	for range 5 {
		for i := range noise {
			noise[i], slope[i] = byte(random.UintN(256)), byte(i*255/len(slope))
		}
		require.Empty(t, d.Find(noise, width, height))
	}
	require.Empty(t, d.Find(slope, width, height))
	require.Empty(t, d.Find(make([]byte, width*height), width, height))
	require.Empty(t, d.Find(make([]byte, 16*16), 16, 16), "smaller than any face")
}

func TestBoxesAreDrawn(t *testing.T) {
	const width, height = 64, 48
	picture := make([]byte, width*height*3/2)
	Draw(picture, width, height, []Box{{X: 10, Y: 8, Width: 20, Height: 20}, {X: 60, Y: 44, Width: 4, Height: 4}, {X: 0, Y: 0, Width: 1, Height: 1}})
	at := func(x, y int) [3]byte {
		chroma := width*height + y/2*(width/2) + x/2
		return [3]byte{picture[y*width+x], picture[chroma], picture[chroma+width*height/4]}
	}
	box := [3]byte{boxY, boxU, boxV}
	for _, p := range [][2]int{{10, 8}, {29, 27}, {11, 20}, {28, 20}, {20, 9}, {63, 47}} {
		require.Equal(t, box, at(p[0], p[1]), "%v", p)
	}
	for _, p := range [][2]int{{20, 18}, {9, 20}, {30, 20}, {20, 28}, {0, 0}} {
		require.Zero(t, at(p[0], p[1]), "%v", p)
	}
}

func TestCascadeThatIsNotWhole(t *testing.T) {
	cascade, err := os.ReadFile(ofModule(t, "cascade/facefinder"))
	require.NoError(t, err)
	for _, bad := range [][]byte{nil, cascade[:15], cascade[:len(cascade)-1], []byte("this is no cascade of decision trees at all")} {
		_, err := New(bad)
		require.ErrorContains(t, err, "not whole")
	}
}

func BenchmarkFind720p(b *testing.B) {
	d := detector(b)
	luma := make([]byte, 1280*720)
	for i := range luma {
		luma[i] = byte(i / 7 % 251)
	}
	for b.Loop() {
		d.Find(luma, 1280, 720)
	}
}
