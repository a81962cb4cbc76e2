// Package metrics serves what Prometheus scrapes: of the process, of the service, of each stream by its name, and of sessions and rooms
// together. It counts nothing itself, and keeps the sums of what has ended.
//
// It starts no goroutine. The format is Prometheus' text exposition format, version 0.0.4.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/public/panics"
)

// Handler serves everything that is counted, in Prometheus' format. Nothing is counted twice: a scrape reads the same status that
// the API tells.
func Handler(s *service.Service) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector{s, api.Reader{Service: s}, &sums{}},
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// collector collects the metrics of the service and of all broadcasts that have not ended.
type collector struct {
	service *service.Service
	state   api.Reader
	sums    *sums
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sluice_"+name, help, append([]string{"stream"}, labels...), nil)
}

var (
	descSessions = prometheus.NewDesc("sluice_sessions", "Sessions of publishers, uploads, streams of pictures, viewers, participants and echoes.", nil, nil)
	descExcesses = prometheus.NewDesc("sluice_sessions_ended_for_sources_total", "Sessions ended because their clients named more RTP sources, came from more addresses or sent more DTLS than a connection may have.", nil, nil)
	descOverruns = prometheus.NewDesc("sluice_sessions_ended_for_bitrate_total", "Sessions ended because their clients sent more than limits.publish-bitrate.", nil, nil)
	descPanics   = prometheus.NewDesc("sluice_panics_total", "Panics that have ended one session, stream or request.", nil, nil)
	descReloads  = prometheus.NewDesc("sluice_config_reloads_total", "Configurations put in force while the service ran, and refused ones.", []string{"result"}, nil)
	descStreams  = prometheus.NewDesc("sluice_streams", "Streams by state.", []string{"state"}, nil)

	descRooms        = prometheus.NewDesc("sluice_rooms", "Rooms that somebody is in.", nil, nil)
	descParticipants = prometheus.NewDesc("sluice_participants", "People in rooms.", nil, nil)
	descRoomDrops    = prometheus.NewDesc("sluice_room_dropped_packets_total", "Packets that participants were too slow for.", nil, nil)

	descRelays      = prometheus.NewDesc("sluice_turn_relays", "Relays of the TURN server.", nil, nil)
	descRelayStrays = prometheus.NewDesc("sluice_turn_dropped_packets_total", "Packets that clients of the TURN server meant for something else than the media of this service.", nil, nil)

	descGstClients = prometheus.NewDesc("sluice_gst_clients", "Clients that are connected to GStreamer's signalling.", nil, nil)

	descHeld    = prometheus.NewDesc("sluice_upload_held_bytes", "Bytes of uploads that wait to be played.", nil, nil)
	descRefused = prometheus.NewDesc("sluice_upload_refused_total", "Uploads and chunks refused because all uploads together held too much.", nil, nil)

	descPictures        = prometheus.NewDesc("sluice_frames_total", "Still pictures that have become part of a stream.", nil, nil)
	descPicturesBack    = prometheus.NewDesc("sluice_frames_processed_total", "Still pictures that came back processed.", nil, nil)
	descPicturesRefused = prometheus.NewDesc("sluice_frames_refused_total", "Still pictures that were refused, or for which there was no place.", nil, nil)
	descPicturesHeld    = prometheus.NewDesc("sluice_frames_held_bytes", "Bytes of still pictures that are not answered yet.", nil, nil)

	descSearched    = prometheus.NewDesc("sluice_faces_searched_total", "Pictures of live video that were searched for faces.", nil, nil)
	descSearchDrops = prometheus.NewDesc("sluice_faces_dropped_total", "Pictures of live video that were not searched for faces, because a newer one had come.", nil, nil)

	descMessages     = prometheus.NewDesc("sluice_channel_messages_total", "Messages handed to the data channels of clients.", nil, nil)
	descMessageDrops = prometheus.NewDesc("sluice_channel_dropped_messages_total", "Messages that clients were too slow for, or whose data channels were closed.", nil, nil)

	descDiskFree  = prometheus.NewDesc("sluice_disk_free_bytes", "Free space under the live streams, while there are any.", nil, nil)
	descDiskFault = prometheus.NewDesc("sluice_disk_fault", "1 while live streams cannot be written.", nil, nil)

	descBitrate     = describe("publisher_bitrate", "What the publisher sends, in bit/s.")
	descRTT         = describe("publisher_rtt_seconds", "Round trip to the publisher; 0 while unknown.")
	descPLIs        = describe("publisher_key_frame_requests_total", "Key frames asked for.")
	descOutgrown    = describe("publisher_outgrown_key_frames_total", "Key frames that too much has followed for a WHEP viewer to begin with them.")
	descNACKs       = describe("publisher_nacks_total", "Packets asked for again.")
	descRecovered   = describe("publisher_recovered_packets_total", "RTP packets of sound restored from redundancy.")
	descLate        = describe("upload_late_frames_total", "Frames of an upload that came too late to be passed on.")
	descLostChunks  = describe("upload_lost_chunks_total", "Chunks of an upload that did not come.")
	descDamaged     = describe("upload_damaged_frames_total", "Frames of an upload that were empty or could not be read.")
	descViewers     = describe("viewers", "Viewers over WHEP.")
	descViewerDrops = describe("viewer_dropped_packets_total", "Packets that viewers over WHEP were too slow for.")

	descTapDrops = describe("tap_dropped_packets_total", "Packets that the pipeline was too slow for.")

	descPackets  = describe("depay_packets_total", "RTP packets.", "kind")
	descLost     = describe("depay_lost_packets_total", "RTP packets given up.", "kind")
	descIn       = describe("depay_frames_in_total", "Frames begun by the publisher.", "kind")
	descOut      = describe("depay_frames_out_total", "Frames passed on.", "kind")
	descDropped  = describe("depay_frames_dropped_total", "Frames dropped.", "kind", "reason")
	descFillers  = describe("depay_fillers_total", "Repeat frames and silence made.", "kind")
	descAVOffset = describe("av_offset_seconds", "By how much sender reports have moved video against audio.")
	descDrift    = describe("clock_drift_ppm", "How much the publisher's clock loses against this machine's.")

	descSpeed    = describe("encoder_speed", "Seconds of media that ffmpeg makes in a second.")
	descLag      = describe("encoder_lag_seconds", "Media handed to ffmpeg that it has not written yet.")
	descEncDrops = describe("encoder_dropped_frames_total", "Frames that ffmpeg was too slow for.")
	descRestarts = describe("encoder_restarts_total", "ffmpeg runs before this one.")
	descLong     = describe("encoder_outgrown_key_frames_total", "Key frames that too much has followed for an ffmpeg to begin in the middle.")
	descReduced  = describe("encoder_reductions_total", "Times that the ladder was reduced because the machine was too slow for it.")
	descReturns  = describe("encoder_returns_total", "Times that some of what a reduction had taken from the ladder was encoded again.")
	descEncoded  = describe("encoder_rungs", "Renditions that are encoded.")
	descCopies   = describe("encoder_copies", "1 while the publisher's pictures are passed on as they are, without an encoder, else 0.")
	descLayers   = describe("encoder_layers", "Layers of a simulcast that are passed on as renditions, beside the best one.")

	descUnkept = describe("source_dropped_frames_total", "Frames that the disk was too slow for; the source recording has a hole.")

	descSegments = describe("segments_total", "Segments listed.")
	descParts    = describe("parts_total", "Fragments seen.")
	descGaps     = describe("gaps_total", "Segments listed as missing.")
	descBytes    = describe("segment_bytes_total", "Bytes of the segments listed.")
	descRenders  = describe("playlist_renders_total", "Playlists and MPDs made, each once however many ask for it.")
	descLatency  = describe("segment_latency_seconds", "From the end of the newest segment's media to its listing.")

	descPushFiles    = describe("push_files_total", "Files put on the server that streams are pushed to.")
	descPushBytes    = describe("push_bytes_total", "Bytes of them.")
	descPushFailures = describe("push_failures_total", "Requests to that server that failed and were tried again.")
	descPushDropped  = describe("push_dropped_segments_total", "Segments that left the playlists before they were put on that server.")
	descPushBehind   = describe("push_behind_segments", "Segments that are not on that server yet.")
)

