package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// The files of <sluice-player>, under dist: one script with all that it needs, and the licences of what others have written of that.
const (
	elementScript  = "player/sluice-player.js"
	elementNotices = "player/THIRD-PARTY.txt"
)

// buildElement bundles <sluice-player> for pages of other sites, which can load one script from elsewhere but not what that loads in turn.
func buildElement(root string) (map[string][]byte, error) {
	options := options(root)
	options.EntryPoints = []string{filepath.Join(root, "src", "player", "sluice-player.ts")}
	options.EntryNames = "player/[name]"
	options.Splitting = false
	result := api.Build(options)
	if len(result.Errors) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	if len(result.OutputFiles) != 1 {
		return nil, fmt.Errorf("<sluice-player> has become %d files: it has to be one", len(result.OutputFiles))
	}
	packages, err := bundledPackages(root, result.Metafile)
	if err != nil {
		return nil, err
	}
	var notices strings.Builder
	notices.WriteString("sluice-player.js contains works of others under these licences.\n")
	for _, c := range packages {
		fmt.Fprintf(&notices, "\n== %s %s (%s)\n\n%s\n", c.Name, c.Version, c.License, c.Text)
	}
	return map[string][]byte{elementScript: result.OutputFiles[0].Contents, elementNotices: []byte(notices.String())}, nil
}
