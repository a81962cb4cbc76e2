package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// maxConfigFile is the longest configuration file that is read, in bytes.
const maxConfigFile = 1 << 20

// envPrefix begins the name of every environment variable of ours.
const envPrefix = "SLUICE_"

// otherCommands are environment variables of commands that take no configuration: sluice ctl.
var otherCommands = []string{envPrefix + "URL", envPrefix + "TOKEN"}

// flagName is how a key is written as a flag, without the dashes.
func (k key) flagName() string { return strings.ReplaceAll(k.name, ".", "-") }

// envName is how a key is written as an environment variable.
func (k key) envName() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(k.name))
}

// Loaded is a configuration that remembers which source each value came from.
type Loaded struct {
	Config
	keys   []key
	origin map[string]string // by key name; none for a default
	faults []error
}

func newLoaded() *Loaded {
	l := &Loaded{Config: Default(), origin: map[string]string{}}
	l.keys = l.Config.keys()
	return l
}

// load applies the sources, the weakest first.
func (l *Loaded) load(flags *Flags, from Surroundings) {
	if flags.File != "" {
		l.loadFile(flags.File)
	}
	l.loadEnviron(from.Environ)
	l.loadFlags(flags)
	l.loadSockets(from.Sockets)
	l.applyLatency()
	for _, f := range l.Config.faults() {
		l.fail(fmt.Errorf("%s: %s", cmp.Or(l.origin[f.key], f.key), f.problem))
	}
}

func (l *Loaded) fail(err error) {
	if err != nil {
		l.faults = append(l.faults, err)
	}
}

// Changed names the keys that have another value in a newer configuration.
func (l *Loaded) Changed(newer *Loaded) []string {
	var names []string
	for i, k := range l.keys {
		if !reflect.DeepEqual(k.value.raw(), newer.keys[i].value.raw()) {
			names = append(names, k.name)
		}
	}
	return names
}

// err joins what was wrong.
func (l *Loaded) err() error { return exit.Usage(errors.Join(l.faults...)) }

// apply sets a key from a source. Of a list every faulty item is reported.
func (l *Loaded) apply(k key, origin string, set func() error) {
	l.origin[k.name] = origin
	if err := set(); err != nil {
		l.fail(fmt.Errorf("%s: %w", origin, err))
	}
}

func (l *Loaded) loadFlags(flags *Flags) {
	for i, k := range l.keys {
		texts := flags.texts(i)
		if len(texts) == 0 {
			continue
		}
		if !k.isList() {
			texts = texts[len(texts)-1:]
		}
		l.apply(k, "flag --"+k.flagName(), func() error { return k.value.set(strings.Join(texts, ",")) })
	}
}

// loadSockets takes the addresses that are listened on already, whatever else is said of those keys.
func (l *Loaded) loadSockets(addresses map[string]string) {
	for _, k := range l.keys {
		if address, ok := addresses[k.name]; ok {
			l.apply(k, "socket of the service manager: "+k.name, func() error { return k.value.set(address) })
		}
	}
}

// isList reports whether a flag given twice adds to the first.
func (k key) isList() bool {
	return slices.Contains([]kind{kindIPs, kindURLs, kindKeys, kindCodecs, kindLadder, kindPrefixes, kindHosts, kindOrigins, kindWords, kindNames}, k.kind)
}

func (l *Loaded) loadEnviron(environ []string) {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(otherCommands, name) {
			continue
		}
		i := slices.IndexFunc(l.keys, func(k key) bool { return k.envName() == name })
		if i < 0 {
			l.fail(fmt.Errorf("environment %s: there is no such key, --help lists them", name))
			continue
		}
		l.apply(l.keys[i], "environment "+name, func() error { return l.keys[i].value.set(value) })
	}
}

// loadFile reads a YAML file of one document.
func (l *Loaded) loadFile(name string) {
	root, err := readYAML(name)
	if err != nil {
		l.fail(fmt.Errorf("flag --config: %w", err))
		return
	}
	if root != nil {
		l.loadNode(name, "", root)
	}
}

// readYAML returns the root of the one document in a file, nil when the file
// holds none.
func readYAML(name string) (*yaml.Node, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxConfigFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxConfigFile {
		return nil, fmt.Errorf("%s is longer than %s", name, FormatSize(maxConfigFile))
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("%s is not YAML: %w", name, err)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	return document.Content[0], nil
}

// ownName is what a key that is also the parent of others (record) is called inside its mapping.
func ownName(parent string) string {
	switch parent {
	case "ladder":
		return "renditions"
	case "webhooks":
		return "targets"
	}
	return "enabled"
}

// loadNode applies a mapping whose keys continue prefix.
func (l *Loaded) loadNode(file, prefix string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		l.fail(fmt.Errorf("file %s line %d: %s", file, n.Line, cmp.Or(strings.TrimSuffix(prefix, "."), "the file")+" takes a mapping of keys"))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, child := prefix+n.Content[i].Value, resolve(n.Content[i+1])
		if parent := strings.TrimSuffix(prefix, "."); parent != "" && name == prefix+ownName(parent) {
			name = parent
		}
		l.loadEntry(file, n.Content[i].Line, name, child)
	}
}

// loadEntry applies one entry of a mapping.
func (l *Loaded) loadEntry(file string, line int, name string, n *yaml.Node) {
	origin := fmt.Sprintf("file %s line %d: %s", file, line, name)
	exact := slices.IndexFunc(l.keys, func(k key) bool { return k.name == name })
	parent := slices.ContainsFunc(l.keys, func(k key) bool { return strings.HasPrefix(k.name, name+".") })
	switch {
	case parent && n.Kind == yaml.MappingNode:
		l.loadNode(file, name+".", n)
	case parent && exact < 0 && n.Tag == "!!null":
	case parent && exact < 0:
		l.fail(fmt.Errorf("%s: takes a mapping of keys", origin))
	case exact < 0:
		l.fail(fmt.Errorf("%s: there is no such key, --help lists them", origin))
	case strings.HasPrefix(l.origin[name], "file "):
		l.fail(fmt.Errorf("%s: given twice", origin))
	default:
		l.apply(l.keys[exact], origin, func() error { return l.keys[exact].value.setYAML(n) })
	}
}
