package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/transcode"
)

// renditions reads a ladder: auto, 720p=1280x720@30:2500k,… or in YAML a list of
// {name, width, height, fps, bitrate, codec}.
func renditions(p *transcode.Ladder) value {
	return list[transcode.Rendition]{field: (*[]transcode.Rendition)(p), parse: parseRendition, format: formatRendition, decode: decodeRendition, encode: encodeRendition, none: "auto"}
}

// parseRendition reads 720p=1280x720@30:2500k, and 720p-av1=1280x720@30:1500k:av1.
func parseRendition(s string) (transcode.Rendition, error) {
	name, shape, ok := strings.Cut(s, "=")
	shape, rate, ok2 := strings.Cut(shape, ":")
	rate, codec, _ := strings.Cut(rate, ":")
	shape, fps, ok3 := strings.Cut(shape, "@")
	width, height, ok4 := strings.Cut(shape, "x")
	if !(ok && ok2 && ok3 && ok4) {
		return transcode.Rendition{}, fmt.Errorf("%q is not a rendition such as 720p=1280x720@30:2500k or 720p-av1=1280x720@30:1500k:av1", s)
	}
	return newRendition(map[string]string{"name": name, "width": width, "height": height, "fps": fps, "bitrate": rate, "codec": codec})
}

// newRendition makes a rendition of its fields as text, of which the codec may be left out.
func newRendition(f map[string]string) (transcode.Rendition, error) {
	var faults []error
	whole := func(field string) int {
		n, err := parseNumber(f[field])
		if err != nil {
			faults = append(faults, fmt.Errorf("%s of rendition %q: %w", field, f["name"], err))
		}
		return n
	}
	r := transcode.Rendition{Name: f["name"], Width: whole("width"), Height: whole("height"), FPS: whole("fps")}
	var err error
	if r.Bitrate, err = ParseRate(f["bitrate"]); err != nil {
		faults = append(faults, fmt.Errorf("bitrate of rendition %q: %w", r.Name, err))
	}
	if f["codec"] != h264 {
		r.Codec = transcode.Codec(f["codec"])
	}
	return r, errors.Join(faults...)
}

// h264 is how the codec that renditions have as a rule may be written.
const h264 = "h264"

func formatRendition(r transcode.Rendition) string {
	s := fmt.Sprintf("%s=%dx%d@%d:%s", r.Name, r.Width, r.Height, r.FPS, FormatRate(r.Bitrate))
	if r.Codec != transcode.H264 {
		s += ":" + string(r.Codec)
	}
	return s
}

func decodeRendition(n *yaml.Node) (transcode.Rendition, error) {
	f, err := object(n, "name", "width", "height", "fps", "bitrate", "codec")
	if err != nil {
		return transcode.Rendition{}, err
	}
	return newRendition(f)
}

func encodeRendition(r transcode.Rendition) *yaml.Node {
	fields := []string{"name", r.Name, "width", strconv.Itoa(r.Width), "height", strconv.Itoa(r.Height),
		"fps", strconv.Itoa(r.FPS), "bitrate", FormatRate(r.Bitrate)}
	if r.Codec != transcode.H264 {
		fields = append(fields, "codec", string(r.Codec))
	}
	return flowObject(fields...)
}

// iceServers reads URLs; in YAML an item may be {url, username, credential} or {url, secret}.
func iceServers(p *[]ICEServer) value {
	return list[ICEServer]{field: p, parse: parseICEServer, format: formatICEServer, decode: decodeICEServer, encode: encodeICEServer}
}

func parseICEServer(s string) (ICEServer, error) { return ICEServer{URL: s}, nil }

func formatICEServer(s ICEServer) string { return s.URL }

func decodeICEServer(n *yaml.Node) (ICEServer, error) {
	f, err := object(n, "url", "username", "credential", "secret")
	if err != nil {
		return ICEServer{}, err
	}
	credential, err := parseSecret(f["credential"])
	if err != nil {
		return ICEServer{}, err
	}
	secret, err := parseSecret(f["secret"])
	return ICEServer{URL: f["url"], Username: f["username"], Credential: credential, Secret: secret}, err
}

func encodeICEServer(s ICEServer) *yaml.Node {
	switch {
	case s.Secret != "":
		return flowObject("url", s.URL, "secret", s.Secret.String())
	case s.Username == "" && s.Credential == "":
		return stringNode(s.URL)
	}
	return flowObject("url", s.URL, "username", s.Username, "credential", s.Credential.String())
}

// streamKeys reads KEY and STREAM=KEY.
func streamKeys(p *[]StreamKey) value {
	return list[StreamKey]{field: p, parse: parseStreamKey, format: formatStreamKey}
}

// parseStreamKey reads KEY or STREAM=KEY. The = signs that end a base64 key
// are part of the key.
func parseStreamKey(s string) (StreamKey, error) {
	stream, key, ok := strings.Cut(s, "=")
	if !ok || strings.Trim(key, "=") == "" {
		stream, key = "", s
	}
	secret, err := parseSecret(key)
	return StreamKey{Stream: stream, Key: secret}, err
}

func formatStreamKey(k StreamKey) string {
	if k.Stream == "" {
		return k.Key.String()
	}
	return k.Stream + "=" + k.Key.String()
}

func secrets(p *[]Secret) value {
	return list[Secret]{field: p, parse: parseSecret, format: Secret.String}
}

func secret(p *Secret) value {
	return scalar[Secret]{field: p, parse: parseSecret, format: Secret.String}
}

// parseSecret refuses the mask that --print-config puts for a secret, so
// that its output, fed back as it is, cannot make the mask the key.
func parseSecret(s string) (Secret, error) {
	if s == masked {
		return "", errors.New("*** is how a key is shown: write the key itself")
	}
	return Secret(s), nil
}

// object returns the fields of a YAML mapping of single values; a field that
// is missing is empty.
func object(n *yaml.Node, names ...string) (map[string]string, error) {
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("takes a mapping with %s", strings.Join(names, ", "))
	}
	fields := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, v := n.Content[i].Value, resolve(n.Content[i+1])
		if !slices.Contains(names, name) || v.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%q does not belong here: the fields are %s, each a single value", name, strings.Join(names, ", "))
		}
		fields[name] = v.Value
	}
	return fields, nil
}

// flowObject is a YAML mapping on one line, of names and values in turn.
func flowObject(pairs ...string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for _, s := range pairs {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: s})
	}
	return n
}
