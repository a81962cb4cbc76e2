// Package bandwidth finds out how much a connection carries, and decides what to send of it.
//
// A [Controller] belongs to one connection. Its packets carry transport-wide numbers; from what the client tells of their arrival
// (draft-holmer-rmcat-transport-wide-cc-extensions-01) an estimate is made as Google's congestion control does (draft-ietf-rmcat-gcc-02):
// queues that grow, and losses, lower it; it grows while all is well, and by probes of padding to what is wanted next. Until a
// connection has once been too slow there is no estimate, and nothing is held back. The controller paces what is sent, and lets pass at once
// what there is room for.
//
// A [Chooser] is the decision alone: of the ways in which a picture can be sent, the best one that fits.
//
// The package sends nothing and knows no media. It starts no goroutine, and allocates nothing for a packet.
package bandwidth
