package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// clocksApart is by how much the clock of an etcd may differ, whose answers tell the second alone.
const clocksApart = 3 * time.Second

// checkEtcd asks each etcd of a cluster whether it is well, by the certificates that are configured.
func checkEtcd(ctx context.Context, c config.Cluster) (findings []finding) {
	const subject = "cluster.etcd"
	if len(c.Etcd) == 0 {
		return nil
	}
	secured, err := c.TLSOfEtcd()
	if _, ofNodes := c.TLSOfNodes(); err == nil {
		err = ofNodes
	}
	if err != nil {
		return []finding{bad("cluster", err.Error(), "Name PEM files that this user may read.")}
	}
	transport := &http.Transport{TLSClientConfig: secured, DisableKeepAlives: true}
	for _, at := range c.Etcd {
		status, there, err := statusOf(ctx, transport, strings.TrimSuffix(at, "/")+"/health")
		apart := time.Since(there).Abs().Round(time.Second)
		untrusted := new(tls.CertificateVerificationError)
		switch {
		case errors.As(err, &untrusted):
			findings = append(findings, bad(subject, err.Error(), "Set cluster.etcd-ca to the certificate of the authority that has issued that of etcd, and ask etcd by a name that it is for."))
		case err != nil && strings.Contains(err.Error(), "remote error: tls:"):
			findings = append(findings, bad(subject, at+": "+err.Error(), "Set cluster.etcd-cert and cluster.etcd-key to a certificate that this etcd takes from its clients (trusted-ca-file)."))
		case err != nil:
			findings = append(findings, bad(subject, err.Error(), "Start etcd there, let this machine reach it, or take it out of cluster.etcd."))
		case status != http.StatusOK:
			findings = append(findings, bad(subject, at+" answers "+http.StatusText(status)+" to /health", "See the log of that etcd: more than half of its members have to be there."))
		case !there.IsZero() && apart >= clocksApart:
			findings = append(findings, look(subject, at+" is well, and its clock is "+apart.String()+" apart from the one here",
				"Set all clocks by NTP: a node whose clock is a second from those of most others takes no streams, and one that is a minute off is believed by none."))
		case openToOthers(at):
			findings = append(findings, look(subject, at+" is well, and not over TLS", "Whoever reaches it says where streams are: give it certificates (client-cert-auth), set cluster.etcd-ca, -cert and -key, and ask it by https."))
		default:
			findings = append(findings, fine(subject, "%s is well", at))
		}
	}
	return findings
}

// openToOthers reports whether an etcd is asked without TLS over a network.
func openToOthers(at string) bool {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

// statusOf is what is answered, and what time it is there, to the second; zero where that is not said.
func statusOf(ctx context.Context, transport *http.Transport, url string) (status int, there time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, originWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, time.Time{}, err
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return 0, time.Time{}, err
	}
	there, _ = http.ParseTime(answer.Header.Get("Date"))
	return answer.StatusCode, there, answer.Body.Close()
}
