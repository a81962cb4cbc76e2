package etcdtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority is one of a test's own, with a certificate of 127.0.0.1 and localhost that servers and clients may show. All are PEM files.
type Authority struct{ CA, Cert, Key string }

// NewAuthority makes one, whose files are there until the end of the test.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{file(t, "ca.pem"), "", ""}
	a.Cert, a.Key = filepath.Join(filepath.Dir(a.CA), "cert.pem"), filepath.Join(filepath.Dir(a.CA), "key.pem")
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority of a test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "a node"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signed, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	require.NoError(t, err)
	write(t, a.CA, "CERTIFICATE", signed)
	signed, err = x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, rootKey)
	require.NoError(t, err)
	write(t, a.Cert, "CERTIFICATE", signed)
	secret, err := x509.MarshalPKCS8PrivateKey(leafKey)
	require.NoError(t, err)
	write(t, a.Key, "PRIVATE KEY", secret)
	return a
}

// Client is how a client speaks to servers of the authority.
func (a *Authority) Client(t testing.TB) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(a.CA)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	own, err := tls.LoadX509KeyPair(a.Cert, a.Key)
	require.NoError(t, err)
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}
}

func file(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(t.TempDir(), name)
}

func write(t testing.TB, name, kind string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
}
