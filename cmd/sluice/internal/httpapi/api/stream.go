package api

import (
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/packager/push"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// Stream is a stream as /api/v1/streams tells it.
type Stream struct {
	Name         string                   `json:"name"`
	Node         string                   `json:"node,omitempty"` // of the cluster that has it; absent where the service stands alone
	State        string                   `json:"state" jsonschema:"enum=starting,enum=live,enum=interrupted,enum=ended,enum=failed"`
	Error        string                   `json:"error"` // why it failed, else ""
	Fault        string                   `json:"fault"` // why viewers get nothing new at the moment, else ""
	StartedAt    time.Time                `json:"startedAt"`
	PlayableAt   time.Time                `json:"playableAt,omitzero"`
	Publisher    *Publisher               `json:"publisher" jsonschema:"nullable"` // null while nobody publishes
	Viewers      int                      `json:"viewers"`                         // over WHEP
	Audience     Audience                 `json:"audience"`
	Renditions   []timeline.RenditionInfo `json:"renditions"`
	LadderReason string                   `json:"ladderReason"`
	Encoder      Encoder                  `json:"encoder"`
	AVOffset     float64                  `json:"avOffset"`                        // seconds by which video was moved against audio to be in sync
	Recording    *Recording               `json:"recording" jsonschema:"nullable"` // null while nothing is recorded
	Push         *Push                    `json:"push,omitempty"`                  // absent where streams are not pushed
	Forwards     []Forward                `json:"forwards,omitempty"`              // absent where the stream is forwarded nowhere
	URLs         URLs                     `json:"urls"`
}

// Publisher is who publishes a stream. It leaves out the session's name: whoever knows that can end the session.
type Publisher struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	Bitrate   float64   `json:"bitrate"` // bit/s
	RTT       float64   `json:"rtt"`     // seconds, 0 while unknown
	Lost      uint64    `json:"lost"`    // packets
	NACKs     uint64    `json:"nacks"`   // packets asked for again
	PLIs      uint64    `json:"plis"`    // requests for a key frame
	Advice    string    `json:"advice"`  // what to change in the encoder that sends, else ""
	Video     *Video    `json:"video" jsonschema:"nullable"`
	Audio     *Audio    `json:"audio" jsonschema:"nullable"`
}

