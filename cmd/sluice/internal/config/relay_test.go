package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRelay(t *testing.T) {
	secret := "--relay-secret=" + strings.Repeat("s", 32)
	for args, want := range map[string]string{
		"--relay-origin=https://origin.example.org":                                                            "",
		"--relay-origin=http://10.0.0.1:8080/media/ --http-listen=:8080":                                       "",
		"--relay-origin=http://127.0.0.1:8081":                                                                 "",
		"--relay-origin=http://127.0.0.1:8081/media?":                                                          "",
		"--relay-origin=http://origin.example.org:8080":                                                        "",
		"--relay-cache=1GiB " + secret:                                                                         "",
		"--relay-origin=https://origin.example.org --auth-play=a-viewer " + secret:                             "",
		"--relay-origin=https://origin.example.org --auth-publish=publisher":                                   "",
		"--relay-origin=origin.example.org":                                                                    "it is not a URL",
		"--relay-origin=ftp://origin.example.org":                                                              "it is not a URL",
		"--relay-origin=https://origin.example.org?a=b":                                                        "it is not a URL",
		"--relay-origin=https://user:pass@origin.example.org":                                                  "it is not a URL",
		"--relay-origin=http://127.0.0.1:8080":                                                                 "is this relay itself",
		"--relay-origin=http://localhost:8080/media":                                                           "is this relay itself",
		"--relay-origin=http://[::1]:80 --http-listen=:80":                                                     "is this relay itself",
		"--relay-origin=http://tv.example.org --http-listen=tv.example.org:80":                                 "is this relay itself",
		"--relay-origin=https://127.0.0.1 --https-listen=127.0.0.1:443 --tls-self-signed":                      "is this relay itself",
		"--relay-cache=1MiB":                                                                                   "is not between",
		"--relay-secret=short":                                                                                 "a secret of 5 bytes: it needs 32",
		"--relay-origin=https://origin.example.org --auth-play=a-viewer":                                       "is needed where it takes",
		"--relay-origin=https://origin.example.org --auth-callback=https://a.example --auth-publish=publisher": "is needed where it takes",
	} {
		cfg, err := load(strings.Fields(args), nil)
		if want == "" {
			require.NoError(t, err, args)
			require.Equal(t, strings.Contains(args, "origin"), cfg.IsRelay())
			if origin, ok := cfg.RelayURL(); ok {
				require.NotContains(t, origin.String(), "?", "a path is put behind it")
			}
		} else {
			require.ErrorContains(t, err, want, args)
		}
	}
	l, err := parse([]string{secret}, nil)
	require.NoError(t, err)
	require.NotContains(t, l.YAML(), "ssss")
	require.Contains(t, l.Secrets(), strings.Repeat("s", 32))
}
