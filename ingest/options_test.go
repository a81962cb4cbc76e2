package ingest

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/stretchr/testify/require"
)

func TestOptionsValidate(t *testing.T) {
	require.NoError(t, Options{}.Validate())
	require.NoError(t, Options{UDPListen: ":8189", TCPListen: "[::1]:8189", PublicIPs: []string{"203.0.113.7", "2001:db8::7"}, ICEServers: iceServers()}.Validate())
	err := Options{
		VideoCodecs: []string{"vp8", "hevc"}, UDPListen: "nonsense", TCPListen: "127.0.0.1:99999", PublicIPs: []string{"example.org"}, MaxSDP: -1,
		ICEServers: []ICEServer{{}, {URLs: []string{"http://x"}}, {URLs: []string{"turn:a,b"}}, {URLs: []string{"turn:a"}, Credential: `a"b`}},
	}.Validate()
	for _, fault := range []string{`VideoCodecs: "hevc" is none of vp8, vp9, h264, av1`, "nonsense", "99999", "example.org", "MaxSDP: -1: write 0", "without URL", "http://x", "turn:a,b", "credential"} {
		require.ErrorContains(t, err, fault)
	}
	require.NotContains(t, err.Error(), `a"b`, "no secret in an error")
	require.NoError(t, Options{VideoCodecs: []string{"av1", "h264", "vp9", "vp8"}}.Validate())
	require.ErrorContains(t, Options{VideoCodecs: []string{"vp8", "vp8"}}.Validate(), "vp8 is there twice")
	_, err = New(Options{UDPListen: "nonsense"})
	require.ErrorContains(t, err, "nonsense")
}

// A port in use is said so, with a way out, and nothing stays bound.
func TestPortTaken(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer tcp.Close()
	discard := slog.New(slog.DiscardHandler)
	for _, o := range []Options{
		{UDPListen: udp.LocalAddr().String()},
		{UDPListen: fmt.Sprintf("0.0.0.0:%d", udp.LocalAddr().(*net.UDPAddr).Port)},
		{TCPListen: tcp.Addr().String()},
	} {
		o.Logger = discard
		_, err = New(o)
		require.ErrorContains(t, err, "another program has this port")
		require.ErrorContains(t, err, o.UDPListen+o.TCPListen)
	}
	_, err = New(Options{UDPListen: "203.0.113.7:0", Logger: discard})
	require.ErrorContains(t, err, "choose an address of this machine")
}

// On every interface: the addresses that others can reach come before loopback.
func TestEveryInterface(t *testing.T) {
	for _, host := range []string{"0.0.0.0", ""} {
		t.Run(host, func(t *testing.T) {
			f := newFixture(t, Options{UDPListen: host + ":0", TCPListen: host + ":0"})
			require.NotZero(t, f.server.UDPAddr().(*net.UDPAddr).Port)
			resp := f.post("/whip/a", offertest.Offer(t, "chromium"))
			ranks := []int{}
			first := parseSDP(t, text(t, resp)).MediaDescriptions[0]
			for _, a := range first.Attributes {
				if a.Key == "candidate" {
					ranks = append(ranks, offer.CandidateRank(a.Value, nil))
				}
			}
			require.NotEmpty(t, ranks)
			require.IsNonDecreasing(t, ranks)
			require.Contains(t, ranks, 3, "loopback is there for this machine's own browser")

			client := newPeer(t, peerOptions{})
			client.publish(f, "/whip/b")
			client.waitConnected()
		})
	}
}

// Nothing is announced but what is listened on.
func TestOneInterface(t *testing.T) {
	f := newFixture(t, Options{UDPListen: "127.0.0.1:0", TCPListen: "127.0.0.1:0"})
	answer := parseSDP(t, text(t, f.post("/whip/a", offertest.Offer(t, "chromium"))))
	var announced []string
	for _, a := range answer.MediaDescriptions[0].Attributes {
		if a.Key == "candidate" {
			fields := strings.Fields(a.Value)
			announced = append(announced, fields[2]+" "+fields[4])
		}
	}
	require.ElementsMatch(t, []string{"udp 127.0.0.1", "tcp 127.0.0.1"}, announced)
}

// Behind 1:1 NAT the public address comes first, and the own one stays.
func TestPublicIP(t *testing.T) {
	f := newFixture(t, Options{PublicIPs: []string{"203.0.113.7"}})
	resp := f.post("/whip/a", offertest.Offer(t, "chromium"))
	var addresses []string
	for _, a := range parseSDP(t, text(t, resp)).MediaDescriptions[0].Attributes {
		if a.Key == "candidate" {
			addresses = append(addresses, strings.Fields(a.Value)[4])
		}
	}
	require.Equal(t, []string{"203.0.113.7", "127.0.0.1"}, addresses)
}

func TestRateLimiter(t *testing.T) {
	l := newRateLimiter(2)
	now := time.Unix(1000, 0)
	a, b := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	for range 10 {
		require.True(t, l.allow(a, now))
	}
	require.False(t, l.allow(a, now), "five seconds' worth at once")
	require.True(t, l.allow(b, now))
	require.True(t, l.allow(a, now.Add(time.Second)))
}

// However many clients there are, memory for them is bounded, and everybody may ask; those that have been quiet are forgotten first.
func TestRateLimiterIsBounded(t *testing.T) {
	l := newRateLimiter(1)
	now := time.Unix(1000, 0)
	busy := netip.MustParsePrefix("192.0.2.1/32")
	for range 5 {
		require.True(t, l.allow(busy, now))
	}
	address := netip.MustParseAddr("10.0.0.0")
	for range 2 * maxClients {
		require.True(t, l.allow(netip.PrefixFrom(address, 32), now))
		require.False(t, l.allow(busy, now), "it is not forgotten while it asks")
		address = address.Next()
	}
	require.Len(t, l.clients, maxClients)
	require.Equal(t, maxClients, l.recent.Len())
}
