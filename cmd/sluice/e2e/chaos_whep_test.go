package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

// whepViewer notes when pictures come over WHEP.
type whepViewer struct {
	*publisher // its session

	mu    sync.Mutex
	last  time.Time
	pause time.Duration // longest
}

func newWHEPViewer(t *testing.T, endpoint string) *whepViewer {
	media := &webrtc.MediaEngine{}
	require.NoError(t, media.RegisterDefaultCodecs())
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(&interceptor.Registry{}), webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	v := &whepViewer{publisher: &publisher{t: t, pc: pc}, last: time.Now()}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { v.take(track) })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		_, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		require.NoError(t, err)
	}
	t.Cleanup(v.stop)
	v.negotiate(endpoint)
	return v
}

func (v *whepViewer) take(track *webrtc.TrackRemote) {
	for {
		if _, _, err := track.ReadRTP(); err != nil {
			return
		}
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			v.mu.Lock()
			v.pause, v.last = max(v.pause, time.Since(v.last)), time.Now()
			v.mu.Unlock()
		}
	}
}

func (v *whepViewer) reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pause, v.last = 0, time.Now()
}

// longest is the longest time without a picture.
func (v *whepViewer) longest() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	return max(v.pause, time.Since(v.last))
}
