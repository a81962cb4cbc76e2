package httpapi

import (
	_ "embed"
	"net/http"
)

// description is the API as OpenAPI 3.1: openapi.yaml, and the types of package api as schemas. go test -update makes it.
//
//go:embed openapi.json
var description []byte

// serveDescription answers with the description of the API.
func serveDescription(w http.ResponseWriter, r *http.Request) { writeTaggedText(w, r, description) }
