package config

import (
	"cmp"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook"
)

// Webhooks are the servers that are told of events.
type Webhooks struct {
	Targets []Webhook
	Secret  Secret // of those that have none of their own
}

// Webhook is one of them.
type Webhook struct {
	URL    string
	Secret Secret
	Events []string // names, or beginnings of names before a *; none: all
}

// targets are the servers, each with its secret.
func (w Webhooks) targets() (targets []webhook.Target) {
	for _, t := range w.Targets {
		targets = append(targets, webhook.Target{URL: t.URL, Secret: string(cmp.Or(t.Secret, w.Secret)), Events: t.Events})
	}
	return targets
}

// secrets are those of all targets.
func (w Webhooks) secrets() (all []string) {
	for _, t := range w.targets() {
		all = append(all, t.Secret)
	}
	return append(all, string(w.Secret))
}

// webhooks reads URLs; in YAML an item may be {url, secret, events}.
func webhooks(p *[]Webhook) value {
	return list[Webhook]{field: p, parse: parseWebhook, format: formatWebhook, decode: decodeWebhook, encode: encodeWebhook}
}

func parseWebhook(s string) (Webhook, error) { return Webhook{URL: s}, nil }

func formatWebhook(w Webhook) string { return w.URL }

func decodeWebhook(n *yaml.Node) (w Webhook, err error) {
	single := *n
	if n.Kind == yaml.MappingNode {
		single.Content = nil
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, field := n.Content[i], resolve(n.Content[i+1])
			if name.Value != "events" || field.Kind == yaml.MappingNode {
				single.Content = append(single.Content, name, field)
			} else if err := words(&w.Events, "").setYAML(field); err != nil {
				return w, err
			}
		}
	}
	f, err := object(&single, "url", "secret", "events")
	if err != nil {
		return w, err
	}
	w.URL = f["url"]
	w.Secret, err = parseSecret(f["secret"])
	return w, err
}

func encodeWebhook(w Webhook) *yaml.Node {
	if w.Secret == "" && len(w.Events) == 0 {
		return stringNode(w.URL)
	}
	n := flowObject("url", w.URL)
	add := func(name string, field *yaml.Node) {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, field)
	}
	if w.Secret != "" {
		add("secret", stringNode(w.Secret.String()))
	}
	if len(w.Events) > 0 {
		events := words(&w.Events, "").yaml()
		events.Style = yaml.FlowStyle
		add("events", events)
	}
	return n
}
