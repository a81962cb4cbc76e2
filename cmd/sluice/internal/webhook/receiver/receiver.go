// Package receiver is the command that receives webhooks, checks their signatures and shows them: for whoever sets up a service or writes a
// receiver of their own.
//
// Run owns the goroutine of its web server. It keeps nothing.
package receiver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook/signature"
	"github.com/sluice-live/sluice/public/panics"
)

const (
	maxBody     = 1 << 20 // bytes of a request
	maxHeader   = 64 << 10
	maxShown    = 4 << 10 // bytes of an event
	maxKnown    = 1000    // ids
	readWithin  = 10 * time.Second
	closeWithin = time.Second
)

// Test is the command line of sluice webhook-test.
type Test struct {
	Listen string `default:"127.0.0.1:8090" placeholder:"ADDRESS" help:"where events are received (default 127.0.0.1:8090)"`
	Secret string `placeholder:"SECRET" help:"that requests are signed with, webhooks.secret of the service (default: one is made, and printed)"`
	Answer int    `default:"204" placeholder:"STATUS" help:"status of the answers: 2xx takes an event, 410 wants no more, any other has it told again (default 204)"`
}

// Help is the end of the help text.
func (*Test) Help() string {
	return `Receives the events that sluice serve sends with webhooks, checks their signatures (Standard Webhooks), and prints a line for each: the
time, its name, what is told, and its id. What comes again is marked so; what is not signed as it should be gets 401. Ends with Ctrl-C.

Examples:

    sluice webhook-test
    sluice webhook-test --listen :8090 --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    sluice webhook-test --answer 503
` + exit.Help
}

// Run receives until ctx ends.
func (o *Test) Run(ctx context.Context, out io.Writer) error {
	made := o.Secret == ""
	if made {
		o.Secret = signature.NewSecret()
	}
	key, err := signature.ParseKey(o.Secret)
	if err != nil {
		err = fmt.Errorf("flag --secret: it %w", err)
	}
	if o.Answer < 200 || o.Answer > 599 {
		err = errors.Join(err, fmt.Errorf("flag --answer: %d is not between 200 and 599", o.Answer))
	}
	if err != nil {
		return exit.Usage(err)
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return exit.Usage(fmt.Errorf("flag --listen: %w", err))
	}
	url := "http://" + listener.Addr().String() + "/"
	fmt.Fprintf(out, "Events are received at %s\n", url)
	if made {
		fmt.Fprintf(out, "Have them sent by\n    sluice serve --webhooks %s --webhooks-secret %s\n", url, o.Secret)
	}
	return serve(ctx, listener, &receiver{key: key, answer: o.Answer, out: out})
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadTimeout: readWithin, MaxHeaderBytes: maxHeader}
	served := make(chan error, 1)
	go func() {
		var err error
		fault := panics.Contain(nil, "the web server", func() { err = server.Serve(listener) })
		served <- errors.Join(fault, err)
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if server.Shutdown(closing) != nil {
		_ = server.Close()
	}
	<-served // which says that it was closed
	return nil
}

// receiver shows what comes.
type receiver struct {
	key    signature.Key
	answer int

	mu    sync.Mutex
	out   io.Writer
	known []string // ids, the newest last
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Events come by POST.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if err != nil {
		http.Error(w, "The body is too long, or did not come.", http.StatusBadRequest)
		return
	}
	if err := r.key.Verify(request.Header, body, time.Now()); err != nil {
		r.say("REFUSED (401): %v", err)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	id := request.Header.Get(signature.HeaderID)
	mark := ""
	if r.again(id) {
		mark = ", again"
	}
	r.say("%s (%s%s)", describe(body), printable(id), mark)
	w.WriteHeader(r.answer)
}

// again reports whether an id has come before, and remembers it.
func (r *receiver) again(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.known, id) {
		return true
	}
	r.known = append(r.known[max(0, len(r.known)-maxKnown+1):], id)
	return false
}

func (r *receiver) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}

// describe is an event in one line: its name, and what is told.
func describe(body []byte) string {
	var event struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	var line bytes.Buffer
	if json.Unmarshal(body, &event) != nil || json.Compact(&line, event.Data) != nil {
		return printable(string(body))
	}
	return printable(fmt.Sprintf("%-18s %s", event.Type, &line))
}

// printable is text that a terminal shows as it is, and not too much of it.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}
