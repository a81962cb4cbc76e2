package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
)

// openAPI is the description as it is held against answers.
type openAPI struct {
	*openapi3.T
	http.ServeMux // of its operations, by which one is found

	mu      sync.Mutex
	schemas *jsonschema.Compiler // of the document
}

// readDescription reads the description that is served, and holds it to OpenAPI 3.1.
var readDescription = sync.OnceValue(func() *openAPI {
	text, err := os.ReadFile("openapi.json") // which is what is embedded
	if err != nil {
		panic(err)
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err == nil {
		err = document.Validate(context.Background())
	}
	if err != nil {
		panic(err)
	}
	o := &openAPI{T: document, schemas: jsonschema.NewCompiler()}
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			o.HandleFunc(method+" "+strings.Replace(path, "/{stream}/{file}", "/{stream}/{file...}", 1), http.NotFound)
		}
	}
	strict, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	for _, schema := range strict.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		if s := schema.(map[string]any); s["properties"] != nil {
			s["additionalProperties"] = false // clients have to bear more, and the service does not send it
		}
	}
	o.schemas.AssertFormat()
	if err := o.schemas.AddResource(documentURL, strict); err != nil {
		panic(err)
	}
	return o
})

const documentURL = "https://sluice.example/openapi.json"

// operationOf finds what a request asks for; nil for what is not described, such as pages and methods that nothing takes.
func (o *openAPI) operationOf(r *http.Request) *openapi3.Operation {
	_, pattern := o.Handler(r)
	method, path, found := strings.Cut(strings.Replace(pattern, "...}", "}", 1), " ")
	if !found || r.Method != method || cors.IsPreflight(r) {
		return nil
	}
	return o.Paths.Value(path).GetOperation(method)
}

// requireValid holds JSON to a schema of the document, "#/components/…".
func (o *openAPI) requireValid(t testing.TB, schema *openapi3.SchemaRef, text []byte, what string) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if !assert.NoError(t, err, "%s is no JSON: %s", what, text) || schema == nil {
		return
	}
	if schema.Ref == "" {
		assert.NoError(t, schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()), what)
		return
	}
	o.mu.Lock()
	compiled, err := o.schemas.Compile(documentURL + schema.Ref)
	o.mu.Unlock()
	if assert.NoError(t, err) {
		assert.NoError(t, compiled.Validate(value), "%s is not as openapi.json has it: %s", what, text)
	}
}

// answered holds an answer, and the request that has led to it, to their description.
func (o *openAPI) answered(t testing.TB, r *http.Request, sent []byte, answer *described) {
	t.Helper()
	operation := o.operationOf(r)
	if operation == nil || answer.status == http.StatusMethodNotAllowed {
		return
	}
	what := r.Method + " " + r.URL.Path
	response := operation.Responses.Status(answer.status)
	if response == nil && answer.status >= 300 {
		response = operation.Responses.Default()
	}
	if !assert.NotNil(t, response, "openapi.json has no status %d of %s", answer.status, what) || answer.body.Len() == 0 {
		return
	}
	if request := operation.RequestBody; request != nil && answer.status < 300 && strings.HasPrefix(what, "P") {
		if media := request.Value.Content.Get("application/json"); media != nil && json.Valid(sent) {
			o.requireValid(t, media.Schema, sent, "the body of "+what)
		}
	}
	kind, _, err := mime.ParseMediaType(answer.Header().Get("Content-Type"))
	assert.NoError(t, err, what)
	media := response.Value.Content.Get(kind)
	switch {
	case !assert.NotNil(t, media, "openapi.json has no %q of %s with status %d", kind, what, answer.status):
	case kind == "text/event-stream":
		o.eventsSent(t, operation, answer.body.String())
	case strings.HasSuffix(kind, "json") && answer.Header().Get("Content-Range") == "":
		o.requireValid(t, media.Schema, answer.body.Bytes(), "the answer of "+what)
	}
}

// eventsSent holds server-sent events to what the operation says of them.
func (o *openAPI) eventsSent(t testing.TB, operation *openapi3.Operation, text string) {
	t.Helper()
	known, _ := operation.Extensions["x-events"].(map[string]any)
	blocks := strings.Split(text, "\n\n")
	for _, block := range blocks[:len(blocks)-1] {
		event, data, found := strings.Cut(block, "\ndata: ")
		if !found || known == nil {
			continue
		}
		text, err := json.Marshal(known[strings.TrimPrefix(event, "event: ")])
		require.NoError(t, err)
		schema := &openapi3.SchemaRef{}
		if assert.NoError(t, schema.UnmarshalJSON(text)) && assert.NotEqual(t, "null", string(text), "openapi.json has no %s", event) && schema.Ref != "" {
			o.requireValid(t, schema, []byte(data), event)
		}
	}
}

// described is an answer as it is written, and kept.
type described struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (d *described) Unwrap() http.ResponseWriter { return d.ResponseWriter }

func (d *described) WriteHeader(status int) {
	if d.status < 200 {
		d.status = status
	}
	d.ResponseWriter.WriteHeader(status)
}

func (d *described) Write(b []byte) (int, error) {
	if d.status == 0 {
		d.status = http.StatusOK
	}
	d.body.Write(b)
	return d.ResponseWriter.Write(b)
}

// asDescribed holds all answers of a handler to the description.
func asDescribed(t testing.TB, next http.Handler) http.Handler {
	if _, isBenchmark := t.(*testing.B); isBenchmark {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent bytes.Buffer
		asked := r.Clone(r.Context()) // as it was before anything was made of it
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.TeeReader(r.Body, &sent), r.Body}
		}
		answer := &described{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if answer.status != 0 {
			readDescription().answered(t, asked, sent.Bytes(), answer)
		}
	})
}
