// Package turn is a TURN server (RFC 8656) for clients whose network lets them send to such a server only, and makes the credentials that
// expire, for itself and for servers of others that share a secret with this one (draft-uberti-behave-turn-rest).
//
// The protocol is spoken by pion/turn. What is added here: relayed packets go to the media sockets of this server and to each other, as two
// clients in a mesh have them, and nowhere else, so that nobody reaches the operator's network through it; each client address has a bounded
// number of relays, and so have all together; a TCP connection that is silent is closed.
//
// Goroutines are those of pion/turn, which end with [Server.Close].
package turn
