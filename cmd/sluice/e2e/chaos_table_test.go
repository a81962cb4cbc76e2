package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// table is what was seen, a row for each fault that was injected.
type table struct{ rows []string }

func (t *table) add(f fault, c *chaos, epochs int, took time.Duration) {
	row := fmt.Sprintf("%-32s", f.name)
	for _, p := range c.players {
		seen := p.read()
		row += fmt.Sprintf(" %6.2f %6.2f", seen.Stall, seen.Frozen)
	}
	for _, r := range []*receiver{c.viewer, c.echo} {
		if r == nil {
			row += "      -"
			continue
		}
		row += fmt.Sprintf(" %6.2f", r.longest().Seconds())
	}
	t.rows = append(t.rows, row+fmt.Sprintf(" %6d %6.1f", epochs, took.Seconds()))
}

func (t *table) print(to testing.TB) {
	head := fmt.Sprintf("%-32s %6s %6s %6s %6s %6s %6s %6s %6s", "fault", "hls.js", "frozen", "dash", "frozen", "WHEP", "echo", "epochs", "took")
	to.Logf("longest times without a new picture, and with the same one, in seconds:\n%s\n%s", head, strings.Join(t.rows, "\n"))
}
