package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook"
)

const hookSecret = "hush-hush-of-more-than-24-bytes"

func TestWebhooks(t *testing.T) {
	one, two := webhook.Target{URL: "https://a.example.org/x", Secret: hookSecret}, webhook.Target{URL: "http://b.example.org", Secret: hookSecret}
	some, own := one, one
	some.Events = []string{"stream.*", "disk.failed"}
	own.Secret = "another secret of so many bytes"
	for name, tc := range map[string]struct {
		file          string
		args, environ []string
		want          []webhook.Target
	}{
		"flags":            {args: []string{"--webhooks=" + one.URL, "--webhooks=" + two.URL, "--webhooks-secret=" + hookSecret}, want: []webhook.Target{one, two}},
		"environment":      {environ: []string{"SLUICE_WEBHOOKS=" + one.URL + "," + two.URL, "SLUICE_WEBHOOKS_SECRET=" + hookSecret}, want: []webhook.Target{one, two}},
		"list in the file": {file: "webhooks: [{url: '" + one.URL + "', secret: " + hookSecret + ", events: ['Stream.*', disk.failed]}]", want: []webhook.Target{some}},
		"words":            {file: "webhooks: [{url: '" + one.URL + "', secret: " + hookSecret + ", events: 'stream.*, disk.failed'}]", want: []webhook.Target{some}},
		"a secret for all": {file: "webhooks: {targets: ['" + two.URL + "', {url: '" + one.URL + "', secret: " + own.Secret + "}], secret: " + hookSecret + "}", want: []webhook.Target{two, own}},
		"secret by a flag": {file: "webhooks: ['" + one.URL + "']", args: []string{"--webhooks-secret=" + hookSecret}, want: []webhook.Target{one}},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.file != "" {
				tc.args = append(tc.args, "--config="+writeConfig(t, tc.file))
			}
			l, err := parse(tc.args, tc.environ)
			require.NoError(t, err)
			require.Equal(t, tc.want, l.Webhook().Targets)
			require.Contains(t, l.Secrets(), hookSecret)
			require.NotContains(t, l.YAML(), "hush-hush")
			require.NotContains(t, l.YAML(), own.Secret)
			requireRoundTrip(t, l)
		})
	}
}

func TestWebhookFaults(t *testing.T) {
	for file, want := range map[string]string{
		"webhooks: ['https://a.example.org']":                                                    "a.example.org needs a secret",
		"webhooks: [{url: 'https://a.example.org', secret: short}]":                              "the secret of a.example.org is not",
		"webhooks: [{url: 'nowhere', secret: " + hookSecret + "}]":                               "a URL is not one such as",
		"webhooks: [{url: 'https://a.example.org', secret: " + hookSecret + ", events: [x.*]}]":  `"x.*" is no event`,
		"webhooks: [{url: 'https://a.example.org', secret: " + hookSecret + ", events: {a: b}}]": `"events" does not belong here`,
		"webhooks: [{uri: 'https://a.example.org'}]":                                             `"uri" does not belong here: the fields are url, secret, events`,
		"webhooks: [{url: 'https://a.example.org', secret: '***'}]":                              "write the key itself",
		"webhooks: [[a]]": "takes a mapping with url, secret, events",
	} {
		_, err := parse([]string{"--config=" + writeConfig(t, file)}, nil)
		require.ErrorContains(t, err, want, file)
		require.NotContains(t, err.Error(), "hush-hush")
	}
}
