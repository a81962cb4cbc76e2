package srt

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"
	"github.com/datarhei/gosrt/packet"
	"github.com/stretchr/testify/require"
)

// answers is a server that answers handshakes with what answer makes of them.
func answers(t *testing.T, answer func(h *packet.CIFHandshake) [][]byte) (address string) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var answering sync.WaitGroup
	t.Cleanup(func() {
		_ = conn.Close()
		answering.Wait()
	})
	answering.Go(func() {
		b := make([]byte, readBytes)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			p, err := packet.NewPacketFromData(from, b[:n])
			var h packet.CIFHandshake
			if err != nil || p.UnmarshalCIF(&h) != nil {
				continue
			}
			for _, data := range answer(&h) {
				_, _ = conn.WriteTo(data, from)
			}
		}
	})
	return conn.LocalAddr().String()
}

// marshal is a handshake for a socket.
func marshal(h packet.CIFHandshake, socket uint32) []byte {
	var b bytes.Buffer
	p := packet.NewPacket(nil)
	p.Header().IsControlPacket, p.Header().ControlType, p.Header().DestinationSocketId = true, packet.CTRLTYPE_HANDSHAKE, socket
	_ = p.MarshalCIF(&h)
	_ = p.Marshal(&b)
	return b.Bytes()
}

