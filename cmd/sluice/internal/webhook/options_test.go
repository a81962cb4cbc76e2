package webhook

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	good := Target{URL: onlyURL, Secret: secret}
	for name, tc := range map[string]struct {
		targets []Target
		want    string // "": nothing is wrong
	}{
		"none":           {nil, ""},
		"good":           {[]Target{good, {URL: "http://127.0.0.1:9/x", Secret: secret, Events: []string{"stream.*", "disk.failed", "*"}}}, ""},
		"no URL":         {[]Target{{Secret: secret}}, "a URL is not one such as https://example.org/hooks"},
		"other scheme":   {[]Target{{URL: "ftp://x/hush-hush", Secret: secret}}, "a URL is not one such as"},
		"password":       {[]Target{{URL: "https://me:hush-hush@example.org", Secret: secret}}, "the URL of example.org has a user in it"},
		"twice":          {[]Target{good, good}, "one.example.org is there twice: list all its events in one entry"},
		"no secret":      {[]Target{{URL: onlyURL}}, "one.example.org needs a secret, its own or that of all: whsec_ and what “openssl rand -base64 32” prints"},
		"short secret":   {[]Target{{URL: onlyURL, Secret: "hush-hush"}}, "the secret of one.example.org is not whsec_ and base64"},
		"bad base64":     {[]Target{{URL: onlyURL, Secret: "whsec_hush-hush"}}, "the secret of one.example.org has no base64 of 24 to 64 bytes behind whsec_"},
		"no such event":  {[]Target{{URL: onlyURL, Secret: secret, Events: []string{"stream.begun"}}}, `"stream.begun" is no event, nor the beginning of some before a *: events are stream.started, `},
		"no such prefix": {[]Target{{URL: onlyURL, Secret: secret, Events: []string{"streams.*"}}}, `"streams.*" is no event`},
		"too many":       {make([]Target, maxTargets+1), "33 targets are more than 32"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Validate(tc.targets)
			_, made := New(Options{Targets: tc.targets, Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
			require.Equal(t, err, made)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "hush-hush")
		})
	}
}
