package doctor

import (
	"context"
	"net/http"
	"strings"
)

// checkEtcd asks each etcd of a cluster whether it is well.
func checkEtcd(ctx context.Context, urls []string) (findings []finding) {
	const subject = "cluster.etcd"
	for _, at := range urls {
		status, err := statusOf(ctx, strings.TrimSuffix(at, "/")+"/health")
		switch {
		case err != nil:
			findings = append(findings, bad(subject, err.Error(), "Start etcd there, let this machine reach it, or take it out of cluster.etcd."))
		case status != http.StatusOK:
			findings = append(findings, bad(subject, at+" answers "+http.StatusText(status)+" to /health", "See the log of that etcd: more than half of its members have to be there."))
		default:
			findings = append(findings, fine(subject, "%s is well", at))
		}
	}
	return findings
}

func statusOf(ctx context.Context, url string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, originWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
