// Package ogg writes and reads Ogg Opus (RFC 3533, RFC 7845): one Opus stream, channel mapping family 0. The Writer
// makes one page per packet, for a pipe whose reader wants every packet at once; the Reader takes pages as other
// programs fill them. It decodes no Opus, starts no goroutine, and closes neither the writer nor the reader given.
package ogg

import "errors"

// SampleRate is the rate of granule positions, whatever the encoder was fed with (RFC 7845 §4).
const SampleRate = 48000

// MaxPacketSize is the longest packet, in bytes, that is written or read: more than Opus can fill (RFC 7845 §6).
const MaxPacketSize = 61_440

var (
	// ErrTooLarge reports that a packet is longer than MaxPacketSize.
	ErrTooLarge = errors.New("packet too large")
	// ErrInvalid reports that the bytes are not Ogg Opus.
	ErrInvalid = errors.New("not Ogg Opus")
)

const (
	capture        = "OggS"
	pageHeaderSize = 27  // without the segment table
	maxSegments    = 255 // of at most 255 bytes each
	maxPageBody    = maxSegments * 255

	flagContinued = 1
	flagFirst     = 2
	flagLast      = 4

	offsetCRC = 22

	idMagic   = "OpusHead"
	tagsMagic = "OpusTags"
	vendor    = "sluice"

	noGranule = -1 // no packet ends on the page (RFC 3533 §6)
)

// crcTable is for the polynomial 0x04c11db7, not reflected (RFC 3533 §6). Nothing writes to it.
var crcTable = makeCRCTable()

func makeCRCTable() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			top := crc >> 31
			crc = crc<<1 ^ top*0x04c11db7
		}
		table[i] = crc
	}
	return table
}

// checksum continues a page's CRC, which begins at 0, over b; the field that holds it counts as zero.
func checksum(crc uint32, b []byte) uint32 {
	for _, v := range b {
		crc = crc<<8 ^ crcTable[byte(crc>>24)^v]
	}
	return crc
}
