package ctl

import (
	"context"
	"fmt"
	"io"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// nodesCommand is sluice ctl nodes.
type nodesCommand struct{}

// Run lists the nodes.
func (nodesCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	return fetch(ctx, c, from, out, "/api/v1/nodes", func(out io.Writer, list api.NodeList) error {
		rows := table{{"NODE", "STATE", "STREAMS", "ROOM", "IDLE CORES", "CLOCK", "URL"}}
		for _, n := range list.Nodes {
			state := "there"
			switch {
			case n.Draining:
				state = "draining"
			case n.Self:
				state = "asked"
			}
			rows = append(rows, []string{n.ID, state, fmt.Sprint(n.Streams), fmt.Sprint(n.Room), fmt.Sprintf("%.1f", n.IdleCores), clockOf(n), n.URL})
		}
		if err := rows.print(out, "This service is in no cluster."); err != nil || list.Connected || len(list.Nodes) == 0 {
			return err
		}
		_, err := io.WriteString(out, "etcd does not answer: this is what was known last.\n")
		return err
	})
}

// clockOf is how many seconds ahead a node's clock is.
func clockOf(n api.Node) string {
	switch {
	case n.ClockAhead == nil:
		return "-"
	case *n.ClockAhead == 0:
		return "0 s"
	}
	return fmt.Sprintf("%+.3f s", *n.ClockAhead)
}
