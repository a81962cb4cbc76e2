package ingest

import (
	"net/netip"

	"github.com/sluice-live/sluice/ingest/turn"
)

// listenTURN starts the TURN server if there is to be one.
func (s *Server) listenTURN(log *slogFactory) (err error) {
	if s.opts.TURNListen == "" {
		return nil
	}
	var public []netip.Addr
	for _, ip := range s.opts.PublicIPs {
		public = append(public, netip.MustParseAddr(ip)) // which Validate has parsed
	}
	s.turn, err = turn.Listen(turn.Options{
		Listen: s.opts.TURNListen, Sockets: s.opts.Sockets, PublicIPs: public, MediaPort: s.sockets.udpAddr.Port,
		MaxRelays: s.opts.MaxRelays, MaxPerAddress: relaysPerSession * s.opts.MaxSessionsPerAddress, Pion: log, Logger: s.opts.Logger,
	})
	if err != nil {
		return listenError("TURN", s.opts.TURNListen, err)
	}
	return nil
}

func (s *Server) closeTURN() error {
	if s.turn == nil {
		return nil
	}
	return s.turn.Close()
}

// TURN is the TURN server; nil when that is off.
func (s *Server) TURN() *turn.Server { return s.turn }

// ICEServers are those that clients are told about: what is configured, and the server's own. Credentials are made anew for each client.
func (s *Server) ICEServers() []ICEServer {
	var servers []ICEServer
	for _, server := range s.opts.ICEServers {
		servers = append(servers, server.told())
	}
	if s.turn != nil {
		servers = append(servers, ICEServer{URLs: s.turn.URLs(), Secret: s.turn.Secret()}.told())
	}
	return servers
}
