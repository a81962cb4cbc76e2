package broadcast

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Key frames are as far apart as is asked for; a publisher is not asked for more than one a second, unless segments end in between.
func TestKeyFrames(t *testing.T) {
	for _, test := range []struct{ segment, every, encoded, passedOn time.Duration }{
		{2 * time.Second, 0, time.Second, time.Second},
		{2 * time.Second, 400 * time.Millisecond, 400 * time.Millisecond, time.Second},
		{1200 * time.Millisecond, 400 * time.Millisecond, 400 * time.Millisecond, 400 * time.Millisecond},
		{4 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second},
	} {
		o := Options{Segment: test.segment, KeyFrames: test.every}
		require.Equal(t, test.encoded, o.keyFrames(false))
		require.Equal(t, test.passedOn, o.keyFrames(true))
	}
}
