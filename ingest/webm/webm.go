// Package webm reads WebM and Matroska as it comes: the bytes that a browser's MediaRecorder uploads, without seeking and
// without knowing where the Segment or a Cluster ends. It keeps one block and the tracks in memory, each within a limit,
// decodes nothing, parts laced blocks, starts no goroutine, and does not close the reader that it was given.
//
// The layout is that of RFC 9559 (Matroska) in RFC 8794 (EBML). Since element IDs are unambiguous, the children of
// Segment, Cluster and BlockGroup are read as if they stood side by side, whatever the size of their parent.
package webm

import "time"

// Limits of what is read; anything larger is an error, found before memory is taken for it.
const (
	maxIDLength   = 4             // bytes of an element ID (RFC 9559 §4)
	maxSizeLength = 8             // bytes of an element size (RFC 9559 §4)
	maxHeader     = 4 << 10       // bytes of the EBML header
	maxString     = 64            // bytes of DocType and CodecID
	maxNumber     = 8             // bytes of an unsigned integer (RFC 8794 §7.2)
	maxSmall      = 1<<16 - 1     // pixels of a side, or channels
	maxPrivate    = 64 << 10      // bytes of CodecPrivate
	maxTracks     = 8             // of any type
	maxBlock      = 4 << 20       // bytes of a SimpleBlock or Block
	maxScale      = 1_000_000_000 // ns, TimestampScale
)

const defaultScale = 1_000_000 // ns, TimestampScale (RFC 9559 §5.1.2.9)

// Track describes a track with audio or video.
type Track struct {
	Number        uint64
	Codec         string // CodecID, such as V_VP8, V_VP9, V_AV1, V_MPEG4/ISO/AVC, A_OPUS
	Private       []byte // CodecPrivate; nil when absent
	Video         bool   // else audio
	Channels      int    // of audio; 1 when absent (RFC 9559 §5.1.4.1.29.3)
	Width, Height int    // of video, in pixels; 0 when absent
	Encoded       bool   // compressed or encrypted (ContentEncodings): Data is not a frame
}

// Block is one frame of a track.
type Block struct {
	Track uint64        // Track.Number
	Time  time.Duration // of the Cluster and the block together; the first ones may be negative
	Laced bool          // it follows on the frame before, which was in the same block
	// Private is a CodecPrivate that holds from this frame on; nil: as before. WebM has none, other containers may.
	Private []byte
	Data    []byte // valid until the next call of Next; not empty
}

// Element IDs (RFC 8794 §11.2, RFC 9559 §5.1).
const (
	idHeader    = 0x1A45DFA3
	idDocType   = 0x4282
	idCRC32     = 0xBF
	idSegment   = 0x18538067
	idInfo      = 0x1549A966
	idScale     = 0x2AD7B1 // TimestampScale
	idTracks    = 0x1654AE6B
	idEntry     = 0xAE // TrackEntry
	idNumber    = 0xD7 // TrackNumber
	idType      = 0x83 // TrackType
	idCodec     = 0x86 // CodecID
	idPrivate   = 0x63A2
	idEncodings = 0x6D80 // ContentEncodings
	idVideo     = 0xE0
	idWidth     = 0xB0 // PixelWidth
	idHeight    = 0xBA // PixelHeight
	idAudio     = 0xE1
	idChannels  = 0x9F
	idCluster   = 0x1F43B675
	idTimestamp = 0xE7
	idSimple    = 0xA3 // SimpleBlock
	idGroup     = 0xA0 // BlockGroup
	idBlock     = 0xA1
)

// Values of TrackType (RFC 9559 §5.1.4.1.3).
const (
	typeVideo = 1
	typeAudio = 2
)
