package egress

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"unsafe"

	"github.com/sluice-live/sluice/ingest/media"
	"golang.org/x/sys/unix"
)

// A batch ends at either; the kernel takes 64 packets and 65,507 bytes.
const (
	batchPackets = 32
	batchBytes   = batchPackets * media.MaxPacket
)

// Batches knows who may get several packets at once, over UDP, or over TCP, where they are sent one by one and counted only.
type Batches struct {
	mu        sync.RWMutex
	receivers map[netip.AddrPort]*batch
	buffers   sync.Pool // of *[batchBytes]byte
}

// NewBatches makes batches of no address.
func NewBatches() *Batches {
	return &Batches{
		receivers: map[netip.AddrPort]*batch{},
		buffers:   sync.Pool{New: func() any { return new([batchBytes]byte) }},
	}
}

// add returns the batch of an address, whose remove takes it away again.
func (r *Batches) add(address netip.AddrPort) *batch {
	b := &batch{owner: r, address: address}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.receivers[address] = b
	return b
}

func (b *batch) remove() {
	if b == nil {
		return
	}
	r := b.owner
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.receivers[b.address] == b {
		delete(r.receivers, b.address)
	}
}

func (r *Batches) to(address netip.AddrPort) *batch {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.receivers[address]
}

// Gathered is how many packets have been gathered for each address whose packets are.
func (r *Batches) Gathered() map[netip.AddrPort]uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make(map[netip.AddrPort]uint64, len(r.receivers))
	for to, b := range r.receivers {
		b.mu.Lock()
		all[to] = b.gathered
		b.mu.Unlock()
	}
	return all
}

// Fail counts a packet that could not be sent to an address at once.
func (r *Batches) Fail(address netip.AddrPort) {
	if b := r.to(netip.AddrPortFrom(address.Addr().Unmap(), address.Port())); b != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.lost++
	}
}

// batch gathers packets for one address. Those of one length, of which the last may be shorter, are sent by one system call and
// cut up again by the kernel or the network card (UDP_SEGMENT, udp(7)). Between begin and flush it takes all that is written to
// the address, so that packets stay in order.
type batch struct {
	owner   *Batches
	address netip.AddrPort

	mu       sync.Mutex
	open     bool
	conn     *net.UDPConn
	buffer   *[batchBytes]byte // nil while it is empty
	n        int               // bytes
	packets  int
	size     int // of each packet but the last
	short    bool
	single   bool                         // it cannot be cut on the way there
	control  [unix.SizeofCmsghdr + 8]byte // aligned as unix.CmsgSpace(2), on every machine
	gathered uint64                       // packets that have been taken
	lost     uint64                       // packets that could not be sent since flush
}

func (b *batch) begin() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = true
}

// flush sends what there is. It tells how many packets could not be sent since it was last called, whosever
// they were.
func (b *batch) flush() (lost uint64) {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.send()
	b.open = false
	lost, b.lost = b.lost, 0
	return lost
}

// take keeps a packet for flush. It returns false when the packet is to be sent at once.
func (b *batch) take(conn *net.UDPConn, packet []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open || len(packet) > media.MaxPacket || len(packet) == 0 {
		b.send()
		return false
	}
	if b.packets == batchPackets || b.short || b.packets > 0 && (b.conn != conn || len(packet) > b.size) {
		b.send()
	}
	if b.packets == 0 {
		b.conn, b.size, b.buffer = conn, len(packet), b.owner.buffers.Get().(*[batchBytes]byte)
	}
	b.short = len(packet) < b.size
	b.n += copy(b.buffer[b.n:], packet)
	b.packets++
	b.gathered++
	return true
}

// send empties the batch. Where the kernel or the card does not cut, packets go one by one from then on.
func (b *batch) send() {
	if b.packets == 0 {
		return
	}
	each := b.packets == 1 || b.single
	if !each {
		_, _, err := b.conn.WriteMsgUDPAddrPort(b.buffer[:b.n], b.segments(), b.address)
		b.single = cannotCut(err)
		if each = b.single; err != nil && !each {
			b.lost += uint64(b.packets)
		}
	}
	if each {
		b.sendEach()
	}
	b.owner.buffers.Put(b.buffer)
	b.buffer, b.n, b.packets, b.short = nil, 0, 0, false
}

func (b *batch) sendEach() {
	for at := 0; at < b.n; at += b.size {
		if _, err := b.conn.WriteToUDPAddrPort(b.buffer[at:min(at+b.size, b.n)], b.address); err != nil {
			b.lost++
		}
	}
}

// cannotCut tells the errors of kernels before 4.18, of cards that compute no check sums, and of packets above the MTU.
func cannotCut(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EMSGSIZE)
}

// segments is the control message that tells the size of a packet.
func (b *batch) segments() []byte {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b.control))
	h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(b.control[unix.CmsgLen(0):], uint16(b.size))
	return b.control[:unix.CmsgSpace(2)]
}

// Conn is a socket that gathers what belongs to a batch.
type Conn struct {
	*net.UDPConn
	batches *Batches
}

// NewConn gathers what is written to conn for addresses that have a batch.
func NewConn(conn *net.UDPConn, batches *Batches) *Conn { return &Conn{conn, batches} }

// ReadFromAddrPort and WriteToAddrPort are those of pion's ice.AddrPortReaderWriter, which a UDP mux prefers.
func (c *Conn) ReadFromAddrPort(p []byte) (int, netip.AddrPort, error) {
	return c.ReadFromUDPAddrPort(p)
}

// WriteToAddrPort sends a packet, now or with its batch.
func (c *Conn) WriteToAddrPort(p []byte, address netip.AddrPort) (int, error) {
	if b := c.batches.to(address); b != nil && b.take(c.UDPConn, p) {
		return len(p), nil
	}
	return c.WriteToUDPAddrPort(p, address)
}
