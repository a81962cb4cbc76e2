package acme

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority is a small one of RFC 8555: it has one order at a time, and looks for proofs at the addresses of the test.
type authority struct {
	t            *testing.T
	server       *httptest.Server
	http, https  string   // addresses at which it looks
	ways         []string // that it offers
	key          *ecdsa.PrivateKey
	root         *x509.Certificate
	rootDER      []byte
	mu           sync.Mutex
	thumbprint   string
	contact      []string
	status, why  string // of the authorization
	proved       []string
	chain        []byte
	serial       int64
	domains      []string
	certificates int
}

func newAuthority(t *testing.T, ways ...string) *authority {
	t.Helper()
	a := &authority{t: t, ways: ways}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	a.rootDER, err = x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(t, err)
	a.root, err = x509.ParseCertificate(a.rootDER)
	require.NoError(t, err)
	a.server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(func() {
		a.server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return a
}

// payload decodes what a client has signed; whether it has signed rightly is the library's matter.
func (a *authority) payload(r *http.Request, into any) {
	var jws struct{ Protected, Payload string }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &jws)
	header, _ := base64.RawURLEncoding.DecodeString(jws.Protected)
	var protected struct {
		JWK *struct{ Crv, X, Y string } `json:"jwk"`
	}
	_ = json.Unmarshal(header, &protected)
	if k := protected.JWK; k != nil {
		sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":"EC","x":%q,"y":%q}`, k.Crv, k.X, k.Y))
		a.thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	content, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
	_ = json.Unmarshal(content, into)
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := func(path string) string { return a.server.URL + path }
	w.Header().Set("Replay-Nonce", fmt.Sprint("nonce", time.Now().UnixNano()))
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	order := func(status int) {
		state := map[string]string{"valid": "ready", "invalid": "invalid"}[a.status]
		if a.chain != nil {
			state = "valid"
		}
		w.Header().Set("Location", at("/order"))
		answer(status, map[string]any{"status": cmpOr(state, "pending"), "authorizations": []string{at("/authorization")}, "finalize": at("/finalize"), "certificate": at("/certificate"),
			"identifiers": []map[string]string{{"type": "dns", "value": a.domains[0]}}})
	}
	switch r.URL.Path {
	case "/directory":
		answer(200, map[string]any{"newNonce": at("/nonce"), "newAccount": at("/account"), "newOrder": at("/new"), "revokeCert": at("/x"), "keyChange": at("/x"), "meta": map[string]any{"termsOfService": at("/terms")}})
	case "/nonce":
	case "/account":
		var account struct{ Contact []string }
		a.payload(r, &account)
		a.contact = account.Contact
		w.Header().Set("Location", at("/account/1"))
		answer(201, map[string]string{"status": "valid"})
	case "/new":
		var wanted struct{ Identifiers []struct{ Value string } }
		a.payload(r, &wanted)
		a.domains, a.status, a.chain = []string{wanted.Identifiers[0].Value}, "pending", nil
		order(201)
	case "/order":
		order(200)
	case "/authorization", "/challenge/http-01", "/challenge/tls-alpn-01":
		var accepted map[string]any
		a.payload(r, &accepted)
		if way := filepath.Base(r.URL.Path); way != "authorization" && a.status == "pending" {
			a.judge(way)
			answer(200, map[string]string{"type": way, "url": at("/challenge/" + way), "token": "token", "status": "processing"})
			return
		}
		var challenges []map[string]any
		for _, way := range a.ways {
			c := map[string]any{"type": way, "url": at("/challenge/" + way), "token": "token", "status": a.status}
			if a.status == "invalid" {
				c["error"] = map[string]any{"type": "urn:ietf:params:acme:error:connection", "detail": a.why}
			}
			challenges = append(challenges, c)
		}
		answer(200, map[string]any{"status": a.status, "identifier": map[string]string{"type": "dns", "value": a.domains[0]}, "challenges": challenges})
	case "/finalize":
		var wanted struct{ CSR string }
		a.payload(r, &wanted)
		a.sign(wanted.CSR)
		order(200)
	case "/certificate":
		_, _ = w.Write(a.chain)
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// judge looks for the proof, as a client of the service (RFC 8555 §8.3, RFC 8737 §3).
func (a *authority) judge(way string) {
	want, got := "token."+a.thumbprint, ""
	a.status, a.why = "invalid", "nobody answers"
	if way == byHTTP {
		response, err := http.Get("http://" + a.http + "/.well-known/acme-challenge/token")
		if err != nil {
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		got = string(body)
	} else {
		connection, err := tls.Dial("tcp", a.https, &tls.Config{ServerName: a.domains[0], NextProtos: []string{Protocol}, InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer connection.Close()
		sum := sha256.Sum256([]byte(want))
		encoded, _ := asn1.Marshal(sum[:])
		for _, extension := range connection.ConnectionState().PeerCertificates[0].Extensions {
			if extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && extension.Critical && bytes.Equal(extension.Value, encoded) {
				got = want
			}
		}
	}
	if got != want {
		a.why = "that is no proof"
		return
	}
	a.status, a.proved = "valid", append(a.proved, way)
}

func (a *authority) sign(encoded string) {
	der, _ := base64.RawURLEncoding.DecodeString(encoded)
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return
	}
	a.certificates++
	a.serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(100 + a.serial), DNSNames: request.DNSNames, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leaf, _ := x509.CreateCertificate(rand.Reader, template, a.root, request.PublicKey, a.key)
	for _, der := range [][]byte{leaf, a.rootDER} {
		a.chain = append(a.chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
}

// client is the service's side: what it was given, and the two servers where the authority looks.
type client struct {
	*Authority
	used chan tls.Certificate
	log  *lines
}

type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// run obtains a certificate for tv.example.org into a directory until the test ends, or stop is called.
func run(t *testing.T, a *authority, directory string) (c *client, stop func()) {
	t.Helper()
	c = &client{used: make(chan tls.Certificate, 10), log: &lines{}}
	var err error
	c.Authority, err = New(Options{
		Domains: []string{"tv.example.org"}, Email: "ann@example.org", Directory: a.server.URL + "/directory", Keep: directory,
		Use: func(pair tls.Certificate) { c.used <- pair }, Logger: slog.New(slog.NewTextHandler(c.log, nil)),
	})
	require.NoError(t, err)
	plain := httptest.NewServer(c.Handler(http.NotFoundHandler()))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			secure := tls.Server(connection, &tls.Config{NextProtos: []string{"h2", Protocol}, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return c.Proof(hello), nil }})
			_ = secure.Handshake()
			_ = secure.Close()
		}
	}()
	a.mu.Lock()
	a.http, a.https = plain.Listener.Addr().String(), listener.Addr().String()
	a.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
		c.client.HTTPClient.CloseIdleConnections()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		plain.Close()
		listener.Close()
		<-served
	})
	t.Cleanup(stop)
	return c, stop
}

// A certificate is had by either way of proof, is kept, and is taken from there at the next start.
func TestCertificateIsHad(t *testing.T) {
	for _, way := range []string{byHTTP, byTLS} {
		t.Run(way, func(t *testing.T) {
			a, directory := newAuthority(t, "dns-01", way), filepath.Join(t.TempDir(), "tls")
			c, stop := run(t, a, directory)
			pair := <-c.used
			roots := x509.NewCertPool()
			roots.AddCert(a.root)
			_, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: "tv.example.org", Roots: roots})
			require.NoError(t, err)
			stop()
			require.Equal(t, []string{way}, a.proved)
			require.Equal(t, []string{"mailto:ann@example.org"}, a.contact)
			require.Empty(t, c.tokens)
			require.Empty(t, c.proofs)
			info, err := os.Stat(filepath.Join(directory, certificateFile))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

			again, stop := run(t, a, directory)
			require.Equal(t, pair.Certificate, (<-again.used).Certificate)
			stop()
			require.Equal(t, 1, a.certificates)
		})
	}
}

// What is kept is used until another one is had in its place, where it is about to end, for another name, or broken.
func TestCertificateIsRenewed(t *testing.T) {
	a, directory := newAuthority(t, byTLS), t.TempDir()
	old := func(domain string, since, left time.Duration) {
		key, encoded, err := newKey()
		require.NoError(t, err)
		template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{domain}, NotBefore: time.Now().Add(-since), NotAfter: time.Now().Add(left)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		require.NoError(t, err)
		require.NoError(t, keep(filepath.Join(directory, certificateFile), slices.Concat([]byte("Authority: "+a.server.URL+"/directory\n"), encoded, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))))
	}
	old("tv.example.org", 61*24*time.Hour, 29*24*time.Hour)
	c, stop := run(t, a, directory)
	require.EqualValues(t, 7, (<-c.used).Leaf.SerialNumber.Int64())
	require.EqualValues(t, 101, (<-c.used).Leaf.SerialNumber.Int64())
	stop()
	old("other.example.org", time.Hour, 90*24*time.Hour)
	c, stop = run(t, a, directory)
	require.EqualValues(t, 102, (<-c.used).Leaf.SerialNumber.Int64())
	stop()
	require.NoError(t, os.WriteFile(filepath.Join(directory, certificateFile), []byte("broken"), 0o600))
	c, _ = run(t, a, directory)
	require.EqualValues(t, 103, (<-c.used).Leaf.SerialNumber.Int64())
	require.Contains(t, c.log.String(), "the kept certificate is not used")
}

