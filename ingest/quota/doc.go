// Package quota keeps one client from taking what others need: places in a pool, connections of a listener, open files of the process. It
// does not know what for.
//
// It starts no goroutine. A client is an IPv4 address or the /64 of an IPv6 one, as providers assign them (RFC 6177).
package quota
