package egress

import (
	"testing"

	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/stretchr/testify/require"
)

// Sound comes first, then everybody's least, then better ones in turn, the largest first. What is left is too little for anybody's next.
func TestDivide(t *testing.T) {
	options := []bandwidth.Option{{Layer: "l", Rate: 100}, {Layer: "m", Rate: 300}, {Layer: "h", Rate: 1000}}
	stakes := func(pixels ...int) (all []*stake) {
		for _, p := range pixels {
			all = append(all, &stake{pixels: p, options: options, sound: 10})
		}
		return all
	}
	idle := &stake{sound: 10}
	for _, tt := range []struct {
		name     string
		all      []*stake
		estimate float64
		want     []float64
	}{
		{"alone", stakes(1), 5000, []float64{4990}},
		{"alone, and too little", stakes(1), 50, []float64{40}},
		{"too little for all", stakes(1, 1), 120, []float64{50, 50}},
		{"not even sound", stakes(1, 1), 10, []float64{0, 0}},
		{"the least", stakes(1, 1), 320, []float64{200, 200}},
		{"one more, who came first", stakes(1, 1), 420, []float64{300, 100}},
		{"one more, who is larger", stakes(1, 2), 430, []float64{110, 310}},
		{"in turn", stakes(1, 1), 1300, []float64{980, 980}},
		{"one the best", stakes(1, 1), 1330, []float64{1010, 310}},
		{"all the best", stakes(1, 1), 3000, []float64{1980, 1980}},
		{"who is sent no pictures", append(stakes(1), idle), 1100, []float64{1080, 80}},
	} {
		for i, st := range tt.all {
			require.Equal(t, tt.want[i], divide(tt.all, st, tt.estimate), "%s, %d", tt.name, i)
		}
	}
}
