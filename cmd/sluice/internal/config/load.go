package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// maxConfigFile is the longest configuration file that is read, in bytes.
const maxConfigFile = 1 << 20

// envPrefix begins the name of every environment variable of ours.
const envPrefix = "SLUICE_"

// Load reads the configuration from flags, the environment and the
// file that --config names, in that order of precedence over the defaults.
// The error, of exit status 2, lists everything that is wrong, each with the
// place where it was written.
func Load(args, environ []string) (Config, error) {
	flags, err := parseServeFlags(args)
	l := newLoader()
	l.fail(err)
	if flags.printConfig {
		l.fail(errors.New("flag --print-config: is for sluice serve"))
	}
	l.load(flags, environ)
	return *l.cfg, l.err()
}

// LoadServe is Load for sluice serve, which takes --print-config too: print is what that asks for, empty without it. The error
// is pflag.ErrHelp for --help.
func LoadServe(args, environ []string) (cfg Config, print string, err error) {
	flags, err := parseServeFlags(args)
	if errors.Is(err, pflag.ErrHelp) {
		return Config{}, "", err
	}
	l := newLoader()
	l.fail(err)
	l.load(flags, environ)
	if flags.printConfig {
		print = l.printConfig()
	}
	return *l.cfg, print, l.err()
}

// flagName is how a key is written as a flag, without the dashes.
func (k key) flagName() string { return strings.ReplaceAll(k.name, ".", "-") }

// envName is how a key is written as an environment variable.
func (k key) envName() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(k.name))
}

// serveFlags is what the command line of serve and doctor said.
type serveFlags struct {
	file        string // --config
	printConfig bool
	given       map[string][]string // texts by flag name
}

// collector is the pflag.Value of one key: it keeps the texts, so that every
// fault is found later, in one place.
type collector struct {
	flags *serveFlags
	key   key
}

func (c collector) Set(s string) error {
	name := c.key.flagName()
	c.flags.given[name] = append(c.flags.given[name], s)
	return nil
}

func (c collector) String() string { return "" }

func (c collector) Type() string { return string(c.key.kind) }

// parseServeFlags reads the command line, and goes on past what it does not
// know in order to report all of it. Its error is pflag.ErrHelp for --help.
func parseServeFlags(args []string) (*serveFlags, error) {
	f := &serveFlags{given: map[string][]string{}}
	set := NewFlagSet("serve")
	set.StringVar(&f.file, "config", "", "")
	set.BoolVar(&f.printConfig, "print-config", false, "")
	cfg := Default()
	for _, k := range cfg.keys() {
		flag := set.VarPF(collector{f, k}, k.flagName(), "", k.help)
		if k.kind == kindBool {
			flag.NoOptDefVal = "true"
		}
	}
	return f, ParseFlags(set, args, 0)
}

// NewFlagSet makes a flag set that prints nothing of its own.
func NewFlagSet(name string) *pflag.FlagSet {
	set := pflag.NewFlagSet(name, pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	return set
}

// ParseFlags parses args, of which at most positional may be no flags, and
// reports every unknown flag.
func ParseFlags(set *pflag.FlagSet, args []string, positional int) error {
	var faults []error
	for _, arg := range args {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if strings.HasPrefix(arg, "--") && name != "help" && set.Lookup(name) == nil {
			faults = append(faults, fmt.Errorf("flag --%s: there is no such flag, --help lists them", name))
		}
	}
	set.ParseErrorsAllowlist.UnknownFlags = len(faults) > 0
	if err := set.Parse(args); err != nil {
		faults = append(faults, err)
	}
	if rest := set.Args(); len(rest) > positional && len(faults) == 0 {
		faults = append(faults, fmt.Errorf("argument %q: nothing is expected here", rest[positional]))
	}
	return errors.Join(faults...)
}

// loader applies the sources, the weakest first, and remembers which source
// each value came from.
type loader struct {
	cfg    *Config
	keys   []key
	origin map[string]string // by key name; none for a default
	faults []error
}

func newLoader() *loader {
	cfg := Default()
	return &loader{cfg: &cfg, keys: cfg.keys(), origin: map[string]string{}}
}

func (l *loader) load(flags *serveFlags, environ []string) {
	if flags.file != "" {
		l.loadFile(flags.file)
	}
	l.loadEnviron(environ)
	l.loadFlags(flags)
	for _, f := range l.cfg.faults() {
		l.fail(fmt.Errorf("%s: %s", cmp.Or(l.origin[f.key], f.key), f.problem))
	}
}

func (l *loader) fail(err error) {
	if err != nil {
		l.faults = append(l.faults, err)
	}
}

// err joins what was wrong.
func (l *loader) err() error { return exit.Usage(errors.Join(l.faults...)) }

// apply sets a key from a source. Of a list every faulty item is reported.
func (l *loader) apply(k key, origin string, set func() error) {
	l.origin[k.name] = origin
	if err := set(); err != nil {
		l.fail(fmt.Errorf("%s: %w", origin, err))
	}
}

func (l *loader) loadFlags(flags *serveFlags) {
	for _, k := range l.keys {
		texts := flags.given[k.flagName()]
		if len(texts) == 0 {
			continue
		}
		if !k.isList() {
			texts = texts[len(texts)-1:]
		}
		l.apply(k, "flag --"+k.flagName(), func() error { return k.value.set(strings.Join(texts, ",")) })
	}
}

// isList reports whether a flag given twice adds to the first.
func (k key) isList() bool {
	return slices.Contains([]kind{kindIPs, kindURLs, kindKeys, kindCodecs, kindLadder}, k.kind)
}

func (l *loader) loadEnviron(environ []string) {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) {
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
func (l *loader) loadFile(name string) {
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

// loadNode applies a mapping whose keys continue prefix. A key that is also
// the parent of others (record) is `enabled` inside its mapping.
func (l *loader) loadNode(file, prefix string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		l.fail(fmt.Errorf("file %s line %d: %s", file, n.Line, cmp.Or(strings.TrimSuffix(prefix, "."), "the file")+" takes a mapping of keys"))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, child := prefix+n.Content[i].Value, resolve(n.Content[i+1])
		if name == prefix+"enabled" && prefix != "" {
			name = strings.TrimSuffix(prefix, ".")
		}
		l.loadEntry(file, n.Content[i].Line, name, child)
	}
}

// loadEntry applies one entry of a mapping.
func (l *loader) loadEntry(file string, line int, name string, n *yaml.Node) {
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
