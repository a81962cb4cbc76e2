package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

// receiver notes when pictures come over WebRTC.
type receiver struct {
	*publisher // its session

	mu       sync.Mutex
	pictures int // packets of them
	last     time.Time
	pause    time.Duration // longest
}

// newWHEPViewer watches; network, which may be nil, is between.
func newWHEPViewer(t testing.TB, endpoint string, network *relay) *receiver {
	clip, err := makeClip(vp8)
	require.NoError(t, err)
	return newWHEPViewerOf(t, clip, endpoint, network)
}

// newWHEPViewerOf watches a stream of the clip's codecs.
func newWHEPViewerOf(t testing.TB, clip *clip, endpoint string, network *relay) *receiver {
	r := newReceiver(t, clip, network)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		_, err := r.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		require.NoError(t, err)
	}
	r.negotiate(endpoint)
	return r
}

// newEcho sends the clip and gets it back.
func newEcho(t testing.TB, endpoint string) *receiver {
	clip, err := makeClip(vp8)
	require.NoError(t, err)
	r := newReceiver(t, clip, nil)
	r.rounds = chaosRounds
	r.add(clip, webrtc.RTPTransceiverDirectionSendrecv)
	r.negotiate(endpoint)
	r.send()
	return r
}

// untouched is how long WebRTC may bring no picture while something goes wrong beside it: none, but for a busy machine.
const untouched = 10 * time.Second

func newReceiver(t testing.TB, clip *clip, network *relay) *receiver {
	r := &receiver{publisher: newPeer(t, network, clip), last: time.Now()}
	r.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { r.take(track) })
	return r
}

func (r *receiver) take(track *webrtc.TrackRemote) {
	for {
		if _, _, err := track.ReadRTP(); err != nil {
			return
		}
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			r.mu.Lock()
			r.pictures++
			r.pause, r.last = max(r.pause, time.Since(r.last)), time.Now()
			r.mu.Unlock()
		}
	}
}

func (r *receiver) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pause, r.last = 0, time.Now()
}

func (r *receiver) begun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pictures > 0
}

// longest is the longest time without a picture.
func (r *receiver) longest() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.pause, time.Since(r.last))
}
