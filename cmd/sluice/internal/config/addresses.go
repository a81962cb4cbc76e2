package config

import (
	"net"
	"net/netip"
)

// listener is one key's address that is listened on; empty: nowhere.
type listener struct{ network, key, address string }

func (c Config) listeners() []listener {
	return []listener{
		{"tcp", "http.listen", c.HTTP.Listen},
		{"tcp", "https.listen", c.HTTPS.Listen},
		{"tcp", "http.metrics", c.HTTP.Metrics},
		{"tcp", "ice.tcp", c.ICETCP()},
		{"tcp", "turn.listen", c.ICE.TURN},
		{"tcp", "rtmp.listen", c.RTMP.Listen},
		{"tcp", "rtmp.tls-listen", c.RTMP.TLSListen},
		{"udp", "ice.udp", c.ICEUDP()},
		{"udp", "turn.listen", c.ICE.TURN},
		{"udp", "srt.listen", c.SRT.Listen},
	}
}

// checkAddresses finds two keys with one address: at the start it would seem that another program had it.
func (c Config) checkAddresses(check *checker) {
	all := c.listeners()
	for i, a := range all {
		why := ""
		if a.key == "ice.tcp" && c.ICE.TCP == "" {
			why = " (media come over TCP where they come over UDP, unless this is set)"
		}
		for _, b := range all[:i] {
			ok := a.network != b.network || !meet(a.address, b.address)
			check.want(ok, a.key, "%s is the address of %s as well%s: give one of them another port", a.address, b.key, why)
		}
	}
}

// meet reports whether nobody can listen on both addresses.
func meet(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || covers(hostA, hostB) || covers(hostB, hostA)
}

// covers reports whether who listens on the one host listens on the other with it: 0.0.0.0 is every address of IPv4, :: and none at all are those of
// IPv6 too.
func covers(host, other string) bool {
	if host == "" || host == "::" {
		return true
	}
	ip, err := netip.ParseAddr(other)
	return host == "0.0.0.0" && (err != nil || ip.Is4()) // what a name stands for is not known here
}

// Loopback reports whether only this machine can reach the web servers.
func (c Config) Loopback() bool {
	return IsLoopback(c.HTTP.Listen) && (c.HTTPS.Listen == "" || IsLoopback(c.HTTPS.Listen))
}

// IsLoopback reports whether the host of an address is this machine's own.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}
