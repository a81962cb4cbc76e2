package webm

import (
	"encoding/binary"
	"time"
)

const (
	timestampScale = time.Millisecond // of all times in the file, as the WebM guidelines ask
	sampleRate     = 48000
	seekPreRoll    = 80 * time.Millisecond // what Opus needs to converge (RFC 7845 §4.6)
	appName        = "sluice"

	durationSize = 11 // Duration: two bytes of ID, one of size, a float of 8
)

// layout is where the fields are that Close fills in, in bytes from the beginning of the file.
type layout struct {
	segment  int64 // the Segment's payload, to which positions are relative; its size is the 8 bytes before
	seekHead int64
	duration int64
}

// appendHeader appends everything before the first cluster, with placeholders for a SeekHead and the Duration.
func appendHeader(b []byte, o Options) ([]byte, layout) {
	var at layout
	b = appendMaster(b, idEBML, func(b []byte) []byte { return appendEBMLHeader(b, o.DocType()) })
	b = appendSize8(appendID(b, idSegment), unknownSize)
	at.segment = int64(len(b))
	at.seekHead = at.segment
	b = appendVoid(b, len(appendSeekHead(nil, 0)))
	b = appendMaster(b, idInfo, func(b []byte) []byte {
		b = appendUint(b, idTimestampScale, uint64(timestampScale))
		b = appendBytes(b, idMuxingApp, appName)
		b = appendBytes(b, idWritingApp, appName)
		at.duration = int64(len(b))
		return appendVoid(b, durationSize)
	})
	b = appendMaster(b, idTracks, func(b []byte) []byte { return appendTracks(b, o) })
	return b, at
}

func appendEBMLHeader(b []byte, docType string) []byte {
	b = appendUint(b, idEBMLVersion, 1)
	b = appendUint(b, idEBMLReadVersion, 1)
	b = appendUint(b, idEBMLMaxIDLength, 4)
	b = appendUint(b, idEBMLMaxSizeLength, 8)
	b = appendBytes(b, idDocType, docType)
	b = appendUint(b, idDocTypeVersion, 4)
	return appendUint(b, idDocTypeReadVersion, 2)
}

// appendSeekHead appends a SeekHead that points to the Cues; its length does not depend on where they are.
func appendSeekHead(b []byte, cues uint64) []byte {
	return appendMaster(b, idSeekHead, func(b []byte) []byte {
		return appendMaster(b, idSeek, func(b []byte) []byte {
			b = appendBytes(b, idSeekID, appendID(nil, idCues))
			return appendUint(b, idSeekPosition, cues)
		})
	})
}

func appendTracks(b []byte, o Options) []byte {
	if v := o.Video; v != nil {
		b = appendMaster(b, idTrackEntry, func(b []byte) []byte { return appendVideo(b, *v) })
	}
	if a := o.Audio; a != nil {
		b = appendMaster(b, idTrackEntry, func(b []byte) []byte { return appendAudio(b, *a) })
	}
	return b
}

// appendTrack appends what both kinds of track have. The track types of RFC 9559 §5.1.4.1.3 are our track numbers.
func appendTrack(b []byte, t Track, codec string) []byte {
	b = appendUint(b, idTrackNumber, uint64(t))
	b = appendUint(b, idTrackUID, uint64(t))
	b = appendUint(b, idTrackType, uint64(t))
	b = appendUint(b, idFlagLacing, 0)
	return appendBytes(b, idCodecID, codec)
}

func appendVideo(b []byte, v VideoTrack) []byte {
	b = appendTrack(b, Video, v.Codec)
	if private, _ := v.codecPrivate(); private != nil { // Validate has seen the error
		b = appendBytes(b, idCodecPrivate, private)
	}
	return appendMaster(b, idVideo, func(b []byte) []byte {
		b = appendUint(b, idPixelWidth, uint64(v.Width))
		return appendUint(b, idPixelHeight, uint64(v.Height))
	})
}

func appendAudio(b []byte, a AudioTrack) []byte {
	b = appendTrack(b, Audio, "A_OPUS")
	b = appendUint(b, idCodecDelay, uint64(time.Duration(a.PreSkip)*time.Second/sampleRate))
	b = appendUint(b, idSeekPreRoll, uint64(seekPreRoll))
	b = appendBytes(b, idCodecPrivate, appendOpusHead(nil, a))
	return appendMaster(b, idAudio, func(b []byte) []byte {
		b = appendFloat(b, idSampling, sampleRate)
		return appendUint(b, idChannels, uint64(a.Channels))
	})
}

// appendOpusHead appends the identification header (RFC 7845 §5.1) that a decoder is set up with.
func appendOpusHead(b []byte, a AudioTrack) []byte {
	b = append(b, "OpusHead\x01"...)
	b = append(b, a.Channels)
	b = binary.LittleEndian.AppendUint16(b, a.PreSkip)
	b = binary.LittleEndian.AppendUint32(b, sampleRate)
	return append(b, 0, 0, 0) // gain, mapping family
}