// Who has tried another authority first is not left with a certificate that nobody believes.
func TestCertificateOfAnotherAuthority(t *testing.T) {
	trial, real, directory := newAuthority(t, byTLS), newAuthority(t, byTLS), t.TempDir()
	c, stop := run(t, trial, directory)
	require.NoError(t, (<-c.used).Leaf.CheckSignatureFrom(trial.root))
	stop()
	c, stop = run(t, real, directory)
	require.NoError(t, (<-c.used).Leaf.CheckSignatureFrom(real.root))
	stop()
	require.Contains(t, c.log.String(), "another authority than tls.acme-directory")
}

// When the authority says no, the log says why and what to do, and the next try goes the other way.
func TestFailureIsSaid(t *testing.T) {
	a := newAuthority(t, byHTTP, byTLS)
	c, stop := run(t, a, t.TempDir())
	<-c.used
	stop()
	a.https, a.http = "127.0.0.1:1", "127.0.0.1:1"
	for _, want := range []string{"by http-01: .*: nobody answers: its name has to lead here, and port 80 to http.listen", "by tls-alpn-01: .*and port 443 to https.listen"} {
		_, err := c.obtain(t.Context())
		require.Regexp(t, "prove that tv.example.org is this machine "+want, err)
	}
	a.ways = []string{"dns-01"}
	other, stop := run(t, a, t.TempDir())
	require.Eventually(t, func() bool {
		return strings.Contains(other.log.String(), "takes neither HTTP-01 nor TLS-ALPN-01\" \"again in\"=1m0s")
	}, 2*time.Minute, time.Millisecond)
	stop()
	require.Empty(t, other.used)
	a.server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := c.obtain(ctx)
	require.ErrorContains(t, err, "make an account at "+a.server.URL)

	directory := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(directory, accountFile), []byte("broken"), 0o600))
	_, err = New(Options{Keep: directory})
	require.ErrorContains(t, err, "delete it to have a new account made")
}

// A certificate is renewed when a third of its life is left, whatever that is.
func TestDue(t *testing.T) {
	from := time.Now()
	leaf := &x509.Certificate{NotBefore: from, NotAfter: from.Add(90 * time.Hour)}
	require.False(t, due(leaf, from.Add(59*time.Hour)))
	require.True(t, due(leaf, from.Add(61*time.Hour)))
	require.True(t, due(leaf, from.Add(1000*time.Hour)))
}
