// Package manifest describes renditions as HLS and DASH do: the variants of a multivariant playlist, and the adaptation sets of an
// MPD. Live streams and recordings describe theirs alike.
//
// The package writes nothing and knows neither segments nor time; that is up to its callers.
//
// Specifications: draft-pantos-hls-rfc8216bis, ISO/IEC 23009-1 (DASH), RFC 6381 (codecs).
package manifest
