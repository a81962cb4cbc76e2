package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSelfSigned(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "tls")
	made, err := SelfSigned(directory)
	require.NoError(t, err)
	require.NoError(t, made.Leaf.VerifyHostname("localhost"))
	require.NoError(t, made.Leaf.VerifyHostname("127.0.0.1"))
	require.WithinRange(t, made.Leaf.NotAfter, time.Now().Add(renewWithin), time.Now().Add(398*24*time.Hour))
	require.WithinRange(t, time.Now(), made.Leaf.NotBefore, made.Leaf.NotAfter)
	roots := x509.NewCertPool()
	roots.AddCert(made.Leaf)
	_, err = made.Leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots})
	require.NoError(t, err)

	info, err := os.Stat(filepath.Join(directory, "self-signed.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "the key is for nobody else")

	kept, err := SelfSigned(directory)
	require.NoError(t, err)
	require.Equal(t, made.Certificate, kept.Certificate, "a browser that has accepted it must meet it again")
}

func TestSelfSignedRenews(t *testing.T) {
	directory := t.TempDir()
	_, addresses := OwnNames()
	for name, foreign := range map[string][]net.IP{"another machine's": {net.IPv4(203, 0, 113, 7)}, "no addresses": nil} {
		certPEM, keyPEM, err := generate([]string{"localhost"}, foreign)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(directory, "self-signed.crt"), certPEM, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(directory, "self-signed.key"), keyPEM, 0o600))
		renewed, err := SelfSigned(directory)
		require.NoError(t, err, name)
		require.True(t, covers(renewed.Leaf, addresses), name)
	}
}

func TestCovers(t *testing.T) {
	certPEM, keyPEM, err := generate([]string{"host", "localhost"}, []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")})
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	old := *pair.Leaf
	old.NotAfter = time.Now().Add(renewWithin - time.Hour)
	for name, tc := range map[string]struct {
		leaf      *x509.Certificate
		addresses []string
		want      bool
	}{
		"all":        {pair.Leaf, []string{"192.0.2.1", "2001:db8::1"}, true},
		"fewer":      {pair.Leaf, []string{"192.0.2.1"}, true},
		"none":       {pair.Leaf, nil, true},
		"one more":   {pair.Leaf, []string{"192.0.2.1", "192.0.2.2"}, false},
		"near death": {&old, []string{"192.0.2.1"}, false},
	} {
		var addresses []net.IP
		for _, a := range tc.addresses {
			addresses = append(addresses, net.ParseIP(a))
		}
		require.Equal(t, tc.want, covers(tc.leaf, addresses), name)
	}
}

// What cannot be read is not overwritten: it may be the certificate that all browsers have accepted.
func TestSelfSignedBroken(t *testing.T) {
	directory := t.TempDir()
	_, err := SelfSigned(directory)
	require.NoError(t, err)
	file := filepath.Join(directory, "self-signed.key")
	require.NoError(t, os.WriteFile(file, []byte("broken"), 0o600))
	_, err = SelfSigned(directory)
	require.ErrorContains(t, err, "delete")
	require.ErrorContains(t, err, file)
}
