package api

import "github.com/sluice-live/sluice/cmd/sluice/internal/viewers"

// Audience is who watches a stream, and how well it plays for those who tell (CMCD). What nobody tells is 0.
type Audience struct {
	Viewers      int         `json:"viewers"`   // of all protocols
	WebRTC       int         `json:"webrtc"`    // over WHEP
	HLS          int         `json:"hls"`       // heard of in the last 30 s
	DASH         int         `json:"dash"`      // likewise
	Reporting    int         `json:"reporting"` // of those over HLS and DASH, players that tell how it plays
	Rebuffering  Rebuffering `json:"rebuffering"`
	StartupTime  float64     `json:"startupTime"`  // median, seconds
	Latency      float64     `json:"latency"`      // median, seconds
	LatencyP95   float64     `json:"latencyP95"`   // 95th percentile, seconds
	VideoBitrate float64     `json:"videoBitrate"` // mean of what is played, bit/s
}

// Rebuffering is how playback has been interrupted for those who watch now.
type Rebuffering struct {
	Count int     `json:"count"` // interruptions
	Share float64 `json:"share"` // of the time that they have watched, 0 to 1
}

func newAudience(s viewers.Stats, webrtc int) Audience {
	return Audience{
		Viewers: s.HLS + s.DASH + webrtc, WebRTC: webrtc, HLS: s.HLS, DASH: s.DASH, Reporting: s.Telling,
		Rebuffering: Rebuffering{s.Rebufferings, s.Rebuffering}, StartupTime: s.Startup,
		Latency: s.LatencyMedian, LatencyP95: s.LatencyHigh, VideoBitrate: s.Bitrate,
	}
}
