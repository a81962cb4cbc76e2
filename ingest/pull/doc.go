// Package pull has the streams of another server, the origin, for as long as somebody watches them here: one connection for each, however many
// watch. What comes is published like anything else, so that whoever sends to viewers does not know the difference.
//
// When the connection breaks it is made anew, and viewers stay: their streams go on as when one publisher takes over from another. They are ended when
// the origin says that the stream is over, and when it has been away for too long.
//
// The package negotiates and waits; it knows neither how the origin is spoken with nor who may watch.
//
// Goroutines: one for each stream, which [Streams.Close] waits for, and those of its session.
package pull
