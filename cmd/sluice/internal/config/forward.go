package config

import (
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/forward"
)

// Forward is a target that live streams are pushed to.
type Forward struct {
	Streams string // name of a stream, or the beginning of names before a *; empty: all
	URL     Secret
	Token   Secret // bearer token of WHIP
	Name    string // that it is called by; empty: protocol and host
}

// ForwardTargets are the targets.
func (c Config) ForwardTargets() (targets []forward.Target) {
	for _, f := range c.Forward {
		targets = append(targets, f.target())
	}
	return targets
}

func (f Forward) target() forward.Target {
	return forward.Target{Streams: f.Streams, URL: string(f.URL), Token: string(f.Token), Title: f.Name}
}

func (c Config) checkForward(check *checker) {
	for i, t := range c.ForwardTargets() {
		err := t.Validate()
		check.want(err == nil, "forward", "target %d %v", i+1, err)
	}
	check.want(len(c.Forward) == 0 || !c.IsRelay(), "forward", "is not used by a relay, which has no streams: set it at the origin")
}

// forwards reads URLs and STREAM=URL; in YAML an item may be {url, streams, token, name}.
func forwards(p *[]Forward) value {
	return list[Forward]{field: p, parse: parseForward, format: formatForward, decode: decodeForward, encode: encodeForward}
}

// forwardPattern is what may be before a URL.
var forwardPattern = regexp.MustCompile(`^([A-Za-z0-9_-]*\*?)=(.*)$`)

func parseForward(s string) (f Forward, err error) {
	if parts := forwardPattern.FindStringSubmatch(s); parts != nil {
		f.Streams, s = parts[1], parts[2]
	}
	f.URL, err = parseSecret(s)
	return f, err
}

func formatForward(f Forward) string {
	if f.Streams == "" {
		return f.URL.String()
	}
	return f.Streams + "=" + f.URL.String()
}

func decodeForward(n *yaml.Node) (f Forward, err error) {
	fields, err := object(n, "url", "streams", "token", "name")
	if err != nil {
		return f, err
	}
	f.Streams, f.Name = fields["streams"], fields["name"]
	if f.Token, err = parseSecret(fields["token"]); err == nil {
		f.URL, err = parseSecret(fields["url"])
	}
	return f, err
}

func encodeForward(f Forward) *yaml.Node {
	if f.Name == "" && f.Token == "" {
		return stringNode(formatForward(f))
	}
	fields := []string{"url", f.URL.String()}
	for _, field := range [][2]string{{"streams", f.Streams}, {"token", f.Token.String()}, {"name", f.Name}} {
		if field[1] != "" {
			fields = append(fields, field[0], field[1])
		}
	}
	return flowObject(fields...)
}
