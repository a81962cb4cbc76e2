package ingest

import (
	"fmt"
	"slices"
	"strings"
)

// fragment is the part of a description that trickle ICE sends (RFC 8840 §9).
type fragment struct {
	ufrag, pwd string
	candidates []string // that can be used here, each once
}

// parseFragment reads what clients really send: credentials for all sections or in each, one candidate in several sections,
// any m= line, lines that end in LF alone.
func parseFragment(body []byte) (fragment, error) {
	var f fragment
	lines, sections := 0, 0
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		lines++
		if len(line) < 2 || line[1] != '=' {
			return f, fmt.Errorf("line %d is not of the form type=value", lines)
		}
		if line[0] == 'm' {
			if sections++; sections > maxSections {
				return f, fmt.Errorf("more than %d media sections", maxSections)
			}
		}
		if err := f.add(line); err != nil {
			return f, err
		}
	}
	switch {
	case lines == 0:
		return f, fmt.Errorf("the fragment is empty")
	case f.ufrag+f.pwd != "" && !validCredentials(f.ufrag, f.pwd):
		return f, fmt.Errorf("a=ice-ufrag has 4 to 256 characters and a=ice-pwd 22 to 256")
	}
	return f, nil
}

func (f *fragment) add(line string) error {
	key, value, _ := strings.Cut(strings.TrimPrefix(line, "a="), ":")
	switch {
	case line[0] != 'a':
		return nil
	case key == "ice-ufrag":
		return setOnce(&f.ufrag, value)
	case key == "ice-pwd":
		return setOnce(&f.pwd, value)
	case key == "candidate":
		return f.addCandidate(value)
	}
	return nil
}

func (f *fragment) addCandidate(value string) error {
	c, err := parseCandidate(value)
	if err != nil || c == "" || slices.Contains(f.candidates, c) {
		return err
	}
	if len(f.candidates) == maxCandidates {
		return fmt.Errorf("more than %d candidates", maxCandidates)
	}
	f.candidates = append(f.candidates, c)
	return nil
}

// setOnce wants all sections to agree: they share one transport.
func setOnce(field *string, value string) error {
	if *field != "" && *field != value {
		return fmt.Errorf("media sections with different ICE credentials")
	}
	*field = value
	return nil
}