// Describe sends nothing: what there is depends on the streams.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. It is called in a goroutine of Prometheus' own.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	_ = panics.Contain(nil, "the collecting of metrics", func() {
		c.collect(ch)
		collectCluster(ch, c.service.Cluster(), c.service.Ingest())
	})
}

func (c collector) collect(ch chan<- prometheus.Metric) {
	states := map[string]int{broadcast.StateStarting: 0, broadcast.StateLive: 0, broadcast.StateInterrupted: 0}
	for _, b := range c.service.All() {
		if b.Ended() {
			continue
		}
		st := b.Status()
		states[st.State]++
		e := emitter{ch, b.Stream()}
		e.publisher(st)
		e.audience(c.service.Ingest().Viewers().Count(b.Stream()))
		e.players(c.service.Viewers().Stats(b.Stream()))
		e.depay(st.Depay)
		e.encoder(st)
		e.packager(b)
		collectForwards(ch, c.service.Forwards(b.Stream()), b.Stream())
		e.counter(descUnkept, st.Unkept)
	}
	ch <- prometheus.MustNewConstMetric(descSessions, prometheus.GaugeValue, float64(c.service.Ingest().Sessions().Count()))
	ch <- prometheus.MustNewConstMetric(descExcesses, prometheus.CounterValue, float64(c.service.Ingest().Sessions().Excesses()))
	ch <- prometheus.MustNewConstMetric(descOverruns, prometheus.CounterValue, float64(c.service.Ingest().Sessions().Overruns()))
	ch <- prometheus.MustNewConstMetric(descPanics, prometheus.CounterValue, float64(panics.Count()))
	reloaded, refused := c.service.Reloads()
	ch <- prometheus.MustNewConstMetric(descReloads, prometheus.CounterValue, float64(reloaded), "taken")
	ch <- prometheus.MustNewConstMetric(descReloads, prometheus.CounterValue, float64(refused), "refused")
	if disk := c.service.Packager().Disk(); disk.Free > 0 || disk.Fault != "" {
		ch <- prometheus.MustNewConstMetric(descDiskFree, prometheus.GaugeValue, float64(disk.Free))
		ch <- prometheus.MustNewConstMetric(descDiskFault, prometheus.GaugeValue, faulty(disk.Fault))
	}
	if relays := c.service.Ingest().TURN(); relays != nil {
		ch <- prometheus.MustNewConstMetric(descRelays, prometheus.GaugeValue, float64(relays.Relays()))
		ch <- prometheus.MustNewConstMetric(descRelayStrays, prometheus.CounterValue, float64(relays.Dropped()))
	}
	uploads := c.service.Ingest().Uploads()
	ch <- prometheus.MustNewConstMetric(descHeld, prometheus.GaugeValue, float64(uploads.Held()))
	ch <- prometheus.MustNewConstMetric(descRefused, prometheus.CounterValue, float64(uploads.Refused()))
	pictures := c.service.Ingest().Pictures().Stats()
	ch <- prometheus.MustNewConstMetric(descPictures, prometheus.CounterValue, float64(pictures.Taken))
	ch <- prometheus.MustNewConstMetric(descPicturesBack, prometheus.CounterValue, float64(pictures.Processed))
	ch <- prometheus.MustNewConstMetric(descPicturesRefused, prometheus.CounterValue, float64(pictures.Refused))
	ch <- prometheus.MustNewConstMetric(descPicturesHeld, prometheus.GaugeValue, float64(pictures.Held))
	collectTransformed(ch, c.service.Ingest().Transformed().Stats(), c.service.Ingest().Reductions().Stats())
	searched, unsearched := c.service.SearchedPictures()
	ch <- prometheus.MustNewConstMetric(descSearched, prometheus.CounterValue, float64(searched))
	ch <- prometheus.MustNewConstMetric(descSearchDrops, prometheus.CounterValue, float64(unsearched))
	messages := c.service.Ingest().Messages()
	ch <- prometheus.MustNewConstMetric(descMessages, prometheus.CounterValue, float64(messages.Passed.Load()))
	ch <- prometheus.MustNewConstMetric(descMessageDrops, prometheus.CounterValue, float64(messages.Dropped.Load()))
	sessions := c.state.Sessions()
	c.sums.collectSessions(ch, sessions)
	collectBandwidth(ch, sessions)
	c.sums.collectRooms(ch, c.service.Ingest().Rooms().List())
	ch <- prometheus.MustNewConstMetric(descGstClients, prometheus.GaugeValue, float64(c.service.Ingest().GStreamerClients()))
	collectWebhooks(ch, c.service)
	collectReports(ch, c.service.Viewers().Counts())
	for state, n := range states {
		ch <- prometheus.MustNewConstMetric(descStreams, prometheus.GaugeValue, float64(n), state)
	}
}

