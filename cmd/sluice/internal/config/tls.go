package config

import (
	"net/url"
	"strings"
)

// TLS says where the certificate of HTTPS comes from: a pair of PEM
// files, one that sluice makes and keeps in the data directory, or an authority.
type TLS struct {
	Cert, Key  string
	SelfSigned bool
	ACME       ACME
}

// ACME says for which names a certificate is had from an authority.
type ACME struct {
	Domains   []string // empty: none is
	Email     string
	Directory string // URL; empty: Let's Encrypt
}

// given reports whether there is a certificate.
func (t TLS) given() bool { return t.Cert != "" || t.SelfSigned || len(t.ACME.Domains) > 0 }

// ServesTLS reports whether anything needs the certificate: HTTPS, or RTMPS, which a relay does not receive.
func (c Config) ServesTLS() bool {
	return c.HTTPS.Listen != "" || c.RTMP.TLSListen != "" && !c.IsRelay()
}

// check wants a certificate to be of use: by ACME it is had over HTTPS.
func (t TLS) check(check *checker, https, used bool) {
	check.want((t.Cert == "") == (t.Key == ""), "tls.cert", "goes together with tls.key: set both or none")
	check.want(t.Cert == "" || !t.SelfSigned, "tls.self-signed", "is for when there is no tls.cert: set one of them")
	check.want(used || t.Cert == "", "tls.cert", "is not used while https.listen and rtmp.tls-listen are empty")
	check.want(used || !t.SelfSigned, "tls.self-signed", "is not used while https.listen and rtmp.tls-listen are empty")
	domains := len(t.ACME.Domains) > 0
	check.want(https || !domains, "tls.acme-domain", "is not used while https.listen is empty")
	check.want(!domains || t.Cert == "" && !t.SelfSigned, "tls.acme-domain", "is for when there is no other certificate: set it, or tls.cert, or tls.self-signed")
	for _, domain := range t.ACME.Domains {
		check.want(isOrigin("https://"+domain) && !strings.ContainsAny(domain, "*:") && strings.Contains(domain, "."), "tls.acme-domain", "%q is not a public name such as tv.example.org", domain)
	}
	check.want(domains || t.ACME.Email == "" && t.ACME.Directory == "", "tls.acme-domain", "is what tls.acme-email and tls.acme-directory are for: set it, or none of them")
	check.want(t.ACME.Email == "" || strings.Count(strings.Trim(t.ACME.Email, "@"), "@") == 1, "tls.acme-email", "%q is not an address such as ann@example.org", t.ACME.Email)
	directory, err := url.Parse(t.ACME.Directory)
	check.want(t.ACME.Directory == "" || err == nil && (directory.Scheme == "https" || directory.Scheme == "http") && directory.Host != "", "tls.acme-directory", "%q is not a URL such as https://ca.example.org/acme/directory", t.ACME.Directory)
}
