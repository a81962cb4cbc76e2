// Package push puts live streams on another server as they are made, by HTTP PUT (RFC 9110 §9.3.4), which is how CDNs take them in: each
// initialization segment and segment once it is whole, then the playlists and the MPD that name it. Directories that a WebDAV server wants
// (RFC 4918) are made.
//
// A [Stream] is told of snapshots, which never waits, and works on the newest: what it has not put there yet is what the newest playlists
// list, so that nothing else has to be kept. Where the server is too slow or away, segments leave the playlists before they were put
// there; they are left out, and counted. A manifest is put there only after all that it names.
//
// Stream.Run is the one goroutine beside those of the requests under way. The package renders nothing: it gets the manifests from a
// function.
package push
