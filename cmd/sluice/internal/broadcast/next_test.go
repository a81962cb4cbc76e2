package broadcast

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// TestNext decides what follows when a run of ffmpeg has ended.
func TestNext(t *testing.T) {
	var (
		killed = errors.New("signal: killed")
		slow   = fmt.Errorf("ffmpeg: %w", &transcode.SlowError{Speed: 0.2})
		ended  = func(cause transcode.PassthroughCause) error {
			return fmt.Errorf("ffmpeg: %w", &transcode.PassthroughError{Cause: cause})
		}
		fresh   = passthrough{fps: normalFPS}
		broken  = passthrough{fps: normalFPS, breaks: maxBreaks + 1, refusal: "for the 5th time"}
		refusal = func(why string) string {
			return "The publisher's pictures are encoded, not passed on as they are: " + why + "."
		}
		failedThen = "ffmpeg failed while it copied them"
	)
	for name, test := range map[string]struct {
		cause error
		h     history // passthrough is fresh where it says nothing
		want  decision
	}{
		"killed while viewers watch": {killed, history{video: depay.VP8, wasPlayable: true, playable: true, lasted: time.Second},
			decision{failures: 1}},
		"playable by what it has left": {killed, history{video: depay.VP8, playable: true, lasted: time.Second},
			decision{failures: 1}},
		"before anything was playable": {killed, history{video: depay.VP8, lasted: time.Second},
			decision{action: giveUp, failures: 1}},
		"a second time": {killed, history{video: depay.VP8, failures: 1, playable: true, lasted: time.Second},
			decision{failures: 2, pause: restartAfter}},
		"as often as is borne": {killed, history{video: depay.VP8, failures: maxRestarts - 1, playable: true, lasted: time.Second},
			decision{failures: maxRestarts, pause: 8 * restartAfter}},
		"once too often": {killed, history{video: depay.VP8, failures: maxRestarts, playable: true, lasted: time.Second},
			decision{action: giveUp, failures: maxRestarts + 1, pause: 16 * restartAfter}},
		"after it has been steady": {killed, history{video: depay.VP8, failures: maxRestarts, playable: true, lasted: steadyAfter + 1},
			decision{failures: 1}},
		"steady, and never playable": {killed, history{video: depay.VP8, lasted: time.Minute},
			decision{action: giveUp, failures: 1}},

		"the disk cannot be written": {killed, history{video: depay.VP8, failures: maxRestarts, diskFault: true},
			decision{action: waitForDisk}},
		"stopped because the disk cannot be written, which it can by now": {errUnwritable, history{video: depay.VP8, transform: transcode.TransformMonochrome},
			decision{action: waitForDisk}},
		"its files have a hole": {errIncomplete, history{video: depay.VP8, playable: true},
			decision{failures: 1}},

		"with a transform": {killed, history{video: depay.VP8, transform: transcode.TransformMonochrome, lasted: time.Second},
			decision{failures: 1, withoutTransform: true}},
		"too slow with a transform": {slow, history{video: depay.VP8, transform: transcode.TransformMonochrome, lasted: steadyAfter},
			decision{failures: 1, withoutTransform: true}},
		"too slow long after the transform was made": {slow, history{video: depay.VP8, transform: transcode.TransformMonochrome, lasted: steadyAfter + 1},
			decision{failures: 1, relief: reduceLadder}},
		"with a transform on a disk that cannot be written": {killed, history{video: depay.VP8, transform: transcode.TransformMonochrome, diskFault: true},
			decision{action: waitForDisk}},

		"killed soon while hardware encoded": {killed, history{video: depay.VP8, hardware: true, playable: true},
			decision{failures: 1, withoutHardware: true}},
		"too slow while hardware encoded": {slow, history{video: depay.VP8, hardware: true, playable: true},
			decision{failures: 1, relief: reduceLadder}},
		"killed later while hardware encoded": {killed, history{video: depay.VP8, hardware: true, playable: true, lasted: 2 * steadyAfter},
			decision{failures: 1}},
		"too slow": {slow, history{video: depay.VP8, failures: maxRestarts},
			decision{failures: 1, relief: reduceLadder}},
		"too slow on a disk that cannot be written": {slow, history{video: depay.VP8, diskFault: true},
			decision{action: waitForDisk, relief: reduceLadder}},
		"too slow beside passthrough": {slow, history{video: depay.H264, passedOn: true},
			decision{failures: 1, relief: encodeNone}},
		"too slow for other codecs beside passthrough": {slow, history{video: depay.H264, passedOn: true, alternates: true},
			decision{failures: 1, relief: reduceLadder}},
		"too slow beside an alternative rendition": {slow, history{video: depay.VP9, passedOn: true},
			decision{failures: 1, relief: reduceLadder}},
		"too slow since passthrough broke off too often": {slow, history{video: depay.H264, passthrough: broken},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, retried: true}}},
		"too slow since it broke off too often again": {slow,
			history{video: depay.H264, passthrough: passthrough{fps: normalFPS, breaks: maxBreaks + 1, refusal: "again", retried: true}},
			decision{failures: 1, relief: reduceLadder, passthrough: passthrough{fps: normalFPS, breaks: maxBreaks + 1, refusal: "again", retried: true}}},
		"too slow since an alternative rendition broke off too often": {slow, history{video: depay.VP9, passthrough: broken},
			decision{failures: 1, relief: reduceLadder, passthrough: broken}},
		"too slow with what cannot be passed on": {slow, history{video: depay.H264, passthrough: passthrough{breaks: 1, refusal: "of B-frames"}},
			decision{failures: 1, relief: reduceLadder, passthrough: passthrough{breaks: 1, refusal: "of B-frames"}}},

		"another size": {ended(transcode.ParametersChanged), history{video: depay.H264, passedOn: true, failures: 3},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, breaks: 1, changed: true}}},
		"no video comes": {ended(transcode.KeyFrameMissing), history{video: depay.H264, passedOn: true},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, breaks: 1, quiet: true}}},
		"for the last time": {ended(transcode.KeyFrameMisplaced), history{video: depay.H264, passedOn: true, passthrough: passthrough{fps: normalFPS, breaks: maxBreaks}},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, breaks: maxBreaks + 1,
				refusal: refusal(transcode.KeyFrameMisplaced.String() + " for the 5th time")}}},
		"faster than 30 a second": {ended(transcode.PicturesTooMany), history{video: depay.H264, passedOn: true},
			decision{failures: 1, passthrough: passthrough{fps: fastFPS, breaks: 1}}},
		"faster than 60 a second": {ended(transcode.PicturesTooMany), history{video: depay.H264, passedOn: true, passthrough: passthrough{fps: fastFPS, breaks: 1}},
			decision{failures: 1, passthrough: passthrough{fps: fastFPS, breaks: 2, refusal: refusal(transcode.PicturesTooMany.String())}}},
		"faster than the ladder": {ended(transcode.PicturesTooMany), history{video: depay.VP9, passedOn: true},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, breaks: 1, refusal: refusal(transcode.PicturesTooMany.String())}}},
		"frames that players do not take": {ended(transcode.PicturesReordered), history{video: depay.H264, passedOn: true},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, breaks: 1, refusal: refusal(transcode.PicturesReordered.String())}}},
		"no key frame in time": {ended(transcode.KeyFrameLate), history{video: depay.H264, passedOn: true},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, breaks: 1, refusal: refusal(transcode.KeyFrameLate.String()), late: true}}},
		"layers apart": {ended(transcode.LayersApart), history{video: depay.H264, passedOn: true, layers: 2},
			decision{failures: 1, simulcast: simulcast{breaks: 1}}},
		"layers apart for the last time": {ended(transcode.LayersApart), history{video: depay.H264, passedOn: true, layers: 2, simulcast: simulcast{breaks: maxLayersApart - 1}},
			decision{failures: 1, simulcast: simulcast{breaks: maxLayersApart, off: transcode.LayersApart.String()}}},
		"layers apart after they have long been together": {ended(transcode.LayersApart),
			history{video: depay.H264, passedOn: true, layers: 2, lasted: layersSteady + 1, simulcast: simulcast{breaks: maxLayersApart - 1}},
			decision{failures: 1, simulcast: simulcast{breaks: 1}}},

		"killed while passing on, before anything was playable": {killed, history{video: depay.H264, passedOn: true, lasted: time.Second},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, refusal: refusal(failedThen)}}},
		"playable only by what it has left": {killed, history{video: depay.H264, passedOn: true, playable: true, lasted: time.Second},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, refusal: refusal(failedThen)}}},
		"killed while passing on, which worked": {killed, history{video: depay.H264, passedOn: true, wasPlayable: true, playable: true, lasted: time.Second},
			decision{failures: 1}},
		"killed while passing on, again": {killed, history{video: depay.H264, passedOn: true, failures: 1, wasPlayable: true, playable: true, lasted: time.Second},
			decision{failures: 1, passthrough: passthrough{fps: normalFPS, refusal: refusal(failedThen)}}},
		"killed long after passthrough began": {killed, history{video: depay.H264, passedOn: true, failures: 1, wasPlayable: true, playable: true, lasted: time.Minute},
			decision{failures: 1}},
		"killed while passing on to a disk that cannot be written": {killed, history{video: depay.H264, passedOn: true, diskFault: true},
			decision{action: waitForDisk}},
		"killed while passing on layers": {killed, history{video: depay.H264, passedOn: true, layers: 2, lasted: time.Second},
			decision{failures: 1, simulcast: simulcast{off: "ffmpeg failed while it passed on all of them"}}},
		"killed while passing on what was refused meanwhile": {killed, history{video: depay.H264, passedOn: true, playable: true, passthrough: broken},
			decision{failures: 1, passthrough: broken}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.h.passthrough == (passthrough{}) {
				test.h.passthrough = fresh
			}
			if test.want.passthrough == (passthrough{}) {
				test.want.passthrough = fresh
			}
			before := test.h
			require.Equal(t, test.want, next(test.cause, test.h))
			require.Equal(t, before, test.h)
		})
	}
}

func TestPauseAfter(t *testing.T) {
	for failures, want := range []time.Duration{0, 0, restartAfter, 2 * restartAfter, 4 * restartAfter, 8 * restartAfter} {
		require.Equal(t, want, pauseAfter(failures), "failure %d", failures)
	}
}

// A run that stands still is found and its successor's first part listed before its parts are given up: hls.js would stay at them.
func TestStalledRunIsFoundBeforeItsPartsAreGivenUp(t *testing.T) {
	const first = time.Second // an ffmpeg's first part
	require.GreaterOrEqual(t, timeline.Standstill, transcode.DefaultStall+restartAfter+first)
}