// Garbage is passed over until there is an answer, and why a server refuses is said in words.
func TestDialAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		conclude func(h *packet.CIFHandshake) // changes the answer to a conclusion
		want     string
	}{
		"taken":     {func(*packet.CIFHandshake) {}, ""},
		"no secret": {func(h *packet.CIFHandshake) { h.HandshakeType = packet.HandshakeType(gosrt.REJ_UNSECURE) }, "one side has a passphrase"},
		"unknown":   {func(h *packet.CIFHandshake) { h.HandshakeType = 2042 }, "with the number 2042"},
		"no SRT":    {func(h *packet.CIFHandshake) { h.HasHS = false }, "no SRT 1.3"},
		"files":     {func(h *packet.CIFHandshake) { h.SRTHS.SRTFlags.STREAM = true }, "files only"},
		"small":     {func(h *packet.CIFHandshake) { h.MaxTransmissionUnitSize = 43 }, "43 bytes at most"},
		"open":      {func(h *packet.CIFHandshake) { h.HasKM = false }, "takes nothing that is encrypted"},
	} {
		t.Run(name, func(t *testing.T) {
			at := answers(t, func(h *packet.CIFHandshake) [][]byte {
				caller := h.SRTSocketId
				h.IsRequest = false
				if h.HandshakeType == packet.HSTYPE_INDUCTION {
					h.Version, h.ExtensionField, h.SynCookie = 5, magic, 7
				} else {
					c.conclude(h)
				}
				whole := marshal(*h, caller)
				cut := append(bytes.Clone(whole[:64]), 0) // gosrt panics of a conclusion like this
				return [][]byte{{}, {1}, bytes.Repeat([]byte{0xff}, 64), marshal(*h, caller+1), cut, whole}
			})
			client, err := Dial(t.Context(), Destination{Address: at, StreamID: "cam", Passphrase: "0123456789"})
			if c.want == "" {
				require.NoError(t, err)
				client.Close()
				require.Error(t, client.Why())
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
	old := answers(t, func(h *packet.CIFHandshake) [][]byte { return [][]byte{marshal(*h, h.SRTSocketId)} })
	_, err := Dial(t.Context(), Destination{Address: old})
	require.ErrorContains(t, err, "older than 1.3")
	wrong := answers(t, func(h *packet.CIFHandshake) [][]byte {
		if h.HandshakeType == packet.HSTYPE_INDUCTION {
			h.Version, h.ExtensionField = 5, magic
			return [][]byte{marshal(*h, h.SRTSocketId)}
		}
		h.HasHS, h.HasKM, h.HasSID = false, false, false // the extension that follows says that the key is wrong (§3.2.1.2)
		b := marshal(*h, h.SRTSocketId)
		b[headBytes+7] = 2
		return [][]byte{append(b, 0, 4, 0, 1, 4, 0, 0, 0)}
	})
	_, err = Dial(t.Context(), Destination{Address: wrong, Passphrase: "0123456789"})
	require.ErrorContains(t, err, "the passphrase is wrong")
	ctx, cancel := context.WithCancel(t.Context())
	never := answers(t, func(*packet.CIFHandshake) [][]byte {
		cancel()
		return nil
	})
	_, err = Dial(ctx, Destination{Address: never})
	require.ErrorIs(t, err, context.Canceled)
}

// What is lost on the way is sent again: gosrt gets everything in order, encrypted, though each fifth packet is lost, and the last as well.
func TestClientRepeats(t *testing.T) {
	listener, err := gosrt.Listen("srt", "127.0.0.1:0", gosrt.DefaultConfig())
	require.NoError(t, err)
	defer listener.Close()
	const packets = 200
	received := make(chan []byte, packets)
	go func() {
		defer close(received)
		request, err := listener.Accept2()
		if err != nil || request.SetPassphrase("0123456789") != nil {
			return
		}
		conn, err := request.Accept()
		if err != nil {
			return
		}
		for {
			b := make([]byte, readBytes)
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			received <- b[:n]
		}
	}()
	conn, err := net.Dial("udp", listener.Addr().String())
	require.NoError(t, err)
	client, err := dial(t.Context(), &lossy{Conn: conn}, Destination{Passphrase: "0123456789", Latency: 5 * time.Second})
	require.NoError(t, err)
	defer client.Close()
	payload := make([]byte, MaxPayload)
	for i := range packets {
		binary.BigEndian.PutUint32(payload, uint32(i))
		_, err := client.Write(payload)
		require.NoError(t, err)
	}
	for i := range packets {
		b, ok := <-received
		require.True(t, ok)
		require.EqualValues(t, i, binary.BigEndian.Uint32(b))
		require.Len(t, b, MaxPayload)
	}
	require.Zero(t, client.Late())
	_, err = client.Write(make([]byte, MaxPayload+1))
	require.Error(t, err)
}

// lossy loses packets of media that are sent for the first time: each fifth.
type lossy struct {
	net.Conn
	count int
}

func (l *lossy) Write(b []byte) (int, error) {
	if b[0]&control == 0 && b[4]&again == 0 {
		if l.count++; l.count%5 == 0 {
			return len(b), nil
		}
	}
	return l.Conn.Write(b)
}

// The end that the other side makes is told as one; what it never said to have is given up, and counted.
func TestClientEnds(t *testing.T) {
	sink, far := net.Pipe()
	defer func() { _ = far.Close() }()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	c := &Client{conn: sink, socket: 1, window: 2, start: time.Now(), latency: time.Minute, ended: make(chan struct{})}
	for range 2 {
		wait, err := c.offer([]byte{1})
		require.NoError(t, err)
		require.Zero(t, wait)
	}
	wait, err := c.offer([]byte{1})
	require.NoError(t, err)
	require.Equal(t, tick, wait, "there is no place")
	c.forget(time.Now().Add(2 * time.Minute))
	require.EqualValues(t, 2, c.Late())
	wait, err = c.offer([]byte{1})
	require.NoError(t, err)
	require.Zero(t, wait)
	require.False(t, c.hear(of(packet.CTRLTYPE_ACK, c.number(1)), time.Now()))
	require.Empty(t, c.sent.kept)
	require.True(t, c.hear(of(packet.CTRLTYPE_SHUTDOWN), time.Now()))
}

// of is a control packet.
func of(kind packet.CtrlType, body ...uint32) []byte {
	b := make([]byte, headBytes)
	binary.BigEndian.PutUint16(b, control<<8|kind.Value())
	for _, word := range body {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	return b
}

// Whatever a server sends is read, within what is kept.
func FuzzServer(f *testing.F) {
	f.Add(of(packet.CTRLTYPE_NAK, 1<<31|2, 9, 5))
	f.Add(of(packet.CTRLTYPE_ACK, 3, 1000, 10, 4, 5, 6, 7))
	f.Add(of(packet.CTRLTYPE_HANDSHAKE))
	now := time.Now()
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = readAnswer(data, 0)
		if len(data) < headBytes {
			return
		}
		wire := &counter{}
		c := &Client{conn: wire, start: now}
		for range 8 {
			c.sent.kept = append(c.sent.kept, &kept{data: make([]byte, headBytes), made: now, sent: now})
		}
		c.hear(data, now.Add(time.Minute))
		if len(c.sent.kept) > 8 || wire.sent > 9 {
			t.Fatalf("%d packets are kept, %d were sent", len(c.sent.kept), wire.sent)
		}
	})
}

// counter counts packets.
type counter struct {
	net.Conn
	sent int
}

func (c *counter) Write(b []byte) (int, error) {
	c.sent++
	return len(b), nil
}
