package main

import (
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/internal/problem"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/transcode"
)

// apiStream is a stream as /api/v1/streams tells it.
type apiStream struct {
	Name         string                   `json:"name"`
	State        string                   `json:"state"` // starting, live, interrupted, ended or failed
	Error        string                   `json:"error"` // why it failed, else ""
	Fault        string                   `json:"fault"` // why viewers get nothing new at the moment, else ""
	StartedAt    time.Time                `json:"startedAt"`
	PlayableAt   time.Time                `json:"playableAt,omitzero"`
	Publisher    *apiPublisher            `json:"publisher"` // null while nobody publishes
	Viewers      int                      `json:"viewers"`   // over WHEP
	Renditions   []packager.RenditionInfo `json:"renditions"`
	LadderReason string                   `json:"ladderReason"`
	Encoder      apiEncoder               `json:"encoder"`
	AVOffset     float64                  `json:"avOffset"` // seconds by which video was moved against audio to be in sync
	Recording    *recordingState          `json:"recording"`
	URLs         apiURLs                  `json:"urls"`
}

// apiPublisher leaves out the session's name: who knows that can end the session.
type apiPublisher struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	Bitrate   float64   `json:"bitrate"` // bit/s
	RTT       float64   `json:"rtt"`     // seconds, 0 while unknown
	Lost      uint64    `json:"lost"`    // packets
	NACKs     uint64    `json:"nacks"`   // packets asked for again
	PLIs      uint64    `json:"plis"`    // requests for a key frame
	Advice    string    `json:"advice"`  // what to change in the encoder that sends, else ""
	Video     *apiVideo `json:"video"`
	Audio     *apiAudio `json:"audio"`
}

