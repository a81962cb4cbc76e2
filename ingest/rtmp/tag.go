package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// part says what of a track a message has.
type part int

const (
	nothing part = iota
	configuration
	frame
)

// tag is a message of audio or video.
type tag struct {
	part  part
	codec string // as WebM calls it, or in words when it is not taken; "": not known
	data  []byte
}

// Codecs by their names in WebM.
const (
	codecH264 = "V_MPEG4/ISO/AVC"
	codecVP9  = "V_VP9"
	codecAV1  = "V_AV1"
	codecAAC  = "A_AAC"
	codecOpus = "A_OPUS"
)

// Of FLV (annex E.4.2.1, E.4.3.1) and Enhanced RTMP v2.
const (
	frameCommand  = 5    // a picture that is none
	videoExtended = 0x80 // bit of the first byte
	soundExtended = 9

	packetConfiguration = 0 // SequenceStart
	packetFrame         = 1 // CodedFrames
	packetFrameX        = 3 // CodedFramesX: no time of composition
	packetMultitrack    = 6 // of video
	packetMultitrackA   = 5 // of audio
	packetModified      = 7 // ModEx
)

var errTag = errors.New("a message of media is cut short")

// videoCodecs are those by the numbers of FLV and the four characters of Enhanced RTMP. Nothing writes to them.
var videoCodecs = map[string]string{
	"2": "Sorenson H.263", "3": "Screen Video", "4": "VP6", "5": "VP6", "6": "Screen Video", "7": codecH264, "12": "HEVC (H.265)",
	"avc1": codecH264, "vp09": codecVP9, "av01": codecAV1, "hvc1": "HEVC (H.265)", "vp08": "VP8", "vvc1": "VVC (H.266)",
}

// audioCodecs are those of sound.
var audioCodecs = map[string]string{
	"0": "PCM", "1": "ADPCM", "2": "MP3", "3": "PCM", "4": "Nellymoser", "5": "Nellymoser", "6": "Nellymoser", "7": "G.711", "8": "G.711", "10": codecAAC, "11": "Speex", "14": "MP3",
	"mp4a": codecAAC, "Opus": codecOpus, "ac-3": "AC-3", "ec-3": "E-AC-3", ".mp3": "MP3", "fLaC": "FLAC",
}

// nameOf is that of a codec, whether it is taken or not.
func nameOf(codecs map[string]string, code string) string {
	if name, known := codecs[code]; known {
		return name
	}
	return fmt.Sprintf("a codec %q", code)
}

// parseVideo reads a message of video.
func parseVideo(b []byte) (tag, error) {
	if len(b) < 1 {
		return tag{}, errTag
	}
	if b[0]&videoExtended != 0 {
		return parseExtended(b, videoCodecs, packetMultitrack)
	}
	if b[0]>>4 == frameCommand {
		return tag{}, nil
	}
	t := tag{codec: nameOf(videoCodecs, fmt.Sprint(b[0]&0xf)), part: frame}
	if t.codec != codecH264 {
		return t, nil
	}
	if len(b) < 5 {
		return tag{}, errTag
	}
	return t.packet(b[1], b[5:]), nil
}

// parseAudio reads a message of audio.
func parseAudio(b []byte) (tag, error) {
	switch {
	case len(b) < 1:
		return tag{}, errTag
	case b[0]>>4 == soundExtended:
		return parseExtended(b, audioCodecs, packetMultitrackA)
	}
	t := tag{codec: nameOf(audioCodecs, fmt.Sprint(b[0]>>4)), part: frame}
	if t.codec != codecAAC {
		return t, nil
	}
	if len(b) < 2 {
		return tag{}, errTag
	}
	return t.packet(b[1], b[2:]), nil
}

// parseExtended reads a message of Enhanced RTMP (§ExVideoTagHeader, §ExAudioTagHeader).
func parseExtended(b []byte, codecs map[string]string, multitrack byte) (tag, error) {
	kind, b := b[0]&0xf, b[1:]
	for kind == packetModified {
		size := 1
		if len(b) > 0 {
			size, b = int(b[0])+1, b[1:]
		}
		if size == 256 && len(b) >= 2 {
			size, b = int(binary.BigEndian.Uint16(b))+1, b[2:]
		}
		if len(b) <= size {
			return tag{}, errTag
		}
		kind, b = b[size]&0xf, b[size+1:]
	}
	if kind == multitrack {
		return tag{codec: "several tracks of a kind (multitrack)", part: frame}, nil
	}
	if len(b) < 4 {
		return tag{}, errTag
	}
	t, b := tag{codec: nameOf(codecs, string(b[:4]))}, b[4:]
	if t.codec == codecH264 && kind == packetFrame {
		if len(b) < 3 {
			return tag{}, errTag
		}
		b = b[3:] // the time of composition
	}
	return t.packet(kind, b), nil
}

// packet takes what a message has behind its codec.
func (t tag) packet(kind byte, b []byte) tag {
	switch kind {
	case packetConfiguration:
		t.part = configuration
	case packetFrame, packetFrameX:
		t.part = frame
	default: // metadata, the end of a sequence
		return tag{}
	}
	if t.data = b; len(b) == 0 && (t.codec == codecH264 || t.codec == codecAAC) {
		return tag{} // a configuration that comes later, or a frame of nothing
	}
	return t
}
