package httpapi

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/golden"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/problem"
)

// documents are the types that answers and requests are made of, with those inside them.
var documents = []any{
	api.StreamList{}, api.SessionList{}, api.NodeList{}, api.RecordingList{}, api.RoomList{}, api.LogLines{}, api.Presence{}, api.Server{}, api.Status{}, api.Link{},
	api.LinkRequest{}, api.TransformRequest{}, api.ClipRequest{}, api.ClipList{}, api.KeyRequest{}, api.NewKey{}, api.KeyList{}, api.AirRequest{}, broadcast.Faces{}, problem.Document{}, api.OEmbed{},
}

// The description that is served is openapi.yaml with the schemas of the types that answers are made of.
func TestDescriptionIsMadeOfTheCode(t *testing.T) {
	golden.Require(t, "openapi.json", makeDescription(t))
}

func makeDescription(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, yaml.Unmarshal(text, &document))
	delete(document, "x-answers")
	schemas := document["components"].(map[string]any)["schemas"].(map[string]any)
	maps.Copy(schemas, schemasOf(t, documents))
	joined, err := json.MarshalIndent(document, "", " ")
	require.NoError(t, err)
	return string(joined) + "\n"
}

// renamed are types whose names say little without their packages.
var renamed = map[reflect.Type]string{
	reflect.TypeFor[problem.Document](): "Problem",
}

// schemasOf makes the schemas of types, by their names, described by their comments.
func schemasOf(t *testing.T, types []any) map[string]any {
	t.Helper()
	reflector := jsonschema.Reflector{AllowAdditionalProperties: true, Anonymous: true, Namer: nameOf}
	const module, root = "github.com/sluice-live/sluice", "../../../.."
	before, err := os.Getwd()
	require.NoError(t, err)
	defer func() { require.NoError(t, os.Chdir(before)) }()
	require.NoError(t, os.Chdir(root)) // comments are found by the paths of packages
	for _, path := range []string{"cmd/sluice/internal/httpapi/api", "cmd/sluice/internal/access", "cmd/sluice/internal/broadcast", "cmd/sluice/internal/logs", "packager/recording", "packager/timeline", "ingest/signal", "public/problem"} {
		require.NoError(t, reflector.AddGoComments(module, path))
	}
	schemas := map[string]any{}
	for _, one := range types {
		text, err := json.Marshal(reflector.Reflect(one))
		require.NoError(t, err)
		var made struct {
			Defs map[string]any `json:"$defs"`
		}
		require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(text), `"#/$defs/`, `"#/components/schemas/`)), &made))
		for name, schema := range made.Defs {
			require.True(t, schemas[name] == nil || reflect.DeepEqual(schemas[name], schema), "two types are called %s: give one another name", name)
			schemas[name] = schema
		}
	}
	return schemas
}

func nameOf(of reflect.Type) string {
	if name := renamed[of]; name != "" {
		return name
	}
	if pkg := of.PkgPath(); strings.HasSuffix(pkg, "packager/recording") && of.Name() != "Info" {
		return "Recorded" + of.Name()
	} else if of.Name() == "Info" {
		return "RecordingInfo"
	}
	return of.Name()
}

// undescribed are routes that the description leaves out, and why.
var undescribed = map[string]string{
	"OPTIONS /echo":         "every route answers OPTIONS",
	"GET /live/{stream}":    "it only says that there is nothing",
	"GET /{$}":              "a page",
	"GET /publish":          "a page",
	"GET /frames":           "a page",
	"GET /watch/{stream}":   "a page",
	"GET /embed/{stream}":   "a page",
	"GET /sluice-player.js": "what pages load",
	"GET /echo":             "a page",
	"GET /rooms":            "a page",
	"GET /rooms/{room}":     "a page",
	"GET /dashboard":        "a page",
	"GET /logs":             "a page",
	"GET /links":            "a page",
	"GET /docs":             "a page",
	"GET /docs/{page}":      "a page",
	"GET /licenses":         "a page",
	"GET /assets/{name}":    "what pages load",
}

