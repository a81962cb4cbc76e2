// Package acme has a certificate from an authority such as Let's Encrypt, proves to it whose names they are, and renews it in time. It keeps
// account, key and certificate in a directory.
//
// It follows RFC 8555 by golang.org/x/crypto/acme, and RFC 8737 (TLS-ALPN-01). It starts no goroutine; Run is for one of the caller's.
package acme

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
)

const (
	obtainWithin  = 5 * time.Minute
	answerWithin  = 30 * time.Second
	firstPause    = time.Minute   // after a failure; it doubles
	longestPause  = 6 * time.Hour // authorities refuse who asks more often
	lookEach      = time.Hour     // whether it is time to renew
	challengePath = "/.well-known/acme-challenge/"

	accountFile     = "acme-account.pem"
	certificateFile = "acme.pem" // whose it is, the private key, then the chain
)

// Protocol is what a handshake of TLS-ALPN-01 is known by; it has to be among the protocols of the server.
const Protocol = acme.ALPNProto

// Options says what is had, from whom, and who takes it.
type Options struct {
	Domains   []string // one at least
	Email     string   // the authority may write to it; empty: it may not
	Directory string   // URL of the authority's; empty: Let's Encrypt
	Keep      string   // directory that account and certificate are kept in
	// Use takes each certificate, that which is kept too. It is called by Run.
	Use    func(tls.Certificate)
	Logger *slog.Logger
}

// Authority obtains the certificate. It may be used by many at once, but for Run.
type Authority struct {
	options Options
	client  *acme.Client
	tries   int // which way of proof is next

	mu     sync.Mutex
	tokens map[string]string           // paths of HTTP-01, and what they answer
	proofs map[string]*tls.Certificate // of TLS-ALPN-01, by domain
}

// New reads the account that is kept, or makes one. Its errors say what the operator can do.
func New(o Options) (*Authority, error) {
	key, err := accountKey(o.Keep)
	if err != nil {
		return nil, fmt.Errorf("keep the account of tls.acme-domain: %w", err)
	}
	return &Authority{
		options: o, tokens: map[string]string{}, proofs: map[string]*tls.Certificate{},
		client: &acme.Client{Key: key, DirectoryURL: cmp.Or(o.Directory, acme.LetsEncryptURL), UserAgent: "sluice", HTTPClient: &http.Client{Timeout: answerWithin}},
	}, nil
}

// accountKey is that of the directory.
func accountKey(directory string) (crypto.Signer, error) {
	name := filepath.Join(directory, accountFile)
	content, err := os.ReadFile(name)
	if err == nil {
		block, _ := pem.Decode(content)
		if block == nil {
			return nil, fmt.Errorf("%s is broken: delete it to have a new account made", name)
		}
		return x509.ParseECPrivateKey(block.Bytes)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	key, encoded, err := newKey()
	if err != nil {
		return nil, err
	}
	return key, keep(name, encoded)
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), err
}

// keep writes a file that only this user reads, whole or not at all.
func keep(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil { // or an empty file could be all that is left when the power fails
		return err
	}
	return os.Rename(name+".new", name)
}

// Handler answers the authority where it asks by HTTP-01, and leaves all else to next.
func (a *Authority) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, challengePath) && r.Method == http.MethodGet {
			a.mu.Lock()
			answer, ok := a.tokens[r.URL.Path]
			a.mu.Unlock()
			if ok {
				w.Header().Set("Content-Type", "application/octet-stream")
				_, _ = w.Write([]byte(answer))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Proof is what a handshake of the authority by TLS-ALPN-01 is answered with; nil: it is none.
func (a *Authority) Proof(hello *tls.ClientHelloInfo) *tls.Certificate {
	if len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != Protocol {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.proofs[strings.ToLower(hello.ServerName)]
}

// Run has Use take the certificate that is kept, obtains one where there is none or it is time for another, and tries again after a failure, which it logs,
// until ctx ends.
func (a *Authority) Run(ctx context.Context) {
	pair, err := a.kept()
	if err == nil {
		a.options.Use(pair)
	} else if !errors.Is(err, os.ErrNotExist) {
		a.options.Logger.Warn("the kept certificate is not used, and another one is had", "error", err)
	}
	for pause := firstPause; ; {
		wait := lookEach
		if err != nil || due(pair.Leaf, time.Now()) {
			var obtained tls.Certificate
			if obtained, err = a.obtain(ctx); err == nil {
				pair, pause = obtained, firstPause
				a.options.Use(pair)
				a.options.Logger.Info("a certificate is had by ACME", "for", strings.Join(a.options.Domains, ", "), "until", pair.Leaf.NotAfter.Format(time.DateOnly))
			} else {
				if ctx.Err() != nil {
					return
				}
				a.options.Logger.Warn("no certificate is had by ACME: what was there before is served", "error", err, "again in", pause)
				wait, pause = pause, min(2*pause, longestPause)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// due reports whether less than a third of a certificate's life is left.
func due(leaf *x509.Certificate, now time.Time) bool {
	return leaf.NotAfter.Sub(now) < leaf.NotAfter.Sub(leaf.NotBefore)/3
}

// signature is the first line of the file that a certificate is kept in, before what is PEM: who it was had from.
func (a *Authority) signature() []byte { return []byte("Authority: " + a.client.DirectoryURL + "\n") }

// kept is the certificate of the directory, unless it is for other domains, or of another authority: nobody believes one that was had for a trial.
func (a *Authority) kept() (tls.Certificate, error) {
	content, err := os.ReadFile(filepath.Join(a.options.Keep, certificateFile))
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(content, content)
	if err != nil {
		return pair, err
	}
	if !bytes.HasPrefix(content, a.signature()) {
		return pair, errors.New("it is of another authority than tls.acme-directory is now")
	}
	for _, domain := range a.options.Domains {
		if err := pair.Leaf.VerifyHostname(domain); err != nil {
			return pair, err
		}
	}
	return pair, nil
}
