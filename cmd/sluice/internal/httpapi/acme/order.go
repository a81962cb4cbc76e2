package acme

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/acme"
)

// obtain has a certificate for all domains from the authority, and keeps it (RFC 8555 §7.4).
func (a *Authority) obtain(ctx context.Context) (pair tls.Certificate, err error) {
	ctx, cancel := context.WithTimeout(ctx, obtainWithin)
	defer cancel()
	a.tries++
	account := &acme.Account{}
	if a.options.Email != "" {
		account.Contact = []string{"mailto:" + a.options.Email}
	}
	if _, err := a.client.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return pair, fmt.Errorf("make an account at %s: %w", a.client.DirectoryURL, err)
	}
	order, err := a.client.AuthorizeOrder(ctx, acme.DomainIDs(a.options.Domains...))
	if err != nil {
		return pair, fmt.Errorf("order a certificate: %w", err)
	}
	for _, url := range order.AuthzURLs {
		if err := a.prove(ctx, url); err != nil {
			return pair, err
		}
	}
	if order, err = a.client.WaitOrder(ctx, order.URI); err != nil {
		return pair, fmt.Errorf("wait for the order: %w", err)
	}
	key, encoded, err := newKey()
	if err != nil {
		return pair, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: a.options.Domains}, key)
	if err != nil {
		return pair, err
	}
	chain, _, err := a.client.CreateOrderCert(ctx, order.FinalizeURL, request, true)
	if err != nil {
		return pair, fmt.Errorf("fetch the certificate: %w", err)
	}
	for _, der := range chain {
		encoded = append(encoded, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if pair, err = tls.X509KeyPair(encoded, encoded); err != nil {
		return pair, fmt.Errorf("read what the authority has sent: %w", err)
	}
	if err := keep(filepath.Join(a.options.Keep, certificateFile), append(a.signature(), encoded...)); err != nil {
		a.options.Logger.Warn("the certificate is not kept, and asked for again at the next start", "error", err)
	}
	return pair, nil
}

// prove shows the authority that a domain is ours, by the ways of proof in turn: the first that fails ends the order, and the next order goes
// the other way.
func (a *Authority) prove(ctx context.Context, url string) error {
	authorization, err := a.client.GetAuthorization(ctx, url)
	if err != nil {
		return fmt.Errorf("ask how a domain is to be proved: %w", err)
	}
	if authorization.Status == acme.StatusValid {
		return nil
	}
	domain := authorization.Identifier.Value
	challenge := a.choose(authorization.Challenges)
	if challenge == nil {
		return fmt.Errorf("prove that %s is this machine: the authority takes neither HTTP-01 nor TLS-ALPN-01", domain)
	}
	withdraw, err := a.present(challenge, domain)
	if err != nil {
		return err
	}
	defer withdraw()
	if _, err := a.client.Accept(ctx, challenge); err != nil {
		return fmt.Errorf("prove that %s is this machine by %s: %w", domain, challenge.Type, err)
	}
	if _, err := a.client.WaitAuthorization(ctx, url); err != nil {
		return fmt.Errorf("prove that %s is this machine by %s: %w: %s", domain, challenge.Type, err, hints[challenge.Type])
	}
	return nil
}

const byHTTP, byTLS = "http-01", "tls-alpn-01"

// hints say what to do when the authority could not reach us.
var hints = map[string]string{
	byHTTP: "its name has to lead here, and port 80 to http.listen",
	byTLS:  "its name has to lead here, and port 443 to https.listen",
}

// choose takes TLS-ALPN-01 first, then HTTP-01, and so on, of what there is; nil: neither.
func (a *Authority) choose(challenges []*acme.Challenge) *acme.Challenge {
	ways := []string{byTLS, byHTTP}
	for i := range ways {
		for _, challenge := range challenges {
			if challenge.Type == ways[(a.tries+1+i)%len(ways)] {
				return challenge
			}
		}
	}
	return nil
}

// present lets the authority find the proof, until withdraw is called.
func (a *Authority) present(challenge *acme.Challenge, domain string) (withdraw func(), err error) {
	if challenge.Type == byHTTP {
		answer, err := a.client.HTTP01ChallengeResponse(challenge.Token)
		if err != nil {
			return nil, err
		}
		return show(a, a.tokens, a.client.HTTP01ChallengePath(challenge.Token), answer), nil
	}
	proof, err := a.client.TLSALPN01ChallengeCert(challenge.Token, domain)
	if err != nil {
		return nil, err
	}
	return show(a, a.proofs, strings.ToLower(domain), &proof), nil
}

// show puts something into one of the tables that are asked.
func show[T any](a *Authority, table map[string]T, name string, value T) (withdraw func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	table[name] = value
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(table, name)
	}
}
