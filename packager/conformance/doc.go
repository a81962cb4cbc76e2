// Package conformance checks what a live stream's viewers were given over time against the specifications of HLS, DASH
// and CMAF.
//
// A [Collector] polls a stream like a player that takes everything and keeps each answer as a [Visit]. [CheckHLS],
// [CheckDASH] and [CheckSegments] are pure functions from what was collected to the rules that it breaks; many rules
// (numbers that never go back, names never reused, manifests that move with the clock) show only in a row of visits.
//
// With LowLatency the Collector plays at the live edge: it follows media playlists by blocking reloads, takes parts and
// delta updates, and DASH segments as they grow; the rules on these are checked wherever they are used.
//
// The package does not decode media, and does not check what one machine's files cannot show (TLS, what caches do).
// Collector.Run owns the package's goroutines and waits for them.
//
// Specifications: draft-pantos-hls-rfc8216bis ("rfc8216bis"), Apple's HLS authoring specification ("HLS authoring"),
// ISO/IEC 23009-1 (MPEG-DASH) with the DASH-IF restricted timing model ("DASH-IF TM") and low-latency modes ("DASH-IF low
// latency"), ISO/IEC 23000-19 (CMAF) and, for caching and cross-origin headers, RFC 9111 and the Fetch standard.
package conformance