type apiVideo struct {
	Codec  string  `json:"codec"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	FPS    float64 `json:"fps"`
	apiTrack
}

type apiAudio struct {
	Codec string `json:"codec"`
	apiTrack
}

// apiTrack is how a track arrives.
type apiTrack struct {
	Bitrate   float64 `json:"bitrate"` // bit/s
	Packets   uint64  `json:"packets"`
	Lost      uint64  `json:"lost"`      // packets
	Recovered uint64  `json:"recovered"` // packets restored from redundancy (RFC 2198)
	Jitter    float64 `json:"jitter"`    // seconds (RFC 3550 §A.8)
}

func describeTrack(t media.TrackStats) apiTrack {
	return apiTrack{Bitrate: t.Bitrate, Packets: t.Packets, Lost: t.Lost, Recovered: t.Recovered, Jitter: t.Jitter.Seconds()}
}

type apiEncoder struct {
	Speed    float64 `json:"speed"` // 1 is real time
	FPS      float64 `json:"fps"`
	Drops    uint64  `json:"drops"` // frames that ffmpeg was too slow for
	Restarts int     `json:"restarts"`
	Reduced  string  `json:"reduced"` // why less is encoded than the ladder asks for, else ""
	Copies   bool    `json:"copies"`  // the publisher's pictures are passed on as they are
	Layers   int     `json:"layers"`  // of a simulcast that are passed on beside the best one
	Encodes  string  `json:"encodes"` // why they are encoded though they could be passed on, else ""

	Transform       transcode.Transform `json:"transform"`       // that is made to pictures, "" for none
	TransformReason string              `json:"transformReason"` // why none is made any more, else ""
}

type recordingState struct {
	State string `json:"state"`
	Error string `json:"error,omitempty"`
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

type apiURLs struct {
	HLS       string `json:"hls"`
	DASH      string `json:"dash"`
	WHEP      string `json:"whep"`
	Watch     string `json:"watch"`
	Thumbnail string `json:"thumbnail"`
}

// serveStreams lists the streams that have not ended.
func (s *service) serveStreams(w http.ResponseWriter, _ *http.Request) {
	streams := []apiStream{}
	for _, info := range s.packager.Streams() {
		if stream, ok := s.known(info.Stream); ok && info.State != packager.StateEnded {
			streams = append(streams, stream)
		}
	}
	writeJSON(w, map[string]any{"streams": streams})
}

// serveStream tells of one stream; for a while also of one that has ended, so that its page can say why.
func (s *service) serveStream(w http.ResponseWriter, r *http.Request) {
	if stream, ok := s.known(r.PathValue("stream")); ok {
		writeJSON(w, stream)
		return
	}
	refuseUnknown(w, r.PathValue("stream"))
}

// known describes a stream: its broadcast, or what the service's last stop has left of it, which waits for its publisher.
func (s *service) known(stream string) (apiStream, bool) {
	if b := s.Find(stream); b != nil {
		return s.describe(b), true
	}
	t := s.packager.Timeline(stream)
	if t == nil {
		return apiStream{}, false
	}
	info := t.Info()
	return s.describeCut(info), info.State != packager.StateEnded
}

// serveKick ends the publisher's session; the stream goes on to wait for another as after any departure.
func (s *service) serveKick(w http.ResponseWriter, r *http.Request) {
	b := s.Find(r.PathValue("stream"))
	if b == nil {
		refuseUnknown(w, r.PathValue("stream"))
		return
	}
	if p := b.Status().Publisher; p != nil {
		p.Close("ended by the operator")
	}
	w.WriteHeader(http.StatusNoContent)
}

func refuseUnknown(w http.ResponseWriter, stream string) {
	w.Header().Set("Retry-After", "2")
	problem.Write(w, http.StatusNotFound, "No stream of this name is live: publish to /whip/"+stream+" first.")
}

// serveServer tells pages what they need to know before they publish.
func (s *service) serveServer(w http.ResponseWriter, _ *http.Request) {
	urls := []string{}
	for _, server := range s.cfg.ICE.Servers {
		urls = append(urls, server.URL)
	}
	writeJSON(w, map[string]any{
		"version": buildVersion(), "authPublish": len(s.cfg.Auth.Publish) > 0, "iceServers": urls,
		"transforms": s.Transforms(), "ladderReason": s.LadderReason(), "linger": s.cfg.Linger.Seconds(),
	})
}

// describeCut tells of a stream that the service's last stop has cut and that waits for its publisher.
func (s *service) describeCut(info packager.Info) apiStream {
	return apiStream{
		Name: info.Stream, State: broadcast.StateInterrupted, StartedAt: info.Started, PlayableAt: info.Playable,
		Renditions: info.Renditions, LadderReason: s.LadderReason(), URLs: urlsOf(info.Stream),
	}
}

func urlsOf(stream string) apiURLs {
	live := "/live/" + stream + "/"
	return apiURLs{live + "index.m3u8", live + "manifest.mpd", "/whep/" + stream, "/watch/" + stream, live + "thumbnail.jpg"}
}

func (s *service) describe(b *broadcast.Broadcast) apiStream {
	st, info := b.Status(), b.Info()
	return apiStream{
		Name: b.Stream(), State: st.State, Error: st.Error, Fault: s.packager.Disk().Fault, StartedAt: b.Started(), PlayableAt: info.Playable,
		Publisher: describePublisher(st), Viewers: s.ingest.Viewers().Count(b.Stream()).Viewers, Renditions: info.Renditions, LadderReason: s.LadderReason(),
		Encoder: apiEncoder{
			st.Job.Progress.Speed, st.Job.Progress.FPS, encoderDrops(st.Job), st.Restarts, st.WhyReduced, st.Passthrough, st.Layers, st.WhyEncoded,
			st.Transform, st.WhyNoneMade,
		},
		AVOffset:  avOffset(st.Depay),
		Recording: describeRecording(info.Recording),
		URLs:      urlsOf(b.Stream()),
	}
}

func describePublisher(st *broadcast.Status) *apiPublisher {
	if st.Publisher == nil {
		return nil
	}
	stats := st.Publisher.Stats()
	p := &apiPublisher{
		Connected: st.Publisher.State() == ingest.StateConnected, Since: st.Publisher.Started(),
		Bitrate: stats.Bitrate, RTT: stats.RTT.Seconds(), NACKs: stats.NACKs, PLIs: stats.PLIs, Advice: st.Advice,
	}
	tracks := make(map[media.Kind]apiTrack)
	for _, track := range stats.Tracks {
		p.Lost += track.Lost
		tracks[track.Kind] = describeTrack(track)
	}
	if st.VideoIn != 0 {
		p.Video = &apiVideo{st.VideoIn.String(), st.Video.Width, st.Video.Height, st.Video.FPS, tracks[media.KindVideo]}
	}
	if st.AudioIn != 0 {
		p.Audio = &apiAudio{st.AudioIn.String(), tracks[media.KindAudio]}
	}
	return p
}

func describeRecording(r *packager.RecordingInfo) *recordingState {
	if r == nil {
		return nil
	}
	return &recordingState{r.State, r.Error, "/recordings/" + r.Stream + "/" + r.Name + "/", r.Bytes}
}
