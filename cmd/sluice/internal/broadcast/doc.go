// Package broadcast carries one stream from its first publisher to its end.
//
// A [Broadcast] reads the taps of whoever publishes, has package depay make frames of the packets, and gives those to ffmpeg (package
// transcode), whose files package packager lists, and to the recording of what was received. It decides what ffmpeg encodes and what it
// passes on as it is, and what follows when an ffmpeg ends. It knows nothing of the configuration's form, of HTTP and of
// other broadcasts.
//
// All of a broadcast is done by the goroutine that calls [Broadcast.Run]; that of the source recording, and one for each ffmpeg, are
// started by it and waited for.
package broadcast