// The description has every route that a client programs against, and no other.
func TestDescriptionHasTheRoutes(t *testing.T) {
	s := newTestService(t, config.Auth{})
	routes := (&handlers{service: s.Service, cfg: s.cfg}).routes()
	described := map[string]bool{} // methods and paths, and paths alone
	for path, item := range readDescription().Paths.Map() {
		for method, operation := range item.Operations() {
			target := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "x")
			_, pattern := routes.Handler(httptest.NewRequest(method, target, nil))
			_, routed, hasMethod := strings.Cut(pattern, " ")
			if !hasMethod {
				routed = pattern
			}
			if socket, is := strings.CutSuffix(path, "/ws"); is && routed == socket+"/{session}" {
				routed = path // one handler takes both
			}
			require.Equal(t, path, strings.Replace(routed, "...}", "}", 1), "openapi.json has %s %s, which is served by %q", method, path, pattern)
			described[path], described[method+" "+path] = true, true
			require.NotEmpty(t, operation.Summary, path)
			require.NotNil(t, operation.Responses.Default(), "%s %s can be refused", method, path)
			for _, segment := range regexp.MustCompile(`\{([^}]*)\}`).FindAllStringSubmatch(path, -1) {
				require.True(t, item.Parameters.GetByInAndName("path", segment[1]) != nil, "%s lacks its parameter %s", path, segment[1])
			}
		}
	}
	for _, pattern := range routes.patterns {
		if undescribed[pattern] == "" {
			require.True(t, described[strings.Replace(pattern, "...}", "}", 1)], "openapi.yaml lacks the route %q", pattern)
		}
	}
	for pattern := range undescribed {
		require.Contains(t, routes.patterns, pattern)
	}
}

// What the types can be is in their schemas: with everything that may be absent, and without.
func TestSchemasTakeWhatTypesCanBe(t *testing.T) {
	for _, document := range documents {
		of := reflect.TypeOf(document)
		for name, full := range map[string]bool{"everything": true, "as little as possible": false} {
			text, err := json.Marshal(filled(of, full).Interface())
			require.NoError(t, err)
			readDescription().requireValid(t, &openapi3.SchemaRef{Ref: "#/components/schemas/" + nameOf(of)}, text, of.Name()+" with "+name)
		}
	}
}

// filled is a value in which each field is set, or only those that always are. Lists always are lists.
func filled(of reflect.Type, full bool) reflect.Value {
	value := reflect.New(of).Elem()
	switch {
	case of == reflect.TypeFor[time.Time]():
		if full {
			value.Set(reflect.ValueOf(time.Date(2026, 1, 31, 20, 0, 0, 0, time.UTC)))
		}
	case of.Kind() == reflect.Struct:
		for i := range of.NumField() {
			if field := of.Field(i); field.IsExported() {
				always := field.Type.Kind() == reflect.Pointer && !strings.Contains(string(field.Tag), "omitempty") && !strings.Contains(string(field.Tag), "nullable")
				value.Field(i).Set(filled(field.Type, full || always))
				if _, words, isEnum := strings.Cut(field.Tag.Get("jsonschema"), "enum="); isEnum {
					word, _, _ := strings.Cut(words, ",")
					value.Field(i).SetString(word)
				}
			}
		}
	case of.Kind() == reflect.Slice:
		value.Set(reflect.MakeSlice(of, 0, 1))
		if full {
			value.Set(reflect.Append(value, filled(of.Elem(), full)))
		}
	case !full:
	case of.Kind() == reflect.Pointer:
		value.Set(reflect.New(of.Elem()))
		value.Elem().Set(filled(of.Elem(), full))
	case of.Kind() == reflect.String:
		value.SetString("x")
	case of.Kind() == reflect.Bool:
		value.SetBool(true)
	case value.CanInt():
		value.SetInt(1)
	case value.CanUint():
		value.SetUint(1)
	case value.CanFloat():
		value.SetFloat(0.5)
	}
	return value
}