// Video is how the publisher's video arrives.
type Video struct {
	Codec  string  `json:"codec"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	FPS    float64 `json:"fps"`
	Track
}

// Audio is how the publisher's audio arrives.
type Audio struct {
	Codec string `json:"codec"`
	Track
}

// Track is how a track arrives.
type Track struct {
	Bitrate   float64 `json:"bitrate"` // bit/s
	Packets   uint64  `json:"packets"`
	Lost      uint64  `json:"lost"`      // packets
	Recovered uint64  `json:"recovered"` // packets restored from redundancy (RFC 2198)
	Jitter    float64 `json:"jitter"`    // seconds (RFC 3550 §A.8)
	Sources   uint64  `json:"sources"`   // SSRCs that it has been read from, one after the other
	Silent    bool    `json:"silent"`    // nothing has come for 10 s although the client sends otherwise
}

func describeTrack(t media.TrackStats) Track {
	return Track{Bitrate: t.Bitrate, Packets: t.Packets, Lost: t.Lost, Recovered: t.Recovered, Jitter: t.Jitter.Seconds(), Sources: t.Sources, Silent: t.Silent}
}

// Encoder is what ffmpeg does for a stream, and why.
type Encoder struct {
	Speed    float64 `json:"speed"` // 1 is real time
	FPS      float64 `json:"fps"`
	Drops    uint64  `json:"drops"` // frames that ffmpeg was too slow for
	Restarts int     `json:"restarts"`
	Reduced  string  `json:"reduced"` // why less is encoded than the ladder asks for, else ""
	Returns  int     `json:"returns"` // times that some of it was encoded again
	Copies   bool    `json:"copies"`  // the publisher's pictures are passed on as they are
	Layers   int     `json:"layers"`  // of a simulcast that are passed on beside the best one
	Encodes  string  `json:"encodes"` // why they are encoded though they could be passed on, else ""

	Transform       transcode.Transform `json:"transform"`       // that is made to pictures, "" for none
	TransformReason string              `json:"transformReason"` // why none is made any more, else ""
}

// Recording is how the recording of a stream stands.
type Recording struct {
	State string `json:"state"`
	Error string `json:"error,omitempty"`
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// Push is how far a stream is on the server that it is put on (push.url).
type Push struct {
	Files    uint64 `json:"files"`    // that were put there
	Bytes    uint64 `json:"bytes"`    // of them
	Failures uint64 `json:"failures"` // requests that failed and were tried again
	Dropped  uint64 `json:"dropped"`  // segments that left the playlists before they were there
	Behind   int    `json:"behind"`   // segments that are not there yet
	Error    string `json:"error"`    // why it does not go on, else ""
}

func describePush(p *push.State) *Push {
	if p == nil {
		return nil
	}
	return &Push{p.Files, p.Bytes, p.Failures, p.Dropped, p.Behind, p.Error}
}

// URLs are the paths at which a stream is watched.
type URLs struct {
	HLS       string `json:"hls"`
	DASH      string `json:"dash"`
	WHEP      string `json:"whep"`
	Watch     string `json:"watch"`
	Thumbnail string `json:"thumbnail"`
}

func urlsOf(stream string) URLs {
	live := "/live/" + stream + "/"
	return URLs{live + "index.m3u8", live + "manifest.mpd", "/whep/" + stream, "/watch/" + stream, live + "thumbnail.jpg"}
}

// Below is the stream as it is told to who reaches the service below a prefix (see package prefix).
func (s Stream) Below(prefix string) Stream {
	u := s.URLs
	s.URLs = URLs{prefix + u.HLS, prefix + u.DASH, prefix + u.WHEP, prefix + u.Watch, prefix + u.Thumbnail}
	if s.Recording != nil {
		recording := *s.Recording
		recording.Path = prefix + recording.Path
		s.Recording = &recording
	}
	return s
}

// newStream describes what a broadcast knows of its stream.
func newStream(b *broadcast.Broadcast) Stream {
	st, info := b.Status(), b.Info()
	return Stream{
		Name: b.Stream(), State: st.State, Error: st.Error, StartedAt: b.Started(), PlayableAt: info.Playable,
		Publisher: describePublisher(st), Renditions: renditionsOf(info.Renditions),
		Encoder: Encoder{
			st.Job.Progress.Speed, st.Job.Progress.FPS, DroppedFrames(st.Job), st.Restarts, st.WhyReduced, st.Returns, st.Passthrough, st.Layers, st.WhyEncoded,
			st.Transform, st.WhyNoneMade,
		},
		AVOffset:  AVOffset(st.Depay),
		Recording: NewRecording(info.Recording),
		Push:      describePush(info.Push),
		URLs:      urlsOf(b.Stream()),
	}
}

func describePublisher(st *broadcast.Status) *Publisher {
	if st.Publisher == nil {
		return nil
	}
	stats := st.Publisher.Stats()
	p := &Publisher{
		Connected: st.Publisher.State() == session.StateConnected, Since: st.Publisher.Started(),
		Bitrate: stats.Bitrate, RTT: stats.RTT.Seconds(), NACKs: stats.NACKs, PLIs: stats.PLIs, Advice: st.Advice,
	}
	tracks := make(map[media.Kind]Track)
	for _, track := range stats.Tracks {
		p.Lost += track.Lost
		tracks[track.Kind] = describeTrack(track)
	}
	if st.VideoIn != 0 {
		p.Video = &Video{st.VideoIn.String(), st.Video.Width, st.Video.Height, st.Video.FPS, tracks[media.KindVideo]}
	}
	if st.AudioIn != 0 {
		p.Audio = &Audio{st.AudioIn.String(), tracks[media.KindAudio]}
	}
	return p
}

// renditionsOf is never nil: before there are any the list is empty.
func renditionsOf(infos []timeline.RenditionInfo) []timeline.RenditionInfo {
	return append([]timeline.RenditionInfo{}, infos...)
}

// NewRecording describes the recording of a stream, nil for none.
func NewRecording(r *recording.Info) *Recording {
	if r == nil {
		return nil
	}
	return &Recording{r.State, r.Error, "/recordings/" + r.Stream + "/" + r.Name + "/", r.Bytes}
}

// AVOffset is by how many seconds video was moved against audio to be in sync.
func AVOffset(stats depay.Stats) float64 {
	return float64(stats.AVOffset) / float64(depay.VP8.ClockRate())
}

// DroppedFrames counts the frames that ffmpeg was too slow for.
func DroppedFrames(stats transcode.Stats) uint64 { return stats.Video.Dropped + stats.Audio.Dropped }
