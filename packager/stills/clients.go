package stills

import "net/netip"

// each client may have so many pictures a second made, and a burst of them at once. Those that are remembered cost nothing.
const each, burst = 5, 20

// clientOf is who asks from an address: of IPv6 a whole network of 64 bits is one.
func clientOf(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ""
	}
	host := at.Addr().Unmap()
	bits := host.BitLen()
	if host.Is6() {
		bits = 64
	}
	network, _ := host.WithZone("").Prefix(bits)
	return network.String()
}
