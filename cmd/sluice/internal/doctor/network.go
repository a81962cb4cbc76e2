package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// checkWebPorts tries to listen where the web servers would.
func checkWebPorts(ctx context.Context, cfg config.Config) []finding {
	findings := []finding{checkTCP(ctx, "http.listen", cfg.HTTP.Listen)}
	if cfg.HTTPS.Listen != "" {
		findings = append(findings, checkTCP(ctx, "https.listen", cfg.HTTPS.Listen))
	}
	return findings
}

// checkPorts tries to listen where the service would.
func checkPorts(ctx context.Context, cfg config.Config) []finding {
	findings := checkWebPorts(ctx, cfg)
	findings = append(findings, checkUDP(ctx, "ice.udp", cfg.ICEUDP()))
	if cfg.ICE.TURN != "" {
		findings = append(findings, checkUDP(ctx, "turn.listen", cfg.ICE.TURN), checkTCP(ctx, "turn.listen", cfg.ICE.TURN))
	}
	if cfg.RTMP.Listen != "" {
		findings = append(findings, checkTCP(ctx, "rtmp.listen", cfg.RTMP.Listen))
	}
	if cfg.RTMP.TLSListen != "" {
		findings = append(findings, checkTCP(ctx, "rtmp.tls-listen", cfg.RTMP.TLSListen))
	}
	if cfg.SRT.Listen != "" {
		findings = append(findings, checkUDP(ctx, "srt.listen", cfg.SRT.Listen))
	}
	if cfg.ICETCP() == "" {
		return append(findings, look("ice.tcp", "off", "Peers on networks without UDP cannot publish."))
	}
	return append(findings, checkTCP(ctx, "ice.tcp", cfg.ICETCP()))
}

func checkTCP(ctx context.Context, key, address string) finding {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return portFinding(key, err)
	}
	l.Close()
	return fine(key, "TCP %s is free", address)
}

func checkUDP(ctx context.Context, key, address string) finding {
	var config net.ListenConfig
	l, err := config.ListenPacket(ctx, "udp", address)
	if err != nil {
		return portFinding(key, err)
	}
	l.Close()
	return fine(key, "UDP %s is free", address)
}

// portFinding says why an address cannot be listened on.
func portFinding(key string, err error) finding {
	flag := "--" + strings.ReplaceAll(key, ".", "-")
	mend := "Give an address of this machine with " + flag + "."
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		mend = "Another program has it, maybe a sluice that is running: stop that, or choose another port with " + flag + "."
	case errors.Is(err, syscall.EACCES):
		mend = "Ports below 1024 need a privilege (setcap cap_net_bind_service=+ep on the program): grant it, or choose another with " + flag + "."
	}
	return bad(key, err.Error(), mend)
}

// checkExposure says who may publish.
func checkExposure(cfg config.Config) finding {
	switch {
	case len(cfg.Auth.Publish) > 0:
		return fine("access", "publishing needs a key")
	case cfg.Loopback():
		return fine("access", "only this machine can reach it")
	}
	return look("access", "everybody who reaches it may publish", "Set auth.publish to a key, unless the network is all yours.")
}

// checkCandidates says which addresses browsers are given for media.
func checkCandidates(cfg config.Config) []finding {
	host, port, _ := net.SplitHostPort(cfg.ICEUDP())
	addresses := candidateAddresses(host)
	for _, ip := range cfg.ICE.PublicIP {
		addresses = append(addresses, ip.String())
	}
	if len(addresses) == 0 {
		return []finding{bad("ICE", "this machine has no address for media", "Bring up a network interface, or set ice.public-ip.")}
	}
	given := "browsers are given " + strings.Join(addresses, ", ") + ", port " + port
	if config.IsLoopback(cfg.ICEUDP()) {
		return []finding{look("ICE", given,
			"Only browsers on this machine can publish. For others set http.listen or https.listen to an address that they can reach, or ice.udp.")}
	}
	return append([]finding{fine("ICE", "%s", given)}, checkPublic(addresses)...)
}

// candidateAddresses returns the addresses that a host of ice.udp stands for:
// all of this machine's when it is empty or unspecified.
func candidateAddresses(host string) []string {
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		return []string{host}
	}
	all, _ := net.InterfaceAddrs()
	var addresses []string
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && !prefix.Addr().IsLoopback() && !prefix.Addr().IsLinkLocalUnicast() {
			addresses = append(addresses, prefix.Addr().String())
		}
	}
	return addresses
}

// checkPublic warns when no address works from the Internet.
func checkPublic(addresses []string) []finding {
	for _, a := range addresses {
		if ip, err := netip.ParseAddr(a); err == nil && !ip.IsPrivate() {
			return nil
		}
	}
	return []finding{look("NAT", "all of these addresses are private",
		"Fine in a local network. For publishers outside set ice.public-ip to the address that they reach this machine by, and let UDP through.")}
}
