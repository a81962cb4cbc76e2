package main

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
	selfSignedFor   = 397 * 24 * time.Hour // browsers refuse certificates that last longer
	selfSignedRenew = 30 * 24 * time.Hour
)

// selfSigned gives the certificate kept in a directory, and makes one when there is none, it nears its end, or this
// machine has an address that it does not name. A kept certificate is accepted in a browser once and for all.
func selfSigned(directory string) (tls.Certificate, error) {
	certFile, keyFile := filepath.Join(directory, "self-signed.crt"), filepath.Join(directory, "self-signed.key")
	names, addresses := ownNames()
	kept, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch {
	case err == nil && covers(kept.Leaf, addresses):
		return kept, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return tls.Certificate{}, fmt.Errorf("read the kept certificate: %w; delete %s and %s to have new ones made", err, certFile, keyFile)
	}
	certPEM, keyPEM, err := makeCertificate(names, addresses)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := errors.Join(os.MkdirAll(directory, 0o700), os.WriteFile(keyFile, keyPEM, 0o600), os.WriteFile(certFile, certPEM, 0o644)); err != nil {
		return tls.Certificate{}, fmt.Errorf("keep the self-signed certificate: %w", err)
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

func covers(leaf *x509.Certificate, addresses []net.IP) bool {
	if time.Until(leaf.NotAfter) < selfSignedRenew {
		return false
	}
	for _, address := range addresses {
		if leaf.VerifyHostname(address.String()) != nil {
			return false
		}
	}
	return true
}

func makeCertificate(names []string, addresses []net.IP) (certPEM, keyPEM []byte, err error) {
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
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(selfSignedFor),
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
func ownNames() (names []string, addresses []net.IP) {
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
