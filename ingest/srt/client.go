package srt

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	gosrt "github.com/datarhei/gosrt"
	"github.com/datarhei/gosrt/circular"
	"github.com/datarhei/gosrt/crypto"
	"github.com/datarhei/gosrt/packet"

	"github.com/sluice-live/sluice/public/panics"
)

const (
	// MaxPayload is how many bytes of MPEG-TS a packet carries: seven of its packets, as all receivers take them.
	MaxPayload = 7 * packetBytes
	// LeastLatency is what receivers wait for packets that are lost, if nobody wants more.
	LeastLatency = 120 * time.Millisecond

	headBytes = 16                     // of a packet
	askAgain  = 250 * time.Millisecond // for an answer to a handshake
	flow      = 8192                   // packets that may be on their way, or be kept for the case that they are lost
	magic     = 0x4A17                 // of a listener of version 5 (§4.3.1.1)
)

// Destination is where a [Client] publishes to.
type Destination struct {
	Address    string // host:port
	StreamID   string // what the server knows the stream by; 512 bytes at most
	Passphrase string // that all media is encrypted with; "": none
	KeyBytes   int    // of the key of AES: 16, 24 or 32; 0: what the server names, or else 16
	Latency    time.Duration
}

// Client publishes MPEG-TS to another server, as a caller in live mode. The dialer of gosrt 0.10 reads what servers send in a goroutine of its own, where
// a handshake that is cut short ends the process, leaves goroutines behind each time that it fails, and makes a socket that nobody else can have; packets
// and keys are gosrt's here, too.
type Client struct {
	conn         net.Conn
	socket, peer uint32 // their IDs
	latency      time.Duration
	start        time.Time
	cipher       crypto.Crypto // nil: nothing is encrypted
	first        uint32        // sequence number of the first packet
	window       int

	ended   chan struct{}
	why     error // once that is closed
	working sync.WaitGroup

	mu   sync.Mutex // of what is sent
	sent sending
}

// Dial connects, and returns once the server has taken the stream. The error is in words where the server refuses.
func Dial(ctx context.Context, d Destination) (*Client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", d.Address)
	if err != nil {
		return nil, err
	}
	return dial(ctx, conn, d)
}

// dial connects over a socket, which it closes if that fails.
func dial(ctx context.Context, conn net.Conn, d Destination) (*Client, error) {
	c := &Client{conn: conn, start: time.Now(), latency: max(d.Latency, LeastLatency), ended: make(chan struct{})}
	var numbers [8]byte
	_, _ = rand.Read(numbers[:]) // which cannot fail
	c.socket, c.first = binary.BigEndian.Uint32(numbers[:])|1, binary.BigEndian.Uint32(numbers[4:])&packet.MAX_SEQUENCENUMBER
	stop := context.AfterFunc(ctx, func() { _ = panics.Contain(nil, "a connection of SRT", func() { _ = conn.Close() }) })
	err := c.greet(d)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	c.working.Go(func() {
		defer close(c.ended)
		if fault := panics.Contain(nil, "a connection of SRT", func() { c.why = c.listen() }); fault != nil {
			c.why = fault
		}
	})
	return c, nil
}

// greet shakes hands (§4.3.1.1).
func (c *Client) greet(d Destination) error {
	asked := packet.CIFHandshake{
		IsRequest: true, Version: 4, ExtensionField: 2, InitialPacketSequenceNumber: circular.New(c.first, packet.MAX_SEQUENCENUMBER),
		MaxTransmissionUnitSize: gosrt.MAX_MSS_SIZE, MaxFlowWindowSize: flow, HandshakeType: packet.HSTYPE_INDUCTION, SRTSocketId: c.socket,
	}
	asked.PeerIP.FromNetAddr(c.conn.LocalAddr())
	answer, err := c.ask(asked)
	if err != nil {
		return err
	}
	if answer.Version != 5 || answer.ExtensionField != magic {
		return errors.New("the server speaks an SRT older than 1.3: update it")
	}
	asked.Version, asked.ExtensionField, asked.HandshakeType, asked.SynCookie = 5, 0, packet.HSTYPE_CONCLUSION, answer.SynCookie
	asked.HasHS, asked.SRTHS = true, &packet.CIFHandshakeExtension{
		SRTVersion:     gosrt.SRT_VERSION,
		SRTFlags:       packet.CIFHandshakeExtensionFlags{TSBPDSND: true, TSBPDRCV: true, CRYPT: true, TLPKTDROP: true, PERIODICNAK: true, REXMITFLG: true},
		RecvTSBPDDelay: uint16(c.latency.Milliseconds()), SendTSBPDDelay: uint16(c.latency.Milliseconds()),
	}
	asked.HasSID, asked.StreamId = d.StreamID != "", d.StreamID
	if d.Passphrase != "" {
		if err := c.encrypt(&asked, d, answer.EncryptionField); err != nil {
			return err
		}
	}
	if answer, err = c.ask(asked); err != nil {
		return err
	}
	return c.agree(answer)
}

// encrypt makes a key, and puts it into a handshake. advertised is the size of a key that the server wants, in units of 8 bytes; 0: any.
func (c *Client) encrypt(asked *packet.CIFHandshake, d Destination, advertised uint16) (err error) {
	size := d.KeyBytes
	if size == 0 {
		size = 16
		if advertised >= 2 && advertised <= 4 {
			size = int(advertised) * 8
		}
	}
	if c.cipher, err = crypto.New(size); err != nil {
		return err
	}
	asked.HasKM, asked.SRTKM = true, &packet.CIFKeyMaterialExtension{}
	return c.cipher.MarshalKM(asked.SRTKM, d.Passphrase, packet.EvenKeyEncrypted)
}

