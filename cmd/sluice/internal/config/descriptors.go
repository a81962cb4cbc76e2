package config

import "fmt"

// What open files are needed for. Each HTTP connection may be sending a file.
const (
	filesOfProcess    = 128 // sockets of media, logs, inotify, recordings' lists
	filesOfStream     = 24  // pipes of ffmpeg, live segments, recordings
	filesOfEncoder    = 4   // connections over RTMP of a stream, and pipes that its AAC goes through
	filesOfConnection = 2
	mostConnections   = 20_000 // unless limits.connections says so: what they take of memory
	fewestConnections = 64
)

// Connections is how many of each kind there may be at once.
type Connections struct {
	HTTP, HTTPPerAddress int
	ICE, ICEPerAddress   int // over TCP
	Relays               int // of the TURN server, and so many TCP connections to it
}

// Connections parts the files that may be open at once. The error says how many are needed, and how to have them.
func (c Config) Connections(files int) (Connections, error) {
	reserve := filesOfProcess + filesOfStream*c.Limits.Streams
	if c.RTMP.Listen != "" || c.RTMP.TLSListen != "" || c.SRT.Listen != "" {
		reserve += filesOfEncoder * c.Limits.Streams
	}
	sessions := c.Limits.Viewers + c.Limits.Streams + c.Limits.Participants
	parts := Connections{ICE: min(2*sessions, files/4), ICEPerAddress: 4 * c.Limits.SessionsPerAddress}
	if c.ICETCP() == "" {
		parts.ICE = 0
	}
	if c.ICE.TURN != "" {
		parts.Relays = min(2*sessions, files/8)
	}
	wanted := c.Limits.Connections
	parts.HTTP = min(mostConnections, (files-reserve-parts.ICE-2*parts.Relays)/filesOfConnection)
	needed := max(wanted, fewestConnections)
	if parts.HTTP < needed {
		atLeast := (reserve + filesOfConnection*needed) * 4 / 3
		return parts, fmt.Errorf("only %d files may be open at once, and %d are needed for limits.connections, limits.streams and limits.viewers: "+
			"raise the limit (ulimit -n %[2]d, LimitNOFILE=%[2]d of systemd, --ulimit nofile=%[2]d of Docker), or lower these keys", files, atLeast)
	}
	if wanted > 0 {
		parts.HTTP = wanted
	}
	parts.HTTPPerAddress = min(c.Limits.ConnectionsPerAddress, max(parts.HTTP/2, 1))
	return parts, nil
}
