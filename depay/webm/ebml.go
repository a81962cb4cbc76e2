package webm

import (
	"encoding/binary"
	"math"
)

// Element IDs (RFC 8794 §11.3, RFC 9559 §5.1), marker bits included.
const (
	idEBML               = 0x1A45DFA3
	idEBMLVersion        = 0x4286
	idEBMLReadVersion    = 0x42F7
	idEBMLMaxIDLength    = 0x42F2
	idEBMLMaxSizeLength  = 0x42F3
	idDocType            = 0x4282
	idDocTypeVersion     = 0x4287
	idDocTypeReadVersion = 0x4285
	idVoid               = 0xEC

	idSegment        = 0x18538067
	idSeekHead       = 0x114D9B74
	idSeek           = 0x4DBB
	idSeekID         = 0x53AB
	idSeekPosition   = 0x53AC
	idInfo           = 0x1549A966
	idTimestampScale = 0x2AD7B1
	idDuration       = 0x4489
	idMuxingApp      = 0x4D80
	idWritingApp     = 0x5741

	idTracks       = 0x1654AE6B
	idTrackEntry   = 0xAE
	idTrackNumber  = 0xD7
	idTrackUID     = 0x73C5
	idTrackType    = 0x83
	idFlagLacing   = 0x9C
	idCodecID      = 0x86
	idCodecPrivate = 0x63A2
	idCodecDelay   = 0x56AA
	idSeekPreRoll  = 0x56BB
	idVideo        = 0xE0
	idPixelWidth   = 0xB0
	idPixelHeight  = 0xBA
	idAudio        = 0xE1
	idSampling     = 0xB5
	idChannels     = 0x9F

	idCluster     = 0x1F43B675
	idTimestamp   = 0xE7
	idSimpleBlock = 0xA3

	idCues               = 0x1C53BB6B
	idCuePoint           = 0xBB
	idCueTime            = 0xB3
	idCueTrackPositions  = 0xB7
	idCueTrack           = 0xF7
	idCueClusterPosition = 0xF1
)

// unknownSize, in 8 bytes, is the size of an element whose end is not known (RFC 8794 §6.2).
const unknownSize = 1<<56 - 1

func appendID(b []byte, id uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if v := id >> shift; v != 0 {
			b = append(b, byte(v))
		}
	}
	return b
}

// appendSize8 appends an element size in 8 bytes (RFC 8794 §4).
func appendSize8(b []byte, size uint64) []byte {
	return binary.BigEndian.AppendUint64(b, 1<<56|size)
}

// appendSize4 appends an element size below 2^28-1 in 4 bytes.
func appendSize4(b []byte, size int) []byte {
	return binary.BigEndian.AppendUint32(b, 1<<28|uint32(size))
}

func appendUint(b []byte, id uint32, v uint64) []byte {
	return binary.BigEndian.AppendUint64(append(appendID(b, id), 0x88), v)
}

func appendFloat(b []byte, id uint32, v float64) []byte {
	return appendUint(b, id, math.Float64bits(v))
}

func appendBytes[T string | []byte](b []byte, id uint32, v T) []byte {
	return append(appendSize4(appendID(b, id), len(v)), v...)
}

// appendMaster appends an element whose content is what fill appends.
func appendMaster(b []byte, id uint32, fill func([]byte) []byte) []byte {
	b = appendSize4(appendID(b, id), 0)
	start := len(b)
	b = fill(b)
	binary.BigEndian.PutUint32(b[start-4:], 1<<28|uint32(len(b)-start))
	return b
}

// appendVoid appends a placeholder of exactly size bytes, at least 9 and a payload below 2^28.
func appendVoid(b []byte, size int) []byte {
	b = appendSize8(appendID(b, idVoid), uint64(size-9))
	return append(b, make([]byte, size-9)...)
}
