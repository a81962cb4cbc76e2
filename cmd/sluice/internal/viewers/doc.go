// Package viewers counts who watches live streams over HLS and DASH, and how well it plays for them.
//
// Players that tell of themselves (package cmcd), with their requests or in reports to POST /collect, are counted by the sessions that they
// name: that is exact behind a cache, too, which passes the reports on. Of others each client that reads playlists or MPDs is one viewer: an
// address with a User-Agent. One that reports is not counted again for what it reads. A viewer is counted until [Window] after the last
// that was heard of it; a report that playback has ended or was quit ends it at once.
//
// No addresses are kept, and no names of sessions: addresses and User-Agents are hashed with a secret that is in memory only and another one
// each day, sessions with one that lasts as long as the process. What is kept of a viewer is forgotten with it.
//
// [Counter.Run] owns the only goroutine, which looks at what the handlers of media have noted: those neither wait for it nor for a lock.
// Everything is bounded: what has been noted and not looked at, viewers, and what one client may tell.
package viewers
