package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCluster(t *testing.T) {
	secret := "--cluster-secret=" + strings.Repeat("s", 32)
	const etcd, node, at = "--cluster-etcd=http://10.0.0.1:2379,https://etcd-2:2379", "--cluster-node=n1", "--cluster-url=http://10.0.0.1:8080"
	join := func(args ...string) string { return strings.Join(args, " ") }
	for args, want := range map[string]string{
		"":                           "",
		join(etcd, node, at, secret): "",
		join(etcd, "--cluster-node=sluice-0", "--cluster-url=https://sluice-0.sluice/", secret): "",
		join(etcd, node, at):                                                       "a secret of 0 bytes: it needs 32",
		join(etcd, node, at, "--cluster-secret=short"):                             "a secret of 5 bytes: it needs 32",
		join(etcd, at, secret):                                                     `"" is not`,
		join(etcd, "--cluster-node=a.b", at, secret):                               `"a.b" is not`,
		join(etcd, "--cluster-node=-a", at, secret):                                `"-a" is not`,
		join(etcd, "--cluster-node="+strings.Repeat("n", 33), at, secret):          "is not 1 to 32 small letters",
		join(etcd, node, secret):                                                   `cluster.url: "" is not a URL`,
		join(etcd, node, "--cluster-url=http://10.0.0.1:8080/media", secret):       "without a path",
		join(etcd, node, "--cluster-url=http://a:b@10.0.0.1", secret):              "is not a URL",
		join("--cluster-etcd=10.0.0.1:2379", node, at, secret):                     `"10.0.0.1:2379" is not a URL`,
		join(etcd, node, at, secret, "--relay-origin=http://origin.example.org:1"): "is not used by a relay",
		join(etcd, node, at, secret, "--cluster-etcd-ca=ca.pem", "--cluster-etcd-cert=cert.pem", "--cluster-etcd-key=key.pem", "--cluster-ca=nodes.pem"): "",
		join(etcd, node, at, secret, "--cluster-etcd-cert=cert.pem"):                                                                                     "goes together with cluster.etcd-key",
		join(etcd, node, at, secret, "--cluster-etcd-key=key.pem"):                                                                                       "goes together with cluster.etcd-key",
		join("--cluster-etcd=http://10.0.0.1:2379", node, at, secret, "--cluster-etcd-ca=ca.pem"):                                                        "is not used while no URL",
		"--cluster-ca=nodes.pem": "is not used while cluster.etcd is empty",
		node:                     "is not used while cluster.etcd is empty",
		at:                       "is not used while cluster.etcd is empty",
		secret:                   "is not used while cluster.etcd is empty",
	} {
		cfg, err := load(strings.Fields(args), nil)
		if want != "" {
			require.ErrorContains(t, err, want, args)
			continue
		}
		require.NoError(t, err, args)
		require.Equal(t, args != "", cfg.IsNode())
	}
	l, err := parse([]string{etcd, node, at, secret}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"http://10.0.0.1:2379", "https://etcd-2:2379"}, l.Cluster.Etcd)
	require.NotContains(t, l.YAML(), "ssss")
	require.Contains(t, l.Secrets(), strings.Repeat("s", 32))
	require.Equal(t, Secret(strings.Repeat("s", 32)), l.CommonSecret())
	l.Relay.Secret = "another"
	require.Equal(t, Secret("another"), l.CommonSecret())
}
