package transcode

import (
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"time"

	ffmpeg "github.com/u2takey/ffmpeg-go"

	"github.com/sluice-live/sluice/depay"
)

// The file descriptors that ffmpeg inherits: video is the first that is there.
const firstInputFD = 3

// primingSamples of AAC-LC come out of a decoder before the first real sample (ISO/IEC 14496-3). ffmpeg's dash muxer
// writes no edit list for them and moves the audio later instead.
const primingSamples = 1024

// Command returns the command line of a run, argv[0] being the program. It is a pure function of the options: it looks
// at no file and starts nothing.
//
// The graph is compiled by ffmpeg-go's GetArgs and not by its Compile, which would log every command and knows no
// inherited pipes.
func Command(o Options) (argv []string, err error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("build ffmpeg command: %w", err)
	}
	o = o.withDefaults()
	argv = append([]string{o.FFmpeg}, globalArgs...)
	if o.usesEncoder() {
		argv = append(argv, o.Encoder.globalArgs()...)
	}
	return append(argv, o.output().GetArgs()...), nil
}

// The constant rate of the renditions puts each picture on a grid. ffmpeg lets one stand up to 1.1 places off before it repeats
// or leaves one out, which at 30 a second is all that lip-sync may be off. Leaving out from 0.3 on, and moving all by the
// 0.4 that make it even again, keeps pictures within 0.7 places; the 1.4 between keep jitter from doing both in turn.
const (
	dropThreshold = "-0.3"
	gridShift     = "0.4"
)

// globalArgs come before the inputs. copyts keeps the time stamps of both inputs, whose zero is common; without it each
// input would be moved to begin at 0.
var globalArgs = []string{
	"-hide_banner", "-nostdin", "-nostats", "-y",
	"-loglevel", "level+warning",
	"-progress", "pipe:1", "-stats_period", "0.5",
	"-copyts",

	"-frame_drop_threshold", dropThreshold,
}

// output returns the CMAF output, and that of pictures to find faces in. There is no other: ffmpeg reads whichever input its output furthest
// behind needs, so that an output of a few pictures a minute would starve the audio.
func (o Options) output() *ffmpeg.Stream {
	var streams []*ffmpeg.Stream
	var search *ffmpeg.Stream
	if o.Video != 0 {
		video := o.Transform.apply(o.withoutEarlier(videoInput(o.Video, firstInputFD).Video()), o.Title)
		if o.findsFaces() {
			video, search = o.withBoxes(video)
		}
		streams = o.videoStreams(video)
	}
	if o.Audio != 0 {
		streams = append(streams, input("ogg", "libopus", firstInputFD+o.videoInputs(), nil).Audio())
	}
	media := ffmpeg.Output(streams, filepath.Join(o.Dir, ManifestName), o.muxerArgs(), o.videoArgs(), o.audioArgs())
	if search != nil {
		return ffmpeg.MergeOutputs(media, search)
	}
	return media
}

// videoInput returns the node that reads and decodes video. low_delay keeps dav1d from working on several pictures at
// once, and lets out those of H.264 when they are decoded and not when their order is certain; the others ignore it.
func videoInput(c depay.Codec, fd int) *ffmpeg.Stream {
	var own ffmpeg.KwArgs
	if c == depay.H264 || c == depay.AV1 {
		own = ffmpeg.KwArgs{"flags": "low_delay"}
	}
	decoder, _ := decoderOf(c)
	return input("ivf", decoder.name, fd, own)
}

// input returns the node that reads one format from an inherited descriptor and nothing else. The smallest probe starts
// at once and loses no packet, whatever the codec, because key frames and the IVF header say all that a decoder needs; one
// decoder thread, because more of them hold pictures back. Audio goes to libopus, because that one conceals lost packets.
func input(format, decoder string, fd int, own ffmpeg.KwArgs) *ffmpeg.Stream {
	return ffmpeg.Input("pipe:"+strconv.Itoa(fd), own, ffmpeg.KwArgs{
		"f":                  format,
		"c":                  decoder,
		"probesize":          32,
		"analyzeduration":    0,
		"protocol_whitelist": "pipe",
		"threads":            1,
		"thread_queue_size":  64,
	})
}

