package timeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhereAnEpochEnds(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		reached []time.Duration
		end     time.Duration
	}{
		"all at once":                        {[]time.Duration{4600 * ms, 4600 * ms}, 4600 * ms},
		"audio that went a little farther":   {[]time.Duration{4600 * ms, 4677 * ms}, 4600 * ms},
		"a rendition that was a part behind": {[]time.Duration{4800 * ms, 4600 * ms, 4800 * ms}, 4600 * ms},
		"one that stopped long before":       {[]time.Duration{4800 * ms, 2000 * ms, 4700 * ms}, 4700 * ms},
		"one that never began":               {[]time.Duration{4800 * ms, 0}, 4800 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Epoch{}
			for _, r := range test.reached {
				e.tracks = append(e.tracks, &Track{reached: r})
				e.end = max(e.end, r)
			}
			e.cut()
			require.Equal(t, test.end, e.end)
		})
	}
}
