package broadcast

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/transcode"
)

// heard makes a broadcast that tells its events, and returns them.
func heard(t *testing.T) (b *Broadcast, events *[]Event) {
	t.Helper()
	b, events = newTestBroadcast(t), &[]Event{}
	b.options.OnEvent = func(e Event) {
		require.False(t, e.At.IsZero())
		*events = append(*events, e)
	}
	return b, events
}

// The end is told of what was told to have begun, and why.
func TestEndIsTold(t *testing.T) {
	for name, tc := range map[string]struct {
		err     error
		stopped bool
		reason  string
		failed  bool
	}{
		"nobody came back": {nil, false, "its publisher has not come back", false},
		"stopped":          {nil, true, "the service has been stopped", false},
		"failed":           {errors.New("ffmpeg is broken"), true, "ffmpeg is broken", true},
	} {
		t.Run(name, func(t *testing.T) {
			b, events := heard(t)
			b.tellEnd(tc.err, tc.stopped)
			b.tellInterrupted("gone")
			require.Empty(t, *events, "nothing has begun")
			b.told = true
			b.tellEnd(tc.err, tc.stopped)
			require.Len(t, *events, 1)
			e := (*events)[0]
			require.Equal(t, Event{Kind: EventEnded, At: e.At, Reason: tc.reason, Failed: tc.failed}, e)
		})
	}
}

// What a reduction leaves is told.
func TestReductionIsTold(t *testing.T) {
	b, events := heard(t)
	b.relieve(noRelief, errors.New("killed"))
	require.Empty(t, *events)
	b.relieve(reduceLadder, &transcode.SlowError{Speed: 0.2})
	b.relieve(encodeNone, &transcode.SlowError{Speed: 0.2})
	require.Len(t, *events, 2)
	for i, encoded := range []string{b.ladder.now.String(), transcode.Ladder(nil).String()} {
		e := (*events)[i]
		require.Equal(t, EventReduced, e.Kind)
		require.Equal(t, encoded, e.Encoded.String())
		require.Contains(t, e.Reason, "This server was too slow")
	}
}