// videoStreams are the video as it came, if it is passed through, and for each rendition of the ladder a layer as it came, or a canvas.
func (o Options) videoStreams(source *ffmpeg.Stream) (renditions []*ffmpeg.Stream) {
	if o.passesThrough() {
		renditions = append(renditions, source)
	}
	sources := o.forEachRendition(source)
	var logos []*ffmpeg.Stream
	if o.Transform == TransformLogo {
		logos = o.forEachRendition(o.logoInput())
	}
	layers, encoded := 0, 0
	for _, r := range o.Ladder {
		if r.Layer != 0 {
			layers++
			renditions = append(renditions, videoInput(o.Video, firstInputFD+layers).Video())
			continue
		}
		canvas := r.canvas(sources[encoded], o.matrix())
		if logos != nil {
			canvas = r.branded(canvas, logos[encoded])
		}
		encoded++
		if r.Codec == H264 {
			canvas = o.Encoder.upload(canvas)
		}
		renditions = append(renditions, canvas)
	}
	return renditions
}

// forEachRendition gives a stream to every rendition of the ladder that is encoded.
func (o Options) forEachRendition(s *ffmpeg.Stream) (each []*ffmpeg.Stream) {
	renditions := o.encoded()
	if len(renditions) == 1 {
		return []*ffmpeg.Stream{s}
	}
	split := s.Split()
	for i := range renditions {
		each = append(each, split.Get(strconv.Itoa(i)))
	}
	return each
}

// matrix returns what makes pictures of whatever colours BT.601 in the range of television. VP8 has no other (RFC 6386
// §9.2). Of the others, those of browsers say nothing of theirs, and are what cameras give them: BT.601, and nothing is
// converted; OBS says BT.709, and a picture is converted in a hundredth of the time that it takes to encode it. One result for
// all, because the encoder says at its beginning what holds for the whole run.
func (o Options) matrix() ffmpeg.KwArgs {
	if o.Video == depay.VP8 {
		return nil
	}
	return ffmpeg.KwArgs{"in_color_matrix": "auto", "out_color_matrix": "bt601", "out_range": "tv"}
}

// canvas fits pictures of whatever size and shape into one constant size, centred, black around them, and puts them on the
// grid of the rendition's rate.
func (r Rendition) canvas(s *ffmpeg.Stream, matrix ffmpeg.KwArgs) *ffmpeg.Stream {
	return r.fitted(s, matrix).Filter("setpts", ffmpeg.Args{fmt.Sprintf("PTS+%s/%d/TB", gridShift, r.FPS)})
}

// fitted is the canvas without the grid. A side that is less than two pixels short is made full: 16:9 is 853.3 wide at 480 lines, and no
// line of black should show it.
func (r Rendition) fitted(s *ffmpeg.Stream, matrix ffmpeg.KwArgs) *ffmpeg.Stream {
	fitWidth := fmt.Sprintf("min(%d,2*ceil(%d*dar/2-0.01))", r.Width, r.Height)
	fitHeight := fmt.Sprintf("min(%d,2*ceil(%d/dar/2-0.01))", r.Height, r.Width)
	return s.Filter("scale", ffmpeg.Args{fitWidth, fitHeight}, matrix).
		Filter("pad", ffmpeg.Args{strconv.Itoa(r.Width), strconv.Itoa(r.Height), "-1", "-1"}).
		Filter("setsar", ffmpeg.Args{"1"})
}

// videoArgs are the encoder's options for all renditions and for each.
func (o Options) videoArgs() ffmpeg.KwArgs {
	args := ffmpeg.KwArgs{}
	switch {
	case o.Video == 0:
	case o.passesThrough():
		o.addPassthroughArgs(args)
	default:
		o.addLadderArgs(args)
	}
	return args
}

