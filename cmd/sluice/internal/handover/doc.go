// Package handover has the service go on in another process: the next one, of a newer program or configuration, is started with the sockets that
// are listened on and with the lock of the data directory, says when it can take over, and does so once this one has let go of its streams.
//
// The kernel keeps connections that come in between, as a socket is listened on while any process has it: none is refused. What two processes
// may not do at once, which is to write to the data directory and to read from the sockets of media, one does after the other. The steps are
// single bytes on two pipes; the end of a pipe says that the other process has gone, however it did.
//
//	this process                        the next one
//	Start        starts it ───────────▶ Inherit
//	AwaitReady   ◀──────────── 'r' ──── Take: its configuration is good, all addresses are bound
//	             lets go of the streams
//	Yield        ─── 'y' ─────────────▶ Take returns; it opens the data directory
//	AwaitServing ◀──────────── 's' ──── Serves
//	Leave        ─── 'm' ─────────────▶ Serves returns: it is what the service manager hears now
//
// A next process that ends before 's' leaves the service to this one, which has duplicates of everything that it had handed over.
//
// Goroutines: one for each process that is started, until that ends.
package handover