// emitter sends the metrics of one stream.
type emitter struct {
	ch     chan<- prometheus.Metric
	stream string
}

func (e emitter) gauge(d *prometheus.Desc, value float64) {
	e.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, e.stream)
}

func (e emitter) counter(d *prometheus.Desc, value uint64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), append([]string{e.stream}, labels...)...)
}

func (e emitter) publisher(st *broadcast.Status) {
	e.counter(descTapDrops, st.Dropped)
	if st.Publisher == nil {
		return
	}
	stats := st.Publisher.Stats()
	e.gauge(descBitrate, stats.Bitrate)
	e.gauge(descRTT, stats.RTT.Seconds())
	e.counter(descPLIs, stats.PLIs)
	e.counter(descNACKs, stats.NACKs)
	e.counter(descLate, stats.LateFrames)
	e.counter(descLostChunks, stats.LostChunks)
	e.counter(descDamaged, stats.DamagedFrames)
	var outgrown, recovered uint64
	for _, track := range stats.Tracks {
		outgrown += track.GroupsGivenUp
		recovered += track.Recovered
	}
	e.counter(descOutgrown, outgrown)
	e.counter(descRecovered, recovered)
}

func (e emitter) audience(a egress.Count) {
	e.gauge(descViewers, float64(a.Viewers))
	e.counter(descViewerDrops, a.Dropped)
}