// noGroup is the distance in pictures of key frames that are asked for one by one: beyond the end of any run.
const noGroup = 1 << 30

// addPassthroughArgs adds the options of the video that is passed through, which is the first stream, of renditions that are so too, and of
// those that have their key frames where that has them.
func (o Options) addPassthroughArgs(args ffmpeg.KwArgs) {
	for i, r := range o.renditions() {
		suffix := ":v:" + strconv.Itoa(i)
		if i == 0 || r.Layer != 0 {
			maps.Copy(args, passthroughArgs(o.Video, o.Passthrough.FPS, suffix))
			args["b"+suffix] = r.Bitrate // for ffmpeg's own manifests
			continue
		}
		r.addCodecArgs(args, o.Encoder, suffix)
		r.addArgs(args, o.Encoder, suffix, noGroup, o.rateControl())
		args["force_key_frames"+suffix] = "source"
	}
}

// group returns how many pictures there are from one key frame to the next.
func (r Rendition) group(keyFrames time.Duration) int {
	return int(time.Duration(r.FPS) * keyFrames / time.Second)
}

// addArgs adds what differs between renditions, each option with the suffix that selects the rendition's stream.
func (r Rendition) addArgs(args ffmpeg.KwArgs, e Encoder, suffix string, group int, control rateControl) {
	rate, buffer := control.of(r)
	own := ffmpeg.KwArgs{"r": r.FPS, "g": group, "keyint_min": group, "b": rate, "maxrate": rate, "bufsize": buffer}
	switch r.Codec {
	case H264:
		maps.Copy(own, e.own(r))
	case AV1:
		delete(own, "maxrate") // it must be more than the rate, or none
	}
	for name, value := range own {
		args[name+suffix] = value
	}
}

// audioArgs are the encoder's options for the audio, always AAC-LC, 48 kHz, stereo.
//
// aresample follows the time stamps: it starts at 0, stretches by at most 1 % (480 samples a second) where clocks drift, and
// fills or cuts from 40 ms on. The resampler is on from the first sample, because it would forget the time when it is
// switched on by the first stretch. Leaving out as many samples as the encoder puts in front makes a player hear each at
// its own time.
func (o Options) audioArgs() ffmpeg.KwArgs {
	if o.Audio == 0 {
		return nil
	}
	return ffmpeg.KwArgs{
		"c:a":      "aac",
		"b:a":      o.AudioBitrate,
		"ar:a":     48000,
		"ac:a":     2,
		"filter:a": fmt.Sprintf("aresample=48000:async=480:min_hard_comp=0.04:first_pts=0:swr_flags=res,atrim=start_sample=%d", primingSamples),
	}
}

// muxerArgs make the dash muxer append CMAF fragments to growing segments. Its manifests are for our own use: each
// stream has an adaptation set of its own, because within one the muxer refuses canvases of different shape. It writes
// producer reference times only with the address of a clock, which it does not open. frag_discont lets decode times begin where
// the offset puts them: the muxer of MP4 would move the first of each track to 0.
func (o Options) muxerArgs() ffmpeg.KwArgs {
	window := int(o.Window / o.Segment)
	return ffmpeg.KwArgs{
		"f":                 "dash",
		"streaming":         1,
		"ldash":             1,
		"frag_type":         "duration",
		"seg_duration":      seconds(o.Segment),
		"use_template":      1,
		"use_timeline":      0,
		"hls_playlist":      1,
		"window_size":       window,
		"extra_window_size": window,
		"write_prft":        1,
		"utc_timing_url":    "urn:local:clock",
		"format_options":    "movflags=+cmaf+frag_discont",
		"output_ts_offset":  seconds(o.Offset),
		"init_seg_name":     initPattern,
		"media_seg_name":    segmentPattern,
		"adaptation_sets":   o.adaptationSets(),
	}
}

// seconds formats d as a decimal number of seconds.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
