package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/pull"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/public/prefix"
)

const (
	maxAnswer  = 64 << 10    // bytes of SDP, or of why there is none
	pullWithin = time.Minute // a signature for a pull is good: it is asked for at once
)

// SignatureOfPull is the parameter of a relay's request to watch a stream, for all who may there, by which it says so.
const SignatureOfPull = "signature"

// newIngest makes what viewers over WHEP are connected to.
func (r *Relay) newIngest(sockets ingest.Sockets) (*ingest.Server, error) {
	options := r.cfg.Ingest()
	options.RTMPListen, options.RTMPSListen, options.SRTListen, options.RefuseTakeover = "", "", "", false // nobody publishes here
	options.MaxTCPConnections, options.MaxTCPConnectionsPerAddress, options.MaxRelays = r.connections.ICE, r.connections.ICEPerAddress, r.connections.Relays
	options.Sockets, options.Logger = sockets, r.log
	options.Origin = func(request *http.Request, stream string) pull.Origin {
		return r.Source(r.gate, request, stream)
	}
	return ingest.New(options)
}

// Ingest has the viewers over WHEP.
func (r *Relay) Ingest() *ingest.Server { return r.ingest }

// Started is closed: a relay serves at once.
func (r *Relay) Started() <-chan struct{} {
	started := make(chan struct{})
	close(started)
	return started
}

// Run has viewers over WHEP until ctx ends. It gives the sockets back that New has bound, and the connections to the origin that wait for their next
// request.
func (r *Relay) Run(ctx context.Context) error {
	defer r.tracer.Close()
	defer r.connected.CloseIdleConnections()
	return r.ingest.Run(ctx)
}

// Cascades reports whether who offers to watch gets a session here. Who asks for what is made at the origin only gets one there, and so does who has a
// token that only the origin knows: what others may watch says nothing of him.
func (r *Relay) Cascades(request *http.Request) bool {
	return !request.URL.Query().Has("transformed") && (!r.gate.Open(access.Watch) || access.TokenOfViewer(request) == "")
}

// source is a stream of the origin, asked for all who watch it here.
type source struct {
	way    *Way
	gate   *access.Gate
	stream string
	via    []string // by which the first of them has come
}

// Source is a stream of the origin for all who watch it here, each of whom gate has been asked about. The request is that of the first.
func (w *Way) Source(gate *access.Gate, request *http.Request, stream string) pull.Origin {
	return source{w, gate, stream, slices.Clone(request.Header["Via"])}
}

// Address implements pull.Origin.
func (s source) Address() string { return s.way.origin.Host }

// Offer implements pull.Origin. Where it takes a right to watch, everybody has been asked for it who watches here, and the origin is told by a signature.
func (s source) Offer(ctx context.Context, offered []byte) (answer []byte, session string, err error) {
	query := url.Values{}
	if !s.gate.Open(access.Watch) {
		query.Set(SignatureOfPull, s.gate.Sign(s.stream, time.Now().Add(pullWithin)))
	}
	endpoint := "/whep/" + s.stream
	response, body, err := s.do(ctx, http.MethodPost, endpoint, query, offered)
	if err != nil {
		return nil, "", err
	}
	if response.StatusCode != http.StatusCreated {
		return nil, "", refusalOf(response, body)
	}
	location, err := url.Parse(response.Header.Get("Location"))
	if err != nil {
		return nil, "", fmt.Errorf("read where the session is: %w", err)
	}
	session = location.EscapedPath()
	if rest, found := prefix.Strip(session, s.way.origin.Path); found {
		session = rest
	}
	if !strings.HasPrefix(session, endpoint+"/") {
		return nil, "", fmt.Errorf("the origin has a session of %s at %q", s.stream, session)
	}
	return body, session, nil
}

// Lives implements pull.Origin.
func (s source) Lives(ctx context.Context, session string) (bool, error) {
	response, _, err := s.do(ctx, http.MethodGet, session, nil, nil)
	return err == nil && response.StatusCode != http.StatusNotFound, err
}

// Leave implements pull.Origin.
func (s source) Leave(ctx context.Context, session string) error {
	_, _, err := s.do(ctx, http.MethodDelete, session, nil, nil)
	return err
}

// do asks the origin for a path, for nobody in particular.
func (s source) do(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Response, []byte, error) {
	target := s.way.origin.JoinPath(path)
	target.RawQuery = query.Encode()
	out, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if body != nil {
		out.Header.Set("Content-Type", "application/sdp")
	}
	if s.via != nil {
		out.Header["Via"] = slices.Clone(s.via)
	}
	s.way.prepare(out, nil)
	answer, err := s.way.transport.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = errors.New("the answer of the origin is too long")
	}
	return answer, text, err
}

// refusalOf is what the origin says, for whoever wants to watch here.
func refusalOf(answer *http.Response, body []byte) *refusal.Refusal {
	p := refusal.New(answer.StatusCode, "The server that has this stream refuses: %d %s.", answer.StatusCode, http.StatusText(answer.StatusCode))
	var problem struct{ Detail string }
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind == "application/problem+json" && json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		p.Detail = problem.Detail
	}
	if answer.StatusCode < 400 {
		p.Status = http.StatusBadGateway
	}
	if after, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16); err == nil {
		p.RetryAfter = int(after)
	}
	return p
}