func (e emitter) depay(stats depay.Stats) {
	for kind, track := range map[string]depay.TrackStats{"video": stats.Video, "audio": stats.Audio, "layers": stats.Layers} {
		e.counter(descPackets, track.Packets, kind)
		e.counter(descLost, track.Lost, kind)
		e.counter(descIn, track.FramesIn, kind)
		e.counter(descOut, track.FramesOut, kind)
		e.counter(descFillers, track.Fillers, kind)
		for reason := range depay.DropReasons {
			e.counter(descDropped, track.Dropped[reason], kind, reason.String())
		}
	}
	e.gauge(descAVOffset, api.AVOffset(stats))
	e.gauge(descDrift, stats.DriftPPM)
}

func (e emitter) encoder(st *broadcast.Status) {
	e.gauge(descSpeed, st.Job.Progress.Speed)
	e.gauge(descLag, st.Job.Progress.Lag.Seconds())
	e.counter(descEncDrops, api.DroppedFrames(st.Job))
	e.counter(descRestarts, uint64(st.Restarts))
	e.counter(descLong, st.GroupsGivenUp)
	e.counter(descReduced, uint64(st.Reductions))
	e.counter(descReturns, uint64(st.Returns))
	e.gauge(descEncoded, float64(st.Renditions))
	e.gauge(descCopies, oneIf(st.Passthrough))
	e.gauge(descLayers, float64(st.Layers))
}

func (e emitter) packager(b *broadcast.Broadcast) {
	info := b.Info()
	e.counter(descSegments, info.Segments)
	e.counter(descParts, info.Parts)
	e.counter(descGaps, info.Gaps)
	e.counter(descBytes, info.Bytes)
	e.counter(descRenders, info.Renders)
	e.gauge(descLatency, info.Latency.Seconds())
	if p := info.Push; p != nil {
		e.counter(descPushFiles, p.Files)
		e.counter(descPushBytes, p.Bytes)
		e.counter(descPushFailures, p.Failures)
		e.counter(descPushDropped, p.Dropped)
		e.gauge(descPushBehind, float64(p.Behind))
	}
}

func faulty(fault string) float64 {
	if fault != "" {
		return 1
	}
	return 0
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
