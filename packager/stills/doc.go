// Package stills makes single pictures of live streams, as large as their best rendition: the newest, that of an instant within the
// window, or one after the other for who wants a series.
//
// What is decoded is what viewers get: the segment that holds the instant, up to it. A decoder is a function value, and a [Maker] bounds
// what it costs: so many decodes at once, so many more that wait, so many a second for each client, and each picture once for all who ask
// for it, as long as it is remembered. Pictures of an instant never change, so caches may keep them.
//
// It starts no goroutine: a decode runs in the request that asks for it first, and ends with it.
//
// RFC 9110; RFC 2046 §5.1 for multipart/x-mixed-replace, which browsers show as a moving image (HTML §7.4.3).
package stills
