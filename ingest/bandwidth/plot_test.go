package bandwidth

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// plot is what viewers of a network have got of it over a minute.
type plot struct {
	title   string
	network func(time.Duration) float64
	viewers []*viewer
}

// Sizes of a drawing, in pixels: three plots in a row.
const (
	plotWidth, plotHeight, plotGap = 320, 120, 36
	plotsInRow                     = 3
	plotStep                       = 500 * time.Millisecond
)

// drawing draws plots as SVG: what the network carries in grey, what each viewer has got in colour.
func drawing(plots []plot) []byte {
	var out bytes.Buffer
	rows := (len(plots) + plotsInRow - 1) / plotsInRow
	width, height := plotsInRow*(plotWidth+plotGap)+plotGap, rows*(plotHeight+plotGap)+plotGap
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`, width, height)
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="#fff"/>`, width, height)
	for i, p := range plots {
		x, y := plotGap+i%plotsInRow*(plotWidth+plotGap), plotGap+i/plotsInRow*(plotHeight+plotGap)
		fmt.Fprintf(&out, `<g transform="translate(%d %d)">`, x, y)
		p.draw(&out)
		fmt.Fprint(&out, "</g>")
	}
	fmt.Fprint(&out, "</svg>\n")
	return out.Bytes()
}

func (p plot) draw(out io.Writer) {
	most := 0.0
	for at := time.Duration(0); at < time.Minute; at += plotStep {
		most = max(most, p.network(at))
		for _, v := range p.viewers {
			most = max(most, v.bitrate(at, at+plotStep))
		}
	}
	line := func(of func(time.Duration) float64) string {
		var points strings.Builder
		for at := time.Duration(0); at < time.Minute; at += plotStep {
			fmt.Fprintf(&points, "%.1f,%.1f ", plotWidth*at.Seconds()/60, plotHeight*(1-of(at)/most))
		}
		return points.String()
	}
	fmt.Fprintf(out, `<title>%s</title><text y="-6">%s</text><text x="%d" y="-6" text-anchor="end" fill="#666">%.1f Mbit/s</text>`, p.title, p.title, plotWidth, most/mega)
	fmt.Fprintf(out, `<path d="M0 0V%dH%d" fill="none" stroke="#bbb"/>`, plotHeight, plotWidth)
	fmt.Fprintf(out, `<polyline points="%s" fill="none" stroke="#999" stroke-dasharray="4 2"/>`, line(p.network))
	for i, v := range p.viewers {
		colour := []string{"#0b62d6", "#c2410c"}[i%2]
		fmt.Fprintf(out, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, line(func(at time.Duration) float64 { return v.bitrate(at, at+plotStep) }), colour)
	}
	fmt.Fprintf(out, `<text y="%d" fill="#666">0</text><text x="%d" y="%d" text-anchor="end" fill="#666">60 s</text>`, plotHeight+13, plotWidth, plotHeight+13)
}

// A drawing is XML, with a line for the network and one for each viewer.
func TestDrawing(t *testing.T) {
	v := newViewer(t, link(steady(mega)), layers...)
	v.run(time.Second)
	v.arrived = append(v.arrived, make([]int, 700)...)
	text := drawing([]plot{{"1000 kbit/s", steady(mega), []*viewer{v}}})
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		_, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	require.Equal(t, 2, bytes.Count(text, []byte("<polyline")))
}
