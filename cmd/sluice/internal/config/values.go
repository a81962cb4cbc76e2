package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// value reads and shows one configured field. The text form is that of flags
// and environment variables.
type value interface {
	set(text string) error
	setYAML(n *yaml.Node) error
	text() string
	yaml() *yaml.Node
	raw() any // what is written, keys unmasked
}

// scalar is a value that is one word in every form.
type scalar[T any] struct {
	field  *T
	parse  func(string) (T, error)
	format func(T) string
	tag    string // YAML tag, for strings that look like something else
}

func (s scalar[T]) set(text string) error {
	v, err := s.parse(text)
	if err == nil {
		*s.field = v
	}
	return err
}

func (s scalar[T]) setYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return errors.New("takes one value, not a list or a mapping")
	}
	return s.set(n.Value)
}

func (s scalar[T]) raw() any { return *s.field }

func (s scalar[T]) text() string { return s.format(*s.field) }

func (s scalar[T]) yaml() *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: s.tag, Value: s.text()}
}

// list is a value of several items: separated by commas in text, a sequence
// in YAML.
type list[T any] struct {
	field  *[]T
	parse  func(string) (T, error)
	format func(T) string
	decode func(*yaml.Node) (T, error) // an item that is a mapping; may be nil
	encode func(T) *yaml.Node          // an item in YAML; nil: its text
	none   string                      // text of the empty list
}

func (l list[T]) set(text string) error {
	*l.field = nil
	if text == l.none {
		return nil
	}
	var faults []error
	for part := range strings.SplitSeq(text, ",") {
		faults = append(faults, l.add(l.parse(strings.TrimSpace(part))))
	}
	return errors.Join(faults...)
}

func (l list[T]) setYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.ScalarNode:
		return l.set(n.Value)
	case yaml.SequenceNode:
		return l.setSequence(n)
	}
	return errors.New("takes a list")
}

func (l list[T]) setSequence(n *yaml.Node) error {
	*l.field = nil
	var faults []error
	for _, item := range n.Content {
		item = resolve(item)
		switch {
		case item.Kind == yaml.ScalarNode:
			faults = append(faults, l.add(l.parse(item.Value)))
		case l.decode != nil:
			faults = append(faults, l.add(l.decode(item)))
		default:
			faults = append(faults, errors.New("takes a list of single values"))
		}
	}
	return errors.Join(faults...)
}

// add appends an item that was read without an error.
func (l list[T]) add(item T, err error) error {
	if err == nil {
		*l.field = append(*l.field, item)
	}
	return err
}

func (l list[T]) raw() any { return *l.field }

func (l list[T]) text() string {
	if len(*l.field) == 0 {
		return l.none
	}
	items := make([]string, len(*l.field))
	for i, item := range *l.field {
		items[i] = l.format(item)
	}
	return strings.Join(items, ",")
}

func (l list[T]) yaml() *yaml.Node {
	if len(*l.field) == 0 && l.none != "" {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: l.none}
	}
	sequence := &yaml.Node{Kind: yaml.SequenceNode}
	if len(*l.field) == 0 {
		sequence.Style = yaml.FlowStyle
	}
	for _, item := range *l.field {
		if l.encode != nil {
			sequence.Content = append(sequence.Content, l.encode(item))
			continue
		}
		sequence.Content = append(sequence.Content, stringNode(l.format(item)))
	}
	return sequence
}

// stringNode is a YAML string, quoted where it would be read as another type.
func stringNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// resolve follows a YAML alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func text(p *string) value {
	keep := func(s string) (string, error) { return s, nil }
	return scalar[string]{field: p, parse: keep, format: strings.Clone, tag: "!!str"}
}

func boolean(p *bool) value {
	return scalar[bool]{field: p, parse: parseBool, format: strconv.FormatBool}
}

func number(p *int) value {
	return scalar[int]{field: p, parse: parseNumber, format: strconv.Itoa}
}

func duration(p *time.Duration) value {
	return scalar[time.Duration]{field: p, parse: ParseDuration, format: FormatDuration}
}

// window is a duration, or all.
func window(p *time.Duration) value {
	parse := func(s string) (time.Duration, error) {
		if strings.EqualFold(s, "all") {
			return WindowAll, nil
		}
		return ParseDuration(s)
	}
	format := func(d time.Duration) string {
		if d == WindowAll {
			return "all"
		}
		return FormatDuration(d)
	}
	return scalar[time.Duration]{field: p, parse: parse, format: format}
}

func size(p *int64) value {
	return scalar[int64]{field: p, parse: parseSize, format: FormatSize}
}

func bitrate(p *int) value {
	return scalar[int]{field: p, parse: ParseRate, format: FormatRate}
}

func level(p *slog.Level) value {
	format := func(l slog.Level) string { return strings.ToLower(l.String()) }
	return scalar[slog.Level]{field: p, parse: parseLevel, format: format}
}

// words reads a list of words; none is the text of the empty one.
func words(p *[]string, none string) value {
	keep := func(s string) (string, error) { return strings.ToLower(s), nil }
	return list[string]{field: p, parse: keep, format: strings.Clone, none: none}
}

// names reads a list of words whose case matters.
func names(p *[]string) value {
	keep := func(s string) (string, error) { return s, nil }
	return list[string]{field: p, parse: keep, format: strings.Clone}
}

func ips(p *[]netip.Addr) value {
	return list[netip.Addr]{field: p, parse: parseIP, format: netip.Addr.String}
}

func prefixes(p *[]netip.Prefix) value {
	return list[netip.Prefix]{field: p, parse: parsePrefix, format: netip.Prefix.String}
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true", "on", "yes", "1":
		return true, nil
	case "false", "off", "no", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

func parseNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

func parseIP(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return ip, fmt.Errorf("%q is not an IP address such as 203.0.113.7", s)
	}
	return ip, nil
}

// parsePrefix reads 10.0.0.0/8, or an address, which is the prefix of nothing else.
func parsePrefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return prefix, fmt.Errorf("%q is not a prefix such as 10.0.0.0/8, nor an IP address", s)
	}
	return prefix.Masked(), nil
}

func parseLevel(s string) (slog.Level, error) {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(s, l.String()) {
			return l, nil
		}
	}
	return 0, fmt.Errorf("%q is none of debug, info, warn, error", s)
}
