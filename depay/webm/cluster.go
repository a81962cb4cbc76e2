package webm

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

const (
	clusterHeaderSize = 4 + 8 + 1 + 1 + 8 // ID and size of the Cluster, and its Timestamp
	blockHeaderSize   = 1 + 4 + 1 + 2 + 1 // ID, size, track, relative time, flags
	blockTimeOffset   = 6
	flagKey           = 0x80 // RFC 9559 §10.2
)

// cluster is the one in the making: blocks in the order in which they came, sorted by time when it is written.
type cluster struct {
	buf         []byte // room for the header, then the blocks
	blocks      []block
	sorted      []byte // reused, only for a cluster whose blocks came out of order
	first, last int64  // earliest and latest time, ms
	key         bool   // a video key frame is inside, only one, at keyTime
	keyTime     int64  // ms
}

// block is a SimpleBlock in cluster.buf.
type block struct {
	time       int64 // ms
	start, end int
}

// ends reports whether a frame must not be added any more: a video key frame begins a cluster; no cluster is longer than
// clusterDuration, whichever way time steps, so that relative times fit 16 bits; none grows without bound.
func (c *cluster) ends(t Track, ms int64, key bool, size int) bool {
	if len(c.blocks) == 0 {
		return false
	}
	longest := clusterDuration.Milliseconds()
	return t == Video && key ||
		ms-c.first >= longest || c.last-ms >= longest ||
		len(c.buf)+size > maxClusterSize
}

// add adds a frame, which store appends.
func (c *cluster) add(t Track, ms int64, key bool, data []byte, store func(b, frame []byte) []byte) {
	if len(c.blocks) == 0 {
		c.buf = append(c.buf[:0], make([]byte, clusterHeaderSize)...)
		c.first, c.last = ms, ms
	}
	c.first, c.last = min(c.first, ms), max(c.last, ms)
	if t == Video && key {
		c.key, c.keyTime = true, ms
	}
	start := len(c.buf)
	c.buf = append(c.buf, idSimpleBlock, 0, 0, 0, 0, 0x80|byte(t), 0, 0, flags(t, key))
	c.buf = store(c.buf, data)
	appendSize4(c.buf[:start+1], len(c.buf)-start-5)
	c.blocks = append(c.blocks, block{ms, start, len(c.buf)})
}

// flags of a SimpleBlock: every audio packet is a key frame.
func flags(t Track, key bool) byte {
	if key || t == Audio {
		return flagKey
	}
	return 0
}

// bytes returns the whole element, valid until the next add.
func (c *cluster) bytes() []byte {
	for _, b := range c.blocks {
		binary.BigEndian.PutUint16(c.buf[b.start+blockTimeOffset:], uint16(b.time-c.first))
	}
	byTime := func(a, b block) int { return cmp.Compare(a.time, b.time) }
	out := c.buf
	if !slices.IsSortedFunc(c.blocks, byTime) {
		slices.SortStableFunc(c.blocks, byTime)
		out = c.gather()
	}
	header := appendID(out[:0], idCluster)
	header = appendSize8(header, uint64(len(out)-12))
	appendUint(header, idTimestamp, uint64(c.first))
	return out
}

// gather copies the blocks in their order.
func (c *cluster) gather() []byte {
	c.sorted = append(c.sorted[:0], c.buf[:clusterHeaderSize]...)
	for _, b := range c.blocks {
		c.sorted = append(c.sorted, c.buf[b.start:b.end]...)
	}
	return c.sorted
}

// reset empties the cluster and gives back a buffer that grew unusually.
func (c *cluster) reset() {
	c.blocks = c.blocks[:0]
	c.key = false
	if cap(c.buf) > maxClusterGrown {
		c.buf = nil
	}
	if cap(c.sorted) > maxClusterGrown {
		c.sorted = nil
	}
}

func milliseconds(t time.Duration) int64 {
	return int64((t + timestampScale/2) / timestampScale)
}