// agree takes what the server wants.
func (c *Client) agree(answer packet.CIFHandshake) error {
	switch {
	case c.cipher != nil && answer.SRTKM == nil:
		return errors.New("the server takes nothing that is encrypted: leave the passphrase out, or set it there")
	case answer.SRTHS == nil:
		return errors.New("the server has left out what it wants of packets: it speaks no SRT 1.3")
	case answer.SRTHS.SRTFlags.STREAM:
		return errors.New("the server takes files only, and no live streams: set its transtype to live")
	case answer.MaxTransmissionUnitSize < gosrt.UDP_HEADER_SIZE+gosrt.SRT_HEADER_SIZE+MaxPayload:
		return fmt.Errorf("the server takes packets of %d bytes at most, and %d are sent", answer.MaxTransmissionUnitSize, gosrt.UDP_HEADER_SIZE+gosrt.SRT_HEADER_SIZE+MaxPayload)
	}
	c.peer, c.window = answer.SRTSocketId, flow
	if answer.MaxFlowWindowSize > 0 {
		c.window = int(min(answer.MaxFlowWindowSize, flow))
	}
	c.latency = max(c.latency, time.Duration(answer.SRTHS.RecvTSBPDDelay)*time.Millisecond)
	return nil
}

// ask sends a handshake until it is answered.
func (c *Client) ask(asked packet.CIFHandshake) (packet.CIFHandshake, error) {
	p := packet.NewPacket(nil)
	defer p.Decommission()
	var b bytes.Buffer
	p.Header().IsControlPacket, p.Header().ControlType = true, packet.CTRLTYPE_HANDSHAKE
	if err := errors.Join(p.MarshalCIF(&asked), p.Marshal(&b)); err != nil {
		return packet.CIFHandshake{}, err
	}
	received := make([]byte, readBytes)
	for {
		if _, err := c.conn.Write(b.Bytes()); err != nil {
			return packet.CIFHandshake{}, err
		}
		if err := c.conn.SetReadDeadline(time.Now().Add(askAgain)); err != nil {
			return packet.CIFHandshake{}, err
		}
		for {
			n, err := c.conn.Read(received)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return packet.CIFHandshake{}, err
			}
			if answer, ok := readAnswer(received[:n], c.socket); ok && (answer.HandshakeType == asked.HandshakeType || answer.HandshakeType.IsRejection()) {
				return answer, refused(answer)
			}
		}
	}
}

// readAnswer reads a handshake that is for a socket. What is none is passed over, and so is what gosrt panics of.
func readAnswer(data []byte, socket uint32) (answer packet.CIFHandshake, ok bool) {
	p, err := packet.NewPacketFromData(nil, data)
	if err != nil || len(data) == 0 {
		return answer, false
	}
	defer p.Decommission()
	if h := p.Header(); !h.IsControlPacket || h.ControlType != packet.CTRLTYPE_HANDSHAKE || h.DestinationSocketId != socket {
		return answer, false
	}
	read, _ := contained(slog.New(slog.DiscardHandler), func() (bool, error) {
		err := p.UnmarshalCIF(&answer)
		// of an answer that the key is wrong gosrt says that it has not the length of one
		return err == nil || answer.SRTKM != nil && answer.SRTKM.Error != 0, nil
	})
	return answer, read
}

// reasons are those of refusals (§4.3, and SRT's rejection codes that servers give) in words.
var reasons = map[gosrt.RejectionReason]string{
	gosrt.REJ_RESOURCE: "it has no place for another connection", gosrt.REJ_BACKLOG: "it has no place for another connection",
	gosrt.REJ_VERSION: "it wants another version of SRT", gosrt.REJ_BADSECRET: "the passphrase is wrong",
	gosrt.REJ_UNSECURE:   "one side has a passphrase and the other has none",
	gosrt.REJ_MESSAGEAPI: "it takes no live streams", gosrt.REJ_CONGESTION: "it takes no live streams",
	gosrt.REJX_BAD_REQUEST: "the stream ID is not what it wants", gosrt.REJX_UNAUTHORIZED: "the key in the stream ID is wrong or missing",
	gosrt.REJX_FORBIDDEN: "the stream may not be published there", gosrt.REJX_NOTFOUND: "it does not know the stream",
	gosrt.REJX_BAD_MODE: "it does not take streams with this stream ID", gosrt.REJX_CONFLICT: "the stream is published there already",
	gosrt.REJX_OVERLOAD: "it has too much to do",
}

// refused says why a server refuses; nil: it does not.
func refused(answer packet.CIFHandshake) error {
	switch {
	case answer.HandshakeType.IsRejection():
		reason := gosrt.RejectionReason(answer.HandshakeType)
		if words := reasons[reason]; words != "" {
			return fmt.Errorf("the server refuses: %s", words)
		}
		return fmt.Errorf("the server refuses, with the number %d: look into its log", answer.HandshakeType)
	case answer.SRTKM != nil && answer.SRTKM.Error != 0:
		return fmt.Errorf("the server refuses: %s", reasons[gosrt.REJ_BADSECRET])
	}
	return nil
}

// Done is closed once the connection has ended. Why says why, then, and is io.EOF where the server has ended it.
func (c *Client) Done() <-chan struct{} { return c.ended }

// Why is why the connection has ended; nil while it has not.
func (c *Client) Why() error {
	select {
	case <-c.ended:
		if c.why == nil {
			return io.EOF
		}
		return c.why
	default:
		return nil
	}
}

// Close tells the server of the end, and ends the connection. It may be called more than once.
func (c *Client) Close() {
	_ = c.conn.SetWriteDeadline(time.Now().Add(askAgain))
	c.mu.Lock()
	_ = c.control(packet.CTRLTYPE_SHUTDOWN, 0)
	c.mu.Unlock()
	_ = c.conn.Close()
	c.working.Wait()
}
