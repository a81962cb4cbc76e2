package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/public/problem"
)

const (
	answerWithin = 30 * time.Second
	maxAnswer    = 64 << 20 // bytes
	maxProblem   = 64 << 10 // bytes
	pageSize     = 500
)

// connection is how the API of a service is reached.
type connection struct{ base, token string }

func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// do sends a request with a body, nil for none, and reads the answer into a document, nil for none. An error is a sentence: what the service says of
// it.
func (c *connection) do(ctx context.Context, method, path string, body, document any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("nobody answers at %s: is it the address of a running service? (%w)", c.base, bare(err))
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return c.refusal(response)
	}
	if document == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(document); err != nil {
		return fmt.Errorf("the answer of %s%s is not that of Sluice: %w", c.base, path, err)
	}
	return nil
}

// bare is the error without the address, which stands before it.
func bare(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// refusal is what the service says of a request that it does not take.
func (c *connection) refusal(response *http.Response) error {
	var told problem.Document
	err := json.NewDecoder(io.LimitReader(response.Body, maxProblem)).Decode(&told)
	switch {
	case err != nil || told.Detail == "":
		return fmt.Errorf("%s answers with status %s: is that Sluice?", c.base, response.Status)
	case response.StatusCode == http.StatusUnauthorized && c.token == "":
		return errorf("This takes a key: give it by --token, or in SLUICE_TOKEN.")
	case response.StatusCode == http.StatusUnauthorized:
		return errorf("The service does not know this key: give another one by --token, or in SLUICE_TOKEN.")
	}
	return errors.New(told.Detail)
}

// gather asks for one page of a list after the other, until there are no more or as many as are wanted; 0 is all. join adds a page to all that there is,
// and returns how many that is now, and the token of the next page.
func gather[L any](ctx context.Context, c *Ctl, from config.Surroundings, path string, wanted int, all L, join func(all, page *L) (have int, next string)) (L, error) {
	service, err := c.connect(from)
	query := url.Values{}
	for have, next := 0, ""; err == nil; {
		size := pageSize
		if wanted > 0 {
			size = min(size, wanted-have)
		}
		query.Set("limit", strconv.Itoa(size))
		var page L
		if err = service.do(ctx, "GET", path+"?"+query.Encode(), nil, &page); err != nil {
			break
		}
		if have, next = join(&all, &page); next == "" || wanted > 0 && have >= wanted {
			break
		}
		query.Set("page_token", next)
	}
	return all, err
}
