package config

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// YAML returns what is in force as YAML that --config accepts, except
// for keys and credentials, which are masked.
func (l *Loaded) YAML() string {
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
			parent, leaf = child(root, k.name), ownName(k.name)
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

// Help is what the help of sluice serve says beside its flags.
const Help = `Each key is a flag (--http-listen), an environment variable (SLUICE_HTTP_LISTEN) and an entry of the YAML file (http: {listen: …}); a flag
wins over the environment, which wins over the file.

Values: a duration is 200ms, 2s, 1h or 7d; a size is 64KiB, 20GB or 1GiB; a list has commas or is a flag given more than once; a flag of yes
or no is on alone, and off as --record=false; a ladder is auto or 720p=1280x720@30:2500k,480p=854x480@30:1200k, in the file a list of {name,
width, height, fps, bitrate}.

Examples:

    sluice serve
    sluice serve --http-listen :8080 --auth-publish front-door-key
    sluice serve --https-listen :8443 --tls-self-signed --auth-publish front-door-key
    SLUICE_RECORD=false sluice serve --config sluice.yaml

Signals: SIGTERM and SIGINT stop the service, SIGHUP has it read its configuration again, and SIGUSR2 has it go on in another process, of the
program and configuration that are there by then; one that does not start changes nothing.
` + exit.Help
