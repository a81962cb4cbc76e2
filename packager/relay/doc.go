// Package relay serves the live media of another server, its origin, which is asked once for each name however many wait for it: playlists
// that are waited for, parts, segments that grow while they are read. What the origin lets caches keep is kept in memory, for as long as it
// says; nothing is served stale. It knows nothing of who may watch, and of the origin no more than its addresses and what HTTP says.
//
// Goroutines: one for each request to the origin, which ends when nobody waits for its answer any more, and those of net/http.
//
// RFC 9111 (caching; collapsed requests in §4), RFC 9110 (conditions, ranges), rfc8216bis §6.2.5 (delivery directives), RFC 7239 is the
// caller's matter, as is who a request is from.
package relay
