package config

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// HelpWidth is the longest line of a help text, in characters.
const HelpWidth = 96

// printConfig returns what is in force as YAML that --config accepts, except
// for keys and credentials, which are masked.
func (l *loader) printConfig() string {
	return renderYAML(l.keys, func(k key, n *yaml.Node) {
		if origin := l.origin[k.name]; origin != "" {
			n.LineComment = origin
		}
	})
}

// renderYAML writes the keys as nested mappings; comment may put comments on
// a key's node.
func renderYAML(keys []key, comment func(key, *yaml.Node)) string {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range keys {
		parent, leaf := root, k.name
		if isParent(keys, k.name) {
			parent, leaf = child(root, k.name), "enabled"
		} else if i := strings.LastIndex(k.name, "."); i >= 0 {
			parent, leaf = child(root, k.name[:i]), k.name[i+1:]
		}
		name, v := &yaml.Node{Kind: yaml.ScalarNode, Value: leaf}, k.value.yaml()
		comment(k, name)
		if v.Kind != yaml.SequenceNode || v.Style == yaml.FlowStyle {
			name.LineComment, v.LineComment = "", name.LineComment
		}
		parent.Content = append(parent.Content, name, v)
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	// A tree of plain nodes into memory: there is nothing to fail.
	_ = encoder.Encode(root)
	return b.String()
}

// isParent reports whether other keys lie under name.
func isParent(keys []key, name string) bool {
	for _, k := range keys {
		if strings.HasPrefix(k.name, name+".") {
			return true
		}
	}
	return false
}

// child returns the mapping under name, adding it when it is missing.
func child(root *yaml.Node, name string) *yaml.Node {
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value == name {
			return root.Content[i+1]
		}
	}
	m := &yaml.Node{Kind: yaml.MappingNode}
	root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, m)
	return m
}

// ServeHelp is the text of sluice serve --help.
func ServeHelp() string {
	return `Usage: sluice serve [flags]

Runs the service until it is interrupted. Each key is a flag (--http-listen), an environment
variable (SLUICE_HTTP_LISTEN) and an entry of the YAML file (http: {listen: …}); a flag wins over
the environment, which wins over the file.

      --config path
            YAML file to read
      --print-config
            print what is in force, where each value comes from, and exit; keys are masked
` + configHelp() + `
Values: a duration is 200ms, 2s, 1h or 7d; a size is 64KiB, 20GB or 1GiB; a list has commas or
is a flag given more than once; a ladder is auto or 720p=1280x720@30:2500k,480p=854x480@30:1200k,
in the file a list of {name, width, height, fps, bitrate}.

Examples:
  sluice serve
  sluice serve --http-listen :8080 --auth-publish front-door-key
  sluice serve --https-listen :8443 --tls-self-signed --auth-publish front-door-key
  SLUICE_RECORD=false sluice serve --config sluice.yaml
` + exit.Help
}

// configHelp lists the keys as flags under their headings.
func configHelp() string {
	cfg := Default()
	var b strings.Builder
	group := ""
	for _, k := range cfg.keys() {
		if k.group != group {
			group = k.group
			fmt.Fprintf(&b, "\n%s\n", group)
		}
		argument := " " + string(k.kind)
		if k.kind == kindBool {
			argument = "[=bool]"
		}
		fmt.Fprintf(&b, "      --%s%s\n", k.flagName(), argument)
		b.WriteString(Wrap(k.help+" (default "+cmp.Or(k.value.text(), "none")+")", 12, HelpWidth))
	}
	return b.String()
}

// Wrap breaks text into indented lines of at most width characters.
func Wrap(text string, indent, width int) string {
	margin := strings.Repeat(" ", indent)
	var b strings.Builder
	line := margin
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && len(line)+1+len(word) > width:
			b.WriteString(line + "\n")
			line = margin + word
		case i > 0:
			line += " " + word
		default:
			line += word
		}
	}
	return b.String() + line + "\n"
}
