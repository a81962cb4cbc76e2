// Package hls renders HLS playlists: a [MediaPlaylist] lists one rendition's segments, a [MultivariantPlaylist] the
// renditions.
//
// Rendering is a pure function of the struct: the same value gives the same bytes, so a playlist can be rendered once
// per change and its hash be its ETag. What belongs into a playlist at which moment (windows, sequence numbers that
// never go back, when to end) is the caller's business; Validate reports what no playlist may say. The package reads no
// clock and no file, and starts no goroutine.
//
// Specifications: draft-pantos-hls-rfc8216bis ("rfc8216bis"), and Apple's HLS authoring specification where it asks for
// more.
package hls
