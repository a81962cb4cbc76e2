package offer

import (
	"fmt"
	"slices"
	"strings"
)

// Fragment is the part of a description that trickle ICE sends (RFC 8840 §9).
type Fragment struct {
	Ufrag, pwd string
	Candidates []string // that can be used here, each once
}

// ParseFragment reads what clients really send: credentials for all sections or in each, one candidate in several sections,
// any m= line, lines that end in LF alone.
func ParseFragment(body []byte) (Fragment, error) {
	var f Fragment
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
	case f.Ufrag+f.pwd != "" && !validCredentials(f.Ufrag, f.pwd):
		return f, fmt.Errorf("a=ice-ufrag has 4 to 256 characters and a=ice-pwd 22 to 256")
	}
	return f, nil
}

func (f *Fragment) add(line string) error {
	key, value, _ := strings.Cut(strings.TrimPrefix(line, "a="), ":")
	switch {
	case line[0] != 'a':
		return nil
	case key == "ice-ufrag":
		return setOnce(&f.Ufrag, value)
	case key == "ice-pwd":
		return setOnce(&f.pwd, value)
	case key == "candidate":
		return f.addCandidate(value)
	}
	return nil
}

func (f *Fragment) addCandidate(value string) error {
	c, err := ParseCandidate(value)
	if err != nil || c == "" || slices.Contains(f.Candidates, c) {
		return err
	}
	if len(f.Candidates) == MaxCandidates {
		return fmt.Errorf("more than %d candidates", MaxCandidates)
	}
	f.Candidates = append(f.Candidates, c)
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
