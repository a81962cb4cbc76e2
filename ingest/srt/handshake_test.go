package srt

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"
	"github.com/datarhei/gosrt/circular"
	"github.com/datarhei/gosrt/packet"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/upload"
)

// shake sends a handshake, and returns the answer.
func shake(t *testing.T, conn net.Conn, h packet.CIFHandshake) (answer packet.CIFHandshake) {
	t.Helper()
	p := packet.NewPacket(nil)
	p.Header().IsControlPacket, p.Header().ControlType = true, packet.CTRLTYPE_HANDSHAKE
	p.MarshalCIF(&h)
	var sent bytes.Buffer
	require.NoError(t, p.Marshal(&sent))
	_, err := conn.Write(sent.Bytes())
	require.NoError(t, err)
	received := make([]byte, readBytes)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(2*time.Minute)))
	n, err := conn.Read(received)
	require.NoError(t, err)
	p, err = packet.NewPacketFromData(conn.RemoteAddr(), received[:n])
	require.NoError(t, err)
	require.NoError(t, p.UnmarshalCIF(&answer))
	return answer
}

// A client that asks for packets without room for anything is rejected before it may publish: gosrt would make a buffer of 4 GiB for it.
func TestPacketsTooSmall(t *testing.T) {
	opened := make(chan string, 1)
	server, err := Listen(Options{
		Listen: "127.0.0.1:0", MaxConnections: 8, MaxPerAddress: 8, Silence: time.Minute, Logger: slog.New(slog.DiscardHandler),
		Open: func(p upload.Publication, _ func(io.Reader) upload.Container) (*upload.Live, *refusal.Refusal) {
			opened <- p.Stream
			return nil, refusal.New(http.StatusForbidden, "No.")
		},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Run(ctx)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for _, c := range []struct {
		size uint32
		want gosrt.RejectionReason
	}{{0, gosrt.REJ_ROGUE}, {43, gosrt.REJ_ROGUE}, {gosrt.MAX_MSS_SIZE, gosrt.REJX_FORBIDDEN}} {
		conn, err := net.Dial("udp", server.Addr().String())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		h := packet.CIFHandshake{
			IsRequest: true, Version: 4, ExtensionField: 2, InitialPacketSequenceNumber: circular.New(1, packet.MAX_SEQUENCENUMBER),
			MaxTransmissionUnitSize: gosrt.MAX_MSS_SIZE, MaxFlowWindowSize: 25600, HandshakeType: packet.HSTYPE_INDUCTION, SRTSocketId: 77,
		}
		h.PeerIP.FromNetAddr(conn.LocalAddr())
		h.SynCookie = shake(t, conn, h).SynCookie
		h.Version, h.ExtensionField, h.HandshakeType, h.MaxTransmissionUnitSize = 5, 1, packet.HSTYPE_CONCLUSION, c.size
		h.HasHS, h.SRTHS = true, &packet.CIFHandshakeExtension{SRTVersion: 0x10500, SRTFlags: packet.CIFHandshakeExtensionFlags{
			TSBPDSND: true, TSBPDRCV: true, CRYPT: true, TLPKTDROP: true, PERIODICNAK: true, REXMITFLG: true,
		}}
		require.Equal(t, packet.HandshakeType(c.want), shake(t, conn, h).HandshakeType, "packets of %d bytes", c.size)
	}
	require.Len(t, opened, 1)
}
