package e2e

import (
	"fmt"
	"time"
)

// networkFaults are bad networks between the publisher and the service. The publisher repairs nothing. What they do to picture,
// lip-sync and latency is seen in TestBadNetwork.
func networkFaults(bad, nothing time.Duration) []fault {
	through := func(name string, fate func() fate) fault {
		return fault{name: name, stall: still, frozen: bad + returnIn, inject: func(c *chaos) {
			c.network.suffer(fate(), false)
			lapse(bad)
			c.network.suffer(nil, false)
			lapse(time.Second)
		}}
	}
	cut := fault{name: fmt.Sprintf("no network for %v", nothing), stall: still, frozen: nothing + returnIn, inject: func(c *chaos) {
		c.network.suffer(nil, true)
		lapse(nothing)
		c.network.suffer(nil, false)
		lapse(2 * time.Second)
	}}
	return []fault{
		through("1 % of packets lost", func() fate { return losing(0.01) }),
		through("5 % of packets lost", func() fate { return losing(0.05) }),
		through("20 % of packets lost", func() fate { return losing(0.2) }),
		through("packets twice", func() fate { return doubling }),
		through("packets reordered", func() fate { return reordering }),
		through("jitter of 100 ms", func() fate { return jittering }),
		through("packets held back", func() fate { return queueing(time.Now().Add(bad)) }),
		cut,
	}
}
