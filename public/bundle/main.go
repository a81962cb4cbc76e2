// Command bundle builds the web pages: it bundles the scripts and styles of public/src with esbuild, writes them under
// names that contain their hash, renders the HTML pages around those names and
// the documents of the repository (Markdown by goldmark) and the licences of what others have written in the same frame,
// and puts a gzipped twin beside each file.
// The result, public/dist, is embedded by package public. It does not check types (npm run check does) and does not
// fetch packages (npm ci --prefix public does). It starts no goroutine.
//
//	go run ./public/bundle [directory]   the directory of package.json; public when not given
//
// Exit status: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"fmt"
	"os"
)

func main() {
	dir := "public"
	switch {
	case len(os.Args) == 2 && os.Args[1][0] != '-':
		dir = os.Args[1]
	case len(os.Args) > 1:
		fmt.Fprintln(os.Stderr, "usage: bundle [directory]")
		os.Exit(2)
	}
	files, err := Build(dir)
	if err == nil {
		err = write(dir, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}
