package origin

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/timeline"
)

const (
	oneEpoch     = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	anotherEpoch = "BBBBBBBBBBBBBBBBBBBBBBBBBB"
)

func writtenChain() *chain {
	return &chain{Name: oneEpoch, ID: 1, Begins: time.Unix(1, 0).UTC(), Start: time.Second, Origin: time.Second, Inits: "digest", Epochs: []string{oneEpoch, anotherEpoch}}
}

// What is read of plain.json is what was written there, or nothing.
func TestParseChains(t *testing.T) {
	written, err := json.Marshal([]*chain{writtenChain()})
	require.NoError(t, err)
	require.Equal(t, []*chain{writtenChain()}, parseChains(written))
	for name, spoil := range map[string]func(*chain){
		"another path": func(c *chain) { c.Epochs[1] = "../../recordings" },
		"no name":      func(c *chain) { c.Name = "" },
		"no epochs":    func(c *chain) { c.Epochs = nil },
		"too many":     func(c *chain) { c.Epochs = strings.Split(strings.Repeat(oneEpoch+" ", maxEpochs)+oneEpoch, " ") },
		"before all":   func(c *chain) { c.Start = -1 },
	} {
		c := writtenChain()
		spoil(c)
		text, err := json.Marshal([]*chain{writtenChain(), c})
		require.NoError(t, err)
		require.Empty(t, parseChains(text), name)
	}
	for _, text := range []string{"", "null", "[null]", "[{}]", "{", "[" + strings.Repeat("null,", maxChains) + "null]"} {
		require.Empty(t, parseChains([]byte(text)), text)
	}
}

func FuzzChains(f *testing.F) {
	written, err := json.Marshal([]*chain{writtenChain()})
	require.NoError(f, err)
	f.Add(written)
	f.Add([]byte("[null]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range parseChains(text) {
			require.NotEmpty(t, c.Epochs)
			for _, epoch := range append(c.Epochs, c.Name) {
				require.True(t, timeline.IsEpochName(epoch))
			}
		}
	})
}
