// Package cluster is how services share streams: who there is, who has which stream, and where the next one goes. Each service is a node; what they
// know of each other is in etcd, below sluice/:
//
//	nodes/ID        where the node is and how much room it has (record), under a lease of 2 s
//	owners/STREAM   which node has the stream, under the lease of that node; made by compare-and-swap, so that there is one
//
// Every node watches both, and answers by what it has seen last. Without etcd the streams that run go on and are found where they were; none begins.
// Beside that, watched by nobody:
//
//	sluice-numbers/STREAM   what another node goes on from (Numbers), under a lease that lasts a minute longer than streams wait for publishers
//
// The owner reserves media sequence numbers 8 to 16 segments ahead, on condition that it is the owner still, since the same revision of etcd. Whoever
// becomes the owner afterwards begins behind that, whatever the one before may still list: no clock is needed for no number to be used twice. An owner
// that etcd does not answer lists what is reserved, and then goes on only while its publisher's media comes, which so comes to nobody else. (For what
// may have been used so, a successor leaves out as many numbers as there was time for since the last reservation.)
//
// What one node asks of another goes over HTTP, signed (package hop), by the ways of package relay. The package serves nothing and knows nothing of
// media.
//
// Goroutines: that of [Node.Run], one that reserves numbers, one that measures the machine, one that hears of the leases, one that asks nodes which
// have left, one that compares clocks, and those of the client of etcd. Before Run there are none.
package cluster
