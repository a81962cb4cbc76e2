// Package dash renders MPEG-DASH manifests and reads the ones that ffmpeg writes.
//
// An [MPD] is rendered by Append as a pure function of the struct, and read back by [Parse], which keeps what the struct
// has a field for. What belongs into a manifest at which moment (availability, periods, when it becomes static) is the
// caller's business; Validate reports what no manifest may say. The package reads no clock and no file, and starts no
// goroutine.
//
// Specifications: ISO/IEC 23009-1 (MPEG-DASH, fifth edition), and the DASH-IF restricted timing model where it asks for
// more.
package dash
