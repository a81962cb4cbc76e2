// Package timeline holds what one broadcast of a stream lists, and under which numbers.
//
// A [Timeline] is a row of epochs, each the output of one unbroken ffmpeg run. It alone decides media sequence numbers, part
// indices and discontinuities, once for all renditions, and which parts are given up as gaps. An [Epoch] has one [Track] per
// [Rendition]; an [Assembler] makes parts of the encoder's fragments. What changes is noted as [Record]s, which the caller
// appends to timeline.log before it publishes the next [Snapshot]; [Timeline.Apply] repeats them after a crash.
//
// The package does no I/O, starts no goroutine and takes no lock: time comes from Config.Wall, files are asked for through
// function values, and the caller sees to it that one goroutine at a time uses a Timeline. Snapshots, with all that they refer
// to, are never changed and may be read by anybody.
//
// Specifications: draft-pantos-hls-rfc8216bis, ISO/IEC 23009-1 (DASH) with the DASH-IF timing model.
package timeline
