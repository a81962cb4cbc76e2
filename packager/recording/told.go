package recording

import (
	"regexp"
	"strings"
)

// directories are those before the name of a file: two or more, or one that begins at the root. "input/output error" has none.
var directories = regexp.MustCompile(`(?:[^\s'":,=()/]*/){2,}|(^|[\s'"=(])/`)

// Told is an error as everybody may read it, without where files lie on this machine.
func (s *Store) Told(err error) string { return told(err, s.opts.Dir) }

// told is an error as recording.json tells it, which everybody may read: with the names of files, and without where they lie on this machine.
// The log has the whole.
func told(err error, dirs ...string) string {
	text := err.Error()
	for _, dir := range dirs { // which may have blanks in them
		if dir != "" {
			text = strings.ReplaceAll(text, strings.TrimSuffix(dir, "/")+"/", "")
		}
	}
	return directories.ReplaceAllString(text, "$1")
}
