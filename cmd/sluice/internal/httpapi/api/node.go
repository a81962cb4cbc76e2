package api

// Node is a node of a cluster, as the one that is asked sees it.
type Node struct {
	ID        string  `json:"id"`
	URL       string  `json:"url"`       // where the others reach it
	Streams   int     `json:"streams"`   // that it has
	Room      int     `json:"room"`      // how many more may begin there
	IdleCores float64 `json:"idleCores"` // that have nothing to do
	Draining  bool    `json:"draining"`  // it is about to stop: none may begin
	Self      bool    `json:"self"`      // it is the one that is asked
	// ClockAhead is by how many seconds its clock is ahead of that of the one that is asked; nothing where that is not known.
	ClockAhead *float64 `json:"clockAhead,omitempty"`
}

// NodeList is the answer of GET /api/v1/nodes: the nodes of the cluster, by their names; none where the service stands alone.
type NodeList struct {
	Nodes     []Node `json:"nodes"`
	Connected bool   `json:"connected"` // etcd answers; else this is what was known last
}

// NodeState is what nodes tell each other that they have.
type NodeState struct {
	Streams  []Stream  `json:"streams"`
	Sessions []Session `json:"sessions"`
	Rooms    []Room    `json:"rooms"`
	Missing  []string  `json:"missing,omitempty"` // nodes that have not answered
}
