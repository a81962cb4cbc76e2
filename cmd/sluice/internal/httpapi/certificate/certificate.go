// Package certificate loads the certificate of HTTPS: from the files that the operator gives, or one that it makes itself and
// keeps. It knows what this machine is called from the network, and nothing of listeners.
//
// It follows RFC 5280 and what browsers ask of certificates beyond that, and starts no goroutine.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	validFor    = 397 * 24 * time.Hour // browsers refuse certificates that last longer
	renewWithin = 30 * 24 * time.Hour
)

// Source says where a certificate comes from: a pair of PEM files, or a directory.
type Source struct {
	Cert, Key string // files of the certificate chain and of its private key
	Directory string // where a self-signed certificate is kept; unless "", the files are not looked at
}

// Load reads the certificate, or makes it. Its errors say what the operator can do.
func (s Source) Load() (tls.Certificate, error) {
	if s.Directory != "" {
		return SelfSigned(s.Directory)
	}
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return pair, fmt.Errorf("read tls.cert and tls.key: %w", err)
	}
	return pair, nil
}

// SelfSigned returns the certificate kept in a directory. It makes a new one when there is none, the kept one expires within 30
// days, or this machine has an address that it does not name. A kept certificate needs to be accepted in a browser only once.
func SelfSigned(directory string) (tls.Certificate, error) {
	certFile, keyFile := filepath.Join(directory, "self-signed.crt"), filepath.Join(directory, "self-signed.key")
	names, addresses := OwnNames()
	kept, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch {
	case err == nil && covers(kept.Leaf, addresses):
		return kept, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return tls.Certificate{}, fmt.Errorf("read the kept certificate: %w; delete %s and %s to have new ones made", err, certFile, keyFile)
	}
	certPEM, keyPEM, err := generate(names, addresses)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := errors.Join(os.MkdirAll(directory, 0o700), os.WriteFile(keyFile, keyPEM, 0o600), os.WriteFile(certFile, certPEM, 0o640)); err != nil {
		return tls.Certificate{}, fmt.Errorf("keep the self-signed certificate: %w", err)
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

func covers(leaf *x509.Certificate, addresses []net.IP) bool {
	if time.Until(leaf.NotAfter) < renewWithin {
		return false
	}
	for _, address := range addresses {
		if leaf.VerifyHostname(address.String()) != nil {
			return false
		}
	}
	return true
}

func generate(names []string, addresses []net.IP) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("make a serial number: %w", err)
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Sluice on " + names[0]},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(validFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              names, IPAddresses: addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign the certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// ownNames lists what this machine is called from the network; the first name always exists.
func OwnNames() (names []string, addresses []net.IP) {
	names = []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "localhost" {
		names = append([]string{host}, names...)
	}
	interfaces, _ := net.InterfaceAddrs()
	for _, address := range interfaces {
		if network, ok := address.(*net.IPNet); ok && !network.IP.IsLinkLocalUnicast() {
			addresses = append(addresses, network.IP)
		}
	}
	return names, addresses
}
